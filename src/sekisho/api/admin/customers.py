"""/customer/… and /end_user/…: those in whose name the holder of a key calls (`user` of a request).

Flows in: requests that passed the gate. Flows out: LiteLLM's answers. Must stay true: LiteLLM calls an end user's name
`user_id`; both paths serve the same rows; a budget is named or set, not both.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field
from sqlalchemy.engine import Connection

from sekisho.api.admin.fields import Body, NotEnforced, UnknownObject, answer, plain, refuse_unenforced
from sekisho.api.admin.flush import flushed
from sekisho.api.admin.limit_fields import LIMIT_FIELDS, LimitFields, Name, Usd, limits_from
from sekisho.api.admin.limit_rows import budget_row, limit_row
from sekisho.api.admin.recount import recount
from sekisho.api.admin.references import existing
from sekisho.api.admin.services import AdminServices, Asked, Asker, Services
from sekisho.core.errors import MalformedRequest
from sekisho.core.money import nano_usd, usd_float
from sekisho.store.directory import BUDGETS, END_USERS, EndUserRow
from sekisho.store.edit import Edit
from sekisho.store.limits import NO_LIMITS

router = APIRouter()

CUSTOMERS_MAX = 1_000
#: Fields of LiteLLM's that would have no effect.
_NOT_ENFORCED = ("default_model", "allowed_model_region")


class CustomerFields(LimitFields):
    user_id: Name
    alias: Name | None = None
    blocked: bool | None = None
    budget_id: Name | None = None
    spend: Usd | None = None
    default_model: Name | None = None
    allowed_model_region: Name | None = None


class CustomerIds(Body):
    user_ids: Annotated[list[Name], Field(min_length=1, max_length=400)]


@router.post("/customer/new")
@router.post("/end_user/new")
async def new(body: CustomerFields, services: Services, asker: Asked) -> Response:
    """Declare a customer."""

    def work(edit: Edit) -> EndUserRow:
        if END_USERS.get(edit.connection, body.user_id) is not None:
            raise MalformedRequest("This customer exists already: change them by /customer/update.", param="user_id")
        return edit.add(END_USERS, end_user_id=body.user_id, **_columns(edit.connection, body, None))

    return answer(await _shown(services, await services.desk.edit(asker.actor, work)), body)


@router.post("/customer/update")
@router.post("/end_user/update")
async def update(body: CustomerFields, services: Services, asker: Asked) -> Response:
    """Change what the body names; null unsets."""

    def work(edit: Edit) -> EndUserRow:
        present = _named(edit.connection, body.user_id)
        return edit.change(END_USERS, present, _columns(edit.connection, body, present))

    row = await services.desk.edit(asker.actor, work)
    if body.spend is not None:
        await recount(services, "end_user", row.end_user_id, row.limits, row.budget_id)
    return answer(await _shown(services, row), body)


@router.post("/customer/delete")
@router.post("/end_user/delete")
async def delete(body: CustomerIds, services: Services, asker: Asked) -> Response:
    """Forget what was declared of these customers: all, or none where one is unknown."""

    def work(edit: Edit) -> int:
        rows = [_named(edit.connection, name) for name in dict.fromkeys(body.user_ids)]
        for row in rows:
            edit.remove(END_USERS, row)
        return len(rows)

    count = await services.desk.edit(asker.actor, work)
    return answer({"deleted_customers": count, "message": f"Deleted {count} customers"}, body)


@router.post("/customer/block")
@router.post("/end_user/block")
async def block(body: CustomerIds, services: Services, asker: Asked) -> Response:
    """Refuse calls in the name of these from now on, declared before or not."""
    rows = await _blocked(body, services, asker, blocked=True)
    return answer({"blocked_users": rows}, body)


@router.post("/customer/unblock")
@router.post("/end_user/unblock")
async def unblock(body: CustomerIds, services: Services, asker: Asked) -> Response:
    """Let them pass again."""
    await _blocked(body, services, asker, blocked=False)
    return answer({"blocked_users": []}, body)


@router.get("/customer/info")
@router.get("/end_user/info")
async def info(services: Services, end_user_id: Annotated[Name, Query()]) -> Response:
    """One customer."""
    await flushed(services.journal)
    row = await services.desk.read(lambda connection: _named(connection, end_user_id, "end_user_id"))
    return answer(await _shown(services, row))


@router.get("/customer/list")
@router.get("/end_user/list")
async def list_customers(services: Services) -> Response:
    """The declared customers, up to a limit."""
    await flushed(services.journal)
    now_us = services.desk.now_us

    def read(connection: Connection) -> list[dict[str, Any]]:
        rows = END_USERS.find(connection, limit=CUSTOMERS_MAX + 1)
        return [_row(connection, row, now_us) for row in rows]

    rows = await services.desk.read(read)
    response = answer(rows[:CUSTOMERS_MAX])
    if len(rows) > CUSTOMERS_MAX:
        response.headers["x-sekisho-truncated"] = f"the first {CUSTOMERS_MAX}"
    return response


async def _shown(services: AdminServices, row: EndUserRow) -> dict[str, Any]:
    return await services.desk.read(lambda connection: _row(connection, row, services.desk.now_us))


async def _blocked(body: CustomerIds, services: AdminServices, asker: Asker, *, blocked: bool) -> list[dict[str, Any]]:
    action = "blocked" if blocked else "unblocked"

    def work(edit: Edit) -> list[EndUserRow]:
        rows = []
        for name in dict.fromkeys(body.user_ids):
            present = END_USERS.get(edit.connection, name) or edit.add(END_USERS, end_user_id=name)
            rows.append(edit.change(END_USERS, present, {"blocked": blocked}, action))
        return rows

    rows = await services.desk.edit(asker.actor, work)
    return [await _shown(services, row) for row in rows]


def _columns(connection: Connection, sent: CustomerFields, present: EndUserRow | None) -> dict[str, Any]:
    refuse_unenforced(sent)
    for name in _NOT_ENFORCED:
        if getattr(sent, name):
            raise NotEnforced(name)
    fields = plain(sent, "alias", "blocked", "budget_id")
    if sent.spend is not None:
        fields["spend_nano_usd"] = nano_usd(sent.spend)
    if fields.get("budget_id") is not None:
        if any(getattr(sent, name) is not None for name in LIMIT_FIELDS & sent.model_fields_set):
            raise MalformedRequest("Name a 'budget_id' or set limits, not both.", param="budget_id")
        existing(connection, BUDGETS, fields["budget_id"], "budget_id")
    limits = limits_from(sent, NO_LIMITS if present is None else present.limits)
    return fields | {"limits": limits}


def _row(connection: Connection, row: EndUserRow, now_us: int) -> dict[str, Any]:
    budget = BUDGETS.get(connection, row.budget_id or "")
    own = limit_row(row.limits, now_us) if row.limits != NO_LIMITS else None
    return {
        "user_id": row.end_user_id,
        "alias": row.alias,
        "blocked": row.blocked,
        "spend": usd_float(row.spend_nano_usd),
        "budget_id": row.budget_id,
        "allowed_model_region": row.allowed_model_region,
        "default_model": row.default_model,
        "object_permission": None,
        "litellm_budget_table": own if budget is None else budget_row(budget, now_us),
    }


def _named(connection: Connection, name: str, param: str = "user_id") -> EndUserRow:
    row = END_USERS.get(connection, name)
    if row is None:
        raise UnknownObject(param, "customer")
    return row

"""/tag/…: what binds the calls that carry a tag.

Flows in: requests that passed the gate. Flows out: LiteLLM's answers. Must stay true: a tag that is not declared here
may be used all the same: it binds nothing and is reported on.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import Field
from sqlalchemy.engine import Connection

from sekisho.api.admin.fields import Body, Names, UnknownObject, answer, plain, refuse_unenforced
from sekisho.api.admin.flush import flushed
from sekisho.api.admin.limit_fields import LimitFields, Name, Text, limits_from
from sekisho.api.admin.limit_rows import budget_row, limit_row, stamps_row
from sekisho.api.admin.references import existing
from sekisho.api.admin.services import Asked, Services
from sekisho.core.errors import MalformedRequest
from sekisho.core.money import usd_float
from sekisho.store.directory import BUDGETS, TAGS, TagRow
from sekisho.store.edit import Edit
from sekisho.store.limits import NO_LIMITS

router = APIRouter(prefix="/tag")

TAGS_MAX = 1_000


class TagFields(LimitFields):
    name: Annotated[Name, Field(min_length=1)]
    description: Text | None = None
    models: Names | None = None
    budget_id: Name | None = None


class TagNames(Body):
    names: Annotated[list[Name], Field(min_length=1, max_length=400)]


class TagName(Body):
    name: Name


@router.post("/new")
async def new(body: TagFields, services: Services, asker: Asked) -> Response:
    """Declare a tag."""

    def work(edit: Edit) -> TagRow:
        if TAGS.get(edit.connection, body.name) is not None:
            raise MalformedRequest("This tag exists already: change it by /tag/update.", param="name")
        return edit.add(TAGS, name=body.name, **_columns(edit.connection, body, None))

    row = await services.desk.edit(asker.actor, work)
    told = {"message": f"Tag {row.name} created", "tag": _row(row, services.desk.now_us)}
    return answer(told | _row(row, services.desk.now_us), body)


@router.post("/update")
async def update(body: TagFields, services: Services, asker: Asked) -> Response:
    """Change what the body names; null unsets."""

    def work(edit: Edit) -> TagRow:
        present = _named(edit.connection, body.name)
        return edit.change(TAGS, present, _columns(edit.connection, body, present))

    row = await services.desk.edit(asker.actor, work)
    told = {"message": f"Tag {row.name} updated", "tag": _row(row, services.desk.now_us)}
    return answer(told | _row(row, services.desk.now_us), body)


@router.post("/delete")
async def delete(body: TagName, services: Services, asker: Asked) -> Response:
    """Forget what was declared of a tag. Its calls stay in the ledger."""
    await services.desk.edit(asker.actor, lambda edit: edit.remove(TAGS, _named(edit.connection, body.name)))
    return answer({"message": f"Tag {body.name} deleted"}, body)


@router.post("/info")
async def info(body: TagNames, services: Services) -> Response:
    """Name -> tag, of those that are declared."""
    await flushed(services.journal)

    def read(connection: Connection) -> dict[str, Any]:
        rows = TAGS.many(connection, [(name,) for name in body.names])
        return {row.name: _shown(connection, row, services.desk.now_us) for row in rows}

    return answer(await services.desk.read(read), body)


@router.get("/list")
async def list_tags(services: Services) -> Response:
    """The declared tags, up to a limit."""
    await flushed(services.journal)

    def read(connection: Connection) -> list[dict[str, Any]]:
        rows = TAGS.find(connection, limit=TAGS_MAX + 1)
        return [_shown(connection, row, services.desk.now_us) for row in rows]

    rows = await services.desk.read(read)
    response = answer(rows[:TAGS_MAX])
    if len(rows) > TAGS_MAX:
        response.headers["x-sekisho-truncated"] = f"the first {TAGS_MAX}"
    return response


def _columns(connection: Connection, sent: TagFields, present: TagRow | None) -> dict[str, Any]:
    refuse_unenforced(sent)
    fields = plain(sent, "description", "models", "budget_id")
    if fields.get("budget_id") is not None:
        existing(connection, BUDGETS, fields["budget_id"], "budget_id")
    limits = limits_from(sent, NO_LIMITS if present is None else present.limits)
    return fields | {"limits": limits}


def _row(row: TagRow, now_us: int) -> dict[str, Any]:
    return (
        {
            "name": row.name,
            "description": row.description,
            "models": row.models,
            "budget_id": row.budget_id,
            "spend": usd_float(row.spend_nano_usd),
        }
        | limit_row(row.limits, now_us)
        | stamps_row(row)
    )


def _shown(connection: Connection, row: TagRow, now_us: int) -> dict[str, Any]:
    budget = BUDGETS.get(connection, row.budget_id or "")
    table = limit_row(row.limits, now_us) if budget is None else budget_row(budget, now_us)
    return _row(row, now_us) | {"litellm_budget_table": table}


def _named(connection: Connection, name: str) -> TagRow:
    row = TAGS.get(connection, name)
    if row is None:
        raise UnknownObject("name", "tag")
    return row

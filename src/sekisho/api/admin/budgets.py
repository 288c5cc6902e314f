"""/budget/…: limits that several keys, organisations, customers or tags share by naming them.

Flows in: requests that passed the gate. Flows out: LiteLLM's answers. Must stay true: each that names a budget has a
counter of its own; a budget is not deleted under those who name it.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field
from sqlalchemy.engine import Connection

from sekisho.api.admin.fields import Body, UnknownObject, answer, refuse_unenforced
from sekisho.api.admin.limit_fields import LimitFields, Name, limits_from
from sekisho.api.admin.limit_rows import budget_row, limit_row
from sekisho.api.admin.services import Asked, Services
from sekisho.core.errors import MalformedRequest
from sekisho.core.ids import new_uuid7
from sekisho.store.directory import BUDGETS, END_USERS, KEYS, ORGANIZATIONS, TAGS, BudgetRow
from sekisho.store.edit import Edit
from sekisho.store.limits import NO_LIMITS

router = APIRouter(prefix="/budget")

BUDGETS_MAX = 1_000


class BudgetFields(LimitFields):
    budget_id: Name | None = None


class BudgetNames(Body):
    budgets: Annotated[list[Name], Field(min_length=1, max_length=400)]


class BudgetId(Body):
    id: Name


@router.post("/new")
async def new(body: BudgetFields, services: Services, asker: Asked) -> Response:
    """Make a budget."""
    refuse_unenforced(body)

    def work(edit: Edit) -> BudgetRow:
        budget_id = body.budget_id or new_uuid7()
        if BUDGETS.get(edit.connection, budget_id) is not None:
            raise MalformedRequest("'budget_id' is taken: choose another, or leave it out.", param="budget_id")
        return edit.add(BUDGETS, budget_id=budget_id, limits=limits_from(body, NO_LIMITS))

    return answer(budget_row(await services.desk.edit(asker.actor, work), services.desk.now_us), body)


@router.post("/update")
async def update(body: BudgetFields, services: Services, asker: Asked) -> Response:
    """Change what the body names; null unsets."""
    refuse_unenforced(body)

    def work(edit: Edit) -> BudgetRow:
        present = _named(edit.connection, body.budget_id or "", "budget_id")
        return edit.change(BUDGETS, present, {"limits": limits_from(body, present.limits)})

    return answer(budget_row(await services.desk.edit(asker.actor, work), services.desk.now_us), body)


@router.post("/delete")
async def delete(body: BudgetId, services: Services, asker: Asked) -> Response:
    """Delete a budget that nobody names any more."""

    def work(edit: Edit) -> BudgetRow:
        present = _named(edit.connection, body.id, "id")
        for entities in (KEYS, ORGANIZATIONS, END_USERS, TAGS):
            if entities.find(edit.connection, entities.table.c.budget_id == body.id, limit=1):
                message = f"A {entities.kind.replace('_', ' ')} names this budget: it would be without limits."
                raise MalformedRequest(message, param="id")
        edit.remove(BUDGETS, present)
        return present

    return answer(budget_row(await services.desk.edit(asker.actor, work), services.desk.now_us), body)


@router.post("/info")
async def info(body: BudgetNames, services: Services) -> Response:
    """Those of the named budgets that exist."""
    rows = await services.desk.read(lambda connection: BUDGETS.many(connection, [(name,) for name in body.budgets]))
    return answer([budget_row(row, services.desk.now_us) for row in rows], body)


@router.get("/list")
async def list_budgets(services: Services) -> Response:
    """All budgets, up to a limit."""
    rows = await services.desk.read(lambda connection: BUDGETS.find(connection, limit=BUDGETS_MAX + 1))
    response = answer([budget_row(row, services.desk.now_us) for row in rows[:BUDGETS_MAX]])
    if len(rows) > BUDGETS_MAX:
        response.headers["x-sekisho-truncated"] = f"the first {BUDGETS_MAX}"
    return response


@router.get("/settings")
async def settings(services: Services, budget_id: Annotated[Name, Query()]) -> Response:
    """What a budget sets, field by field, as LiteLLM's console asks for it."""
    row = await services.desk.read(lambda connection: _named(connection, budget_id, "budget_id"))
    shown = limit_row(row.limits, services.desk.now_us)
    return answer([_setting(name, value) for name, value in shown.items()])


def _setting(name: str, value: Any) -> dict[str, Any]:
    return {
        "field_name": name,
        "field_type": "Object" if isinstance(value, dict | list) else "String" if isinstance(value, str) else "Float",
        "field_description": name.replace("_", " "),
        "field_value": value,
        "stored_in_db": bool(value) or value == 0,
        "field_default_value": None,
    }


def _named(connection: Connection, budget_id: str, param: str) -> BudgetRow:
    row = BUDGETS.get(connection, budget_id)
    if row is None:
        raise UnknownObject(param, "budget")
    return row

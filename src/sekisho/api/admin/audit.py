"""/audit: who changed what, as LiteLLM's clients ask for it.

Flows in: filters. Flows out: pages of changes, the newest first. Must stay true: nothing here writes; values stand as
they were stored, secrets hidden.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement
from sqlalchemy.engine import Connection

from sekisho.api.admin.fields import UnknownObject, answer
from sekisho.api.admin.limit_fields import Name
from sekisho.api.admin.limit_rows import iso
from sekisho.api.admin.services import Services
from sekisho.api.admin.spend import time_us
from sekisho.store.directory import AUDIT, AuditRow

router = APIRouter(prefix="/audit")

#: Kind of object -> LiteLLM's table of them. What it has no table for goes by our own name.
TABLES = {
    "key": "LiteLLM_VerificationToken",
    "user": "LiteLLM_UserTable",
    "team": "LiteLLM_TeamTable",
    "team_member": "LiteLLM_TeamMembership",
    "organization": "LiteLLM_OrganizationTable",
    "organization_member": "LiteLLM_OrganizationMembership",
    "project": "LiteLLM_ProjectTable",
    "budget": "LiteLLM_BudgetTable",
    "end_user": "LiteLLM_EndUserTable",
    "tag": "LiteLLM_TagTable",
    "model": "LiteLLM_ProxyModelTable",
    "credential": "LiteLLM_CredentialsTable",
}
_KINDS = {table: kind for kind, table in TABLES.items()}


class AuditQuery(BaseModel):
    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    page_size: Annotated[int, Field(ge=1, le=100)] = 10
    changed_by: Name | None = None
    action: Name | None = None
    table_name: Name | None = None
    object_id: Name | None = None
    start_date: Name | None = None
    end_date: Name | None = None
    sort_order: Literal["asc", "desc"] = "desc"


@router.get("")
async def audit(services: Services, wanted: Annotated[AuditQuery, Query()]) -> Response:
    """A page of the changes that match."""
    conditions = _matching(wanted)

    def read(connection: Connection) -> tuple[list[AuditRow], int]:
        rows = AUDIT.find(
            connection,
            *conditions,
            limit=wanted.page_size,
            offset=(wanted.page - 1) * wanted.page_size,
            sort_by="at_us",
            ascending=wanted.sort_order == "asc",
        )
        return rows, AUDIT.count(connection, *conditions)

    rows, total = await services.desk.read(read)
    return answer(
        {
            "audit_logs": [_row(row) for row in rows],
            "total": total,
            "page": wanted.page,
            "page_size": wanted.page_size,
            "total_pages": -(-total // wanted.page_size),
        }
    )


@router.get("/{change_id}")
async def entry(change_id: Name, services: Services) -> Response:
    """One change."""
    row = await services.desk.read(lambda connection: AUDIT.get(connection, change_id))
    if row is None:
        raise UnknownObject("id", "change")
    return answer(_row(row))


def _matching(wanted: AuditQuery) -> list[ColumnElement[bool]]:
    columns = AUDIT.table.c
    conditions: list[ColumnElement[bool]] = []
    if wanted.changed_by:
        conditions.append(columns.actor == wanted.changed_by)
    if wanted.action:
        conditions.append(columns.action == wanted.action)
    if wanted.table_name:
        conditions.append(columns.object_kind == _KINDS.get(wanted.table_name, wanted.table_name))
    if wanted.object_id:
        conditions.append(columns.object_id == wanted.object_id)
    if wanted.start_date:
        conditions.append(columns.at_us >= time_us(wanted.start_date, "start_date"))
    if wanted.end_date:
        conditions.append(columns.at_us < time_us(wanted.end_date, "end_date", end=True))
    return conditions


def _row(row: AuditRow) -> dict[str, Any]:
    return {
        "id": row.change_id,
        "updated_at": iso(row.at_us),
        "changed_by": row.actor,
        "changed_by_api_key": "",
        "action": row.action,
        "table_name": TABLES.get(row.object_kind, row.object_kind),
        "object_id": row.object_id,
        "before_value": None if row.before is None else msgspec.Raw(row.before.encode()),
        "updated_values": None if row.after is None else msgspec.Raw(row.after.encode()),
    }

"""/organization/…: organisations and their members, as LiteLLM's clients make, show and change them.

Flows in: requests that passed the gate. Flows out: LiteLLM's answers. Must stay true: whoever asks reaches the
organisation; lists hold what their asker reaches, and have a limit.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field
from sqlalchemy.engine import Connection

from sekisho.api.admin.fields import Body, answer
from sekisho.api.admin.flush import flushed
from sekisho.api.admin.limit_fields import Name
from sekisho.api.admin.limit_rows import budget_row, limit_row, metadata_row, stamps_row
from sekisho.api.admin.organization_changes import (
    AddOrganizationMembers,
    NamedOrganizationMember,
    OrganizationFields,
    add_members,
    change_member,
    change_organization,
    make_organization,
    reached_organization,
    remove_member,
    remove_organizations,
)
from sekisho.api.admin.services import Asked, Asker, Services
from sekisho.api.admin.teams import team_with_members
from sekisho.api.admin.userrows import organization_member_row, user_row
from sekisho.api.admin.visible import visible_organizations
from sekisho.core.money import usd_float
from sekisho.store.directory import BUDGETS, ORGANIZATION_MEMBERS, ORGANIZATIONS, TEAMS, USERS, OrganizationRow

router = APIRouter()

#: Members and teams shown with one organisation; organisations in a list.
MEMBERS_MAX, TEAMS_MAX, ORGANIZATIONS_MAX = 2_000, 500, 1_000


class OrganizationIds(Body):
    organization_ids: Annotated[list[Name], Field(min_length=1, max_length=100)]


@router.post("/organization/new")
async def new(body: OrganizationFields, services: Services, asker: Asked) -> Response:
    """Make an organisation."""
    row = await services.desk.edit(asker.actor, lambda edit: make_organization(edit, body))
    return answer(await services.desk.read(lambda connection: _shown(connection, row, services.desk.now_us)), body)


@router.post("/organization/update")
@router.patch("/organization/update")
async def update(body: OrganizationFields, services: Services, asker: Asked) -> Response:
    """Change what the body names; null unsets."""
    row = await services.desk.edit(asker.actor, lambda edit: change_organization(edit, asker, body))
    return answer(await services.desk.read(lambda connection: _shown(connection, row, services.desk.now_us)), body)


@router.patch("/v2/organization/{organization_id}")
async def update_named(organization_id: Name, body: OrganizationFields, services: Services, asker: Asked) -> Response:
    """The same, the organisation named in the path."""
    return await update(body.model_copy(update={"organization_id": organization_id}), services, asker)


@router.post("/organization/delete")
@router.delete("/organization/delete")
async def delete(body: OrganizationIds, services: Services, asker: Asked) -> Response:
    """Delete organisations that have no teams and no keys any more."""
    rows = await services.desk.edit(asker.actor, lambda edit: remove_organizations(edit, asker, body.organization_ids))
    now_us = services.desk.now_us
    shown = await services.desk.read(lambda connection: [_shown(connection, row, now_us) for row in rows])
    return answer(shown, body)


@router.get("/organization/info")
async def info(services: Services, asker: Asked, organization_id: Annotated[Name, Query()]) -> Response:
    """An organisation with its members and teams."""
    await flushed(services.journal)

    def read(connection: Connection) -> dict[str, Any]:
        row = reached_organization(connection, asker, organization_id)
        return _with_all(connection, asker, row, services.desk.now_us)

    return answer(await services.desk.read(read))


@router.get("/organization/list")
async def list_organizations(services: Services, asker: Asked) -> Response:
    """Organisations, up to a limit, with their members and teams."""
    await flushed(services.journal)

    def read(connection: Connection) -> list[dict[str, Any]]:
        rows = ORGANIZATIONS.find(connection, *visible_organizations(asker), limit=ORGANIZATIONS_MAX + 1)
        return [_with_all(connection, asker, row, services.desk.now_us) for row in rows]

    found = await services.desk.read(read)
    response = answer(found[:ORGANIZATIONS_MAX])
    if len(found) > ORGANIZATIONS_MAX:
        response.headers["x-sekisho-truncated"] = f"the first {ORGANIZATIONS_MAX}"
    return response


@router.post("/organization/member_add")
async def add(body: AddOrganizationMembers, services: Services, asker: Asked) -> Response:
    """Members from now on, with limits of their own where the request says some."""
    rows = await services.desk.edit(asker.actor, lambda edit: add_members(edit, asker, body))
    now_us = services.desk.now_us

    def read(connection: Connection) -> dict[str, Any]:
        users = USERS.many(connection, [(row.user_id,) for row in rows])
        return {
            "organization_id": body.organization_id,
            "updated_users": [user_row(user, now_us) for user in users],
            "updated_organization_memberships": [organization_member_row(row, now_us) for row in rows],
        }

    return answer(await services.desk.read(read), body)


@router.post("/organization/member_update")
@router.patch("/organization/member_update")
async def update_member(body: NamedOrganizationMember, services: Services, asker: Asked) -> Response:
    """Change a member's role or limits; null unsets a limit."""
    row = await services.desk.edit(asker.actor, lambda edit: change_member(edit, asker, body))
    return answer(organization_member_row(row, services.desk.now_us), body)


@router.post("/organization/member_delete")
@router.delete("/organization/member_delete")
async def delete_member(body: NamedOrganizationMember, services: Services, asker: Asked) -> Response:
    """The user leaves the organisation."""
    row = await services.desk.edit(asker.actor, lambda edit: remove_member(edit, asker, body))
    return answer(organization_member_row(row, services.desk.now_us), body)


def _row(row: OrganizationRow, now_us: int) -> dict[str, Any]:
    return (
        {
            "organization_id": row.organization_id,
            "organization_alias": row.organization_alias,
            "budget_id": row.budget_id,
            "models": row.models,
            "spend": usd_float(row.spend_nano_usd),
            "model_spend": {},
            "metadata": metadata_row(row.metadata, row.limits),
            "residency": row.residency,
            "blocked": row.blocked,
            "object_permission": None,
        }
        | limit_row(row.limits, now_us)
        | stamps_row(row)
    )


def _shown(connection: Connection, row: OrganizationRow, now_us: int) -> dict[str, Any]:
    """LiteLLM's clients find the limits in the budget's table, also where the organisation has its own."""
    budget = BUDGETS.get(connection, row.budget_id or "")
    table = limit_row(row.limits, now_us) if budget is None else budget_row(budget, now_us)
    return _row(row, now_us) | {"litellm_budget_table": table}


def _with_all(connection: Connection, asker: Asker, row: OrganizationRow, now_us: int) -> dict[str, Any]:
    """The members and teams are shown to those who administer the organisation, or see all."""
    shown = _shown(connection, row, now_us)
    if not asker.sees_all and row.organization_id not in asker.standing.administered:
        return shown | {"members": [], "teams": []}
    of = ORGANIZATION_MEMBERS.table.c.organization_id == row.organization_id
    members = ORGANIZATION_MEMBERS.find(connection, of, limit=MEMBERS_MAX)
    teams = TEAMS.find(connection, TEAMS.table.c.organization_id == row.organization_id, limit=TEAMS_MAX)
    return shown | {
        "members": [organization_member_row(member, now_us) for member in members],
        "teams": [team_with_members(connection, team, now_us) for team in teams],
    }

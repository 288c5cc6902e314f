"""/team/…: teams, as LiteLLM's clients make, show and change them. Members are in team_members.py.

Flows in: requests that passed the gate. Flows out: LiteLLM's answers. Must stay true: whoever asks reaches the team;
lists hold what their asker reaches, and have a limit.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.engine import Connection

from sekisho.api.admin.fields import Body, Names, NotEnforced, answer
from sekisho.api.admin.flush import flushed
from sekisho.api.admin.keyrows import token_row
from sekisho.api.admin.limit_fields import Name
from sekisho.api.admin.permissions import MEMBER_PERMISSIONS
from sekisho.api.admin.services import AdminServices, Asked, Asker, Services
from sekisho.api.admin.team_changes import (
    TeamFields,
    change_team,
    checked_permissions,
    make_team,
    reached_team,
    remove_teams,
)
from sekisho.api.admin.teamrows import member_budget, membership_row, team_row
from sekisho.api.admin.visible import leads_team, visible_keys, visible_teams
from sekisho.core.errors import MalformedRequest
from sekisho.store.directory import KEYS, TEAM_MEMBERS, TEAMS, USERS, TeamMemberRow, TeamRow
from sekisho.store.edit import Edit

router = APIRouter()

#: Keys and members shown with one team, and teams in the list without pages.
KEYS_MAX, MEMBERS_MAX, TEAMS_MAX = 500, 2_000, 1_000
_SORTED_BY = {"created_at": "created_us", "updated_at": "updated_us", "spend": "spend_nano_usd"}


class TeamId(Body):
    team_id: Name


class TeamIds(Body):
    team_ids: Annotated[list[Name], Field(min_length=1, max_length=100)]


class Permissions(TeamId):
    team_member_permissions: Names


class TeamModels(TeamId):
    models: Names


class TeamListQuery(BaseModel):
    """Parameters of `/v2/team/list`; the first two are those of `/team/list`."""

    user_id: Name | None = None
    organization_id: Name | None = None
    team_id: Name | None = None
    team_alias: Name | None = None
    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    page_size: Annotated[int, Field(ge=1, le=100)] = 10
    sort_by: Literal["team_id", "team_alias", "created_at", "updated_at", "spend"] = "team_alias"
    sort_order: Literal["asc", "desc"] = "asc"
    status: Name | None = None


@router.post("/team/new")
async def new(body: TeamFields, services: Services, asker: Asked) -> Response:
    """Make a team."""
    row = await services.desk.edit(asker.actor, lambda edit: make_team(edit, asker, body))
    return answer(await shown_team(services, row), body)


@router.post("/team/update")
async def update(body: TeamFields, services: Services, asker: Asked) -> Response:
    """Change what the body names; null unsets."""
    row = await services.desk.edit(asker.actor, lambda edit: change_team(edit, asker, body))
    return answer({"team_id": row.team_id, "data": await shown_team(services, row)}, body)


@router.post("/team/delete")
async def delete(body: TeamIds, services: Services, asker: Asked) -> Response:
    """Delete teams with their keys, projects and memberships. Their rows in the ledger stay."""
    await services.desk.edit(asker.actor, lambda edit: remove_teams(edit, asker, body.team_ids))
    return answer({"deleted_teams": body.team_ids}, body)


@router.post("/team/block")
async def block(body: TeamId, services: Services, asker: Asked) -> Response:
    """Refuse the calls of all keys of this team from now on."""
    return await _changed(services, asker, body, lambda _: {"blocked": True}, "blocked")


@router.post("/team/unblock")
async def unblock(body: TeamId, services: Services, asker: Asked) -> Response:
    """Let them pass again."""
    return await _changed(services, asker, body, lambda _: {"blocked": False}, "unblocked")


@router.post("/team/model/add")
async def add_models(body: TeamModels, services: Services, asker: Asked) -> Response:
    """Let the team call these models too. A team that may call every model goes on doing so."""

    def fields(row: TeamRow) -> dict[str, Any]:
        return {"models": tuple(dict.fromkeys((*row.models, *body.models)))} if row.models else {}

    return await _changed(services, asker, body, fields)


@router.post("/team/model/delete")
async def delete_models(body: TeamModels, services: Services, asker: Asked) -> Response:
    """The team may no longer call these models. The last one cannot go: an empty list would mean every model."""

    def fields(row: TeamRow) -> dict[str, Any]:
        left = tuple(name for name in row.models if name not in body.models)
        if row.models and not left:
            message = "No model would be left, which means all: block the team, or update its models."
            raise MalformedRequest(message, param="models")
        return {"models": left}

    return await _changed(services, asker, body, fields)


@router.get("/team/available")
async def available() -> Response:
    """Teams that users may join by themselves: none, their administrators add them."""
    return answer([])


@router.get("/team/permissions_list")
async def permissions(services: Services, asker: Asked, team_id: Annotated[Name, Query()]) -> Response:
    """What plain members of the team may do with its keys, and what they could be let do."""
    row, _ = await services.desk.read(lambda connection: reached_team(connection, asker, team_id))
    return answer(_permissions_row(row))


@router.post("/team/permissions_update")
async def update_permissions(body: Permissions, services: Services, asker: Asked) -> Response:
    """Set what plain members of the team may do with its keys."""
    fields = {"member_permissions": checked_permissions(body.team_member_permissions)}

    def work(edit: Edit) -> TeamRow:
        row, _ = reached_team(edit.connection, asker, body.team_id)
        return edit.change(TEAMS, row, fields)

    return answer(_permissions_row(await services.desk.edit(asker.actor, work)), body)


@router.get("/team/info")
async def info(services: Services, asker: Asked, team_id: Annotated[Name, Query()]) -> Response:
    """A team with its keys and members."""
    await flushed(services.journal)

    def read(connection: Connection) -> dict[str, Any]:
        row, _ = reached_team(connection, asker, team_id)
        return _team_info(connection, asker, row, services.desk.now_us)

    return answer(await services.desk.read(read))


@router.get("/team/list")
async def list_all(services: Services, asker: Asked, wanted: Annotated[TeamListQuery, Query()]) -> Response:
    """Teams without pages, up to a limit: with their members and keys."""
    await flushed(services.journal)
    conditions = [*visible_teams(asker), *_matching(wanted)]

    def read(connection: Connection) -> list[dict[str, Any]]:
        rows = TEAMS.find(connection, *conditions, limit=TEAMS_MAX + 1)
        return [_listed(connection, asker, row, services.desk.now_us) for row in rows]

    found = await services.desk.read(read)
    response = answer(found[:TEAMS_MAX])
    if len(found) > TEAMS_MAX:
        response.headers["x-sekisho-truncated"] = f"the first {TEAMS_MAX}; use /v2/team/list for all"
    return response


@router.get("/v2/team/list")
async def list_pages(services: Services, asker: Asked, wanted: Annotated[TeamListQuery, Query()]) -> Response:
    """A page of teams, with how many members and keys each has."""
    if wanted.status:
        raise NotEnforced("status", "Leave it out.")
    conditions = [*visible_teams(asker), *_matching(wanted)]

    def read(connection: Connection) -> tuple[list[dict[str, Any]], int]:
        rows = TEAMS.find(
            connection,
            *conditions,
            limit=wanted.page_size,
            offset=(wanted.page - 1) * wanted.page_size,
            sort_by=_SORTED_BY.get(wanted.sort_by, wanted.sort_by),
            ascending=wanted.sort_order == "asc",
        )
        return [_counted(connection, row, services.desk.now_us) for row in rows], TEAMS.count(connection, *conditions)

    rows, total = await services.desk.read(read)
    return answer(
        {
            "teams": rows,
            "total": total,
            "page": wanted.page,
            "page_size": wanted.page_size,
            "total_pages": -(-total // wanted.page_size),
        }
    )


async def shown_team(services: AdminServices, row: TeamRow) -> dict[str, Any]:
    """A team with its members."""
    return await services.desk.read(lambda connection: team_with_members(connection, row, services.desk.now_us))


def team_with_members(connection: Connection, row: TeamRow, now_us: int) -> dict[str, Any]:
    """The same, where a connection is at hand."""
    members = members_of(connection, row)
    return team_row(row, members, emails_of(connection, members), now_us)


def members_of(connection: Connection, row: TeamRow) -> list[TeamMemberRow]:
    """The members of a team, up to a limit."""
    return TEAM_MEMBERS.find(connection, TEAM_MEMBERS.table.c.team_id == row.team_id, limit=MEMBERS_MAX)


def emails_of(connection: Connection, members: list[TeamMemberRow]) -> dict[str, str]:
    """User id -> address, of those who have one."""
    users = USERS.many(connection, [(member.user_id,) for member in members])
    return {user.user_id: user.user_email for user in users if user.user_email}


async def _changed(
    services: AdminServices, asker: Asker, body: TeamId, fields: Any, action: str = "updated"
) -> Response:
    def work(edit: Edit) -> TeamRow:
        row, _ = reached_team(edit.connection, asker, body.team_id)
        return edit.change(TEAMS, row, fields(row), action)

    return answer(await shown_team(services, await services.desk.edit(asker.actor, work)), body)


def _team_info(connection: Connection, asker: Asker, row: TeamRow, now_us: int) -> dict[str, Any]:
    """Who does not lead the team is shown its members, but keys and spend of their own only."""
    members = members_of(connection, row)
    own = [member for member in members if leads_team(asker, row) or member.user_id == asker.user_id]
    of_team = KEYS.table.c.team_id == row.team_id
    keys = KEYS.find(connection, of_team, *visible_keys(asker, whole=True), limit=KEYS_MAX)
    budget = {"team_member_budget_table": member_budget(row.member_limits)}
    return {
        "team_id": row.team_id,
        "team_info": team_row(row, members, emails_of(connection, members), now_us) | budget,
        "keys": [token_row(key, now_us) for key in keys],
        "team_memberships": [membership_row(member, now_us) for member in own],
    }


def _listed(connection: Connection, asker: Asker, row: TeamRow, now_us: int) -> dict[str, Any]:
    shown = _team_info(connection, asker, row, now_us)
    team: dict[str, Any] = shown["team_info"]
    return team | {"team_memberships": shown["team_memberships"], "keys": shown["keys"]}


def _counted(connection: Connection, row: TeamRow, now_us: int) -> dict[str, Any]:
    of_members = TEAM_MEMBERS.table.c.team_id == row.team_id
    return team_with_members(connection, row, now_us) | {
        "members_count": TEAM_MEMBERS.count(connection, of_members),
        "keys_count": KEYS.count(connection, KEYS.table.c.team_id == row.team_id),
    }


def _matching(wanted: TeamListQuery) -> list[ColumnElement[bool]]:
    columns = TEAMS.table.c
    conditions: list[ColumnElement[bool]] = [
        columns[name] == value for name in ("organization_id", "team_id") if (value := getattr(wanted, name))
    ]
    if wanted.team_alias:
        lower = func.lower(columns.team_alias)
        conditions.append(lower.contains(wanted.team_alias.lower(), autoescape=True))
    if wanted.user_id:
        members = TEAM_MEMBERS.table.c
        conditions.append(columns.team_id.in_(select(members.team_id).where(members.user_id == wanted.user_id)))
    return conditions


def _permissions_row(row: TeamRow) -> dict[str, Any]:
    return {
        "team_id": row.team_id,
        "team_member_permissions": row.member_permissions,
        "all_available_permissions": MEMBER_PERMISSIONS,
    }

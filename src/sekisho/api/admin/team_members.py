"""/team/member_…: who is in a team, as what, and within which limits of their own.

Flows in: requests that passed the gate. Flows out: LiteLLM's answers. Must stay true: a request adds all the members
that it names or none; a member who leaves a team leaves no key behind in it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from pydantic import Field
from sqlalchemy import and_, select

from sekisho.api.admin.fields import answer, refuse_unenforced
from sekisho.api.admin.limit_rows import usd
from sekisho.api.admin.members import MEMBERS_MAX, Named, present_member
from sekisho.api.admin.services import AdminServices, Asked, Asker, Services
from sekisho.api.admin.team_changes import (
    Member,
    MemberFields,
    add_member,
    reached_team,
)
from sekisho.api.admin.teamrows import membership_row
from sekisho.api.admin.teams import shown_team, team_with_members
from sekisho.api.admin.userrows import user_row
from sekisho.api.admin.visible import shown_to
from sekisho.core.errors import CallerError, Forbidden, MalformedRequest
from sekisho.store.directory import KEYS, TEAM_MEMBERS, USERS, TeamMemberRow, TeamRow, UserRow
from sekisho.store.edit import Edit
from sekisho.store.limits import NO_LIMITS

router = APIRouter()

Members = Annotated[list[Member], Field(min_length=1, max_length=MEMBERS_MAX)]


class AddFields(MemberFields):
    member: Member | Members


class BulkAddFields(MemberFields):
    """Members, or `all_users`: everybody who is not in the team yet."""

    members: Members | None = None
    all_users: bool | None = None


class UpdateFields(MemberFields, Named):
    role: Literal["admin", "user"] | None = None


class DeleteFields(MemberFields, Named):
    """Who leaves which team."""


@router.post("/team/member_add")
async def add(body: AddFields, services: Services, asker: Asked) -> Response:
    """Members from now on, with limits of their own where the request says some."""
    refuse_unenforced(body)
    members = body.member if isinstance(body.member, list) else [body.member]
    team, rows = await services.desk.edit(asker.actor, lambda edit: _add(edit, asker, body, members))
    return answer(await _shown(services, asker, team, rows), body)


@router.post("/team/bulk_member_add")
async def add_many(body: BulkAddFields, services: Services, asker: Asked) -> Response:
    """Several members, each of whom stands for themselves."""
    refuse_unenforced(body)
    results: list[dict[str, Any]] = []
    for member in await _wanted(services, asker, body):
        told: dict[str, Any] = {"user_id": member.user_id, "user_email": member.user_email}
        try:
            await services.desk.edit(asker.actor, _add_one(asker, body, member))
            results.append(told | {"success": True, "error": None})
        except CallerError as error:
            results.append(told | {"success": False, "error": error.info.message})
    done = sum(result["success"] for result in results)
    team, _ = await services.desk.read(lambda connection: reached_team(connection, asker, body.team_id))
    return answer(
        {
            "team_id": team.team_id,
            "results": results,
            "total_requested": len(results),
            "successful_additions": done,
            "failed_additions": len(results) - done,
            "updated_team": await shown_team(services, team),
        },
        body,
    )


@router.post("/team/member_update")
async def update(body: UpdateFields, services: Services, asker: Asked) -> Response:
    """Change a member's role or limits; null unsets a limit."""
    refuse_unenforced(body)

    def work(edit: Edit) -> tuple[TeamMemberRow, UserRow | None]:
        team, _ = reached_team(edit.connection, asker, body.team_id)
        row = present_member(edit.connection, TEAM_MEMBERS, team.team_id, body)
        fields: dict[str, Any] = {"limits": body.limits(row.limits)}
        if body.role is not None:
            fields["role"] = body.role
        return edit.change(TEAM_MEMBERS, row, fields), USERS.get(edit.connection, row.user_id)

    row, user = await services.desk.edit(asker.actor, work)
    told = {
        "team_id": row.team_id,
        "user_id": row.user_id,
        "user_email": None if user is None else user.user_email,
        "role": row.role,
        "max_budget_in_team": usd(row.limits.max_budget_nano_usd),
        "budget_duration": row.limits.budget_duration,
        "tpm_limit": row.limits.tpm_limit,
        "rpm_limit": row.limits.rpm_limit,
    }
    return answer(told, body)


@router.post("/team/member_delete")
async def delete(body: DeleteFields, services: Services, asker: Asked) -> Response:
    """The user leaves the team, and their keys of it are deleted."""

    def work(edit: Edit) -> TeamRow:
        team, _ = reached_team(edit.connection, asker, body.team_id)
        row = present_member(edit.connection, TEAM_MEMBERS, team.team_id, body)
        columns = KEYS.table.c
        edit.remove_all(KEYS, and_(columns.team_id == team.team_id, columns.user_id == row.user_id))
        edit.remove(TEAM_MEMBERS, row)
        return team

    return answer(await shown_team(services, await services.desk.edit(asker.actor, work)), body)


async def _wanted(services: AdminServices, asker: Asker, body: BulkAddFields) -> list[Member]:
    """Who is to be added. Raises MalformedRequest for nobody, and for more than one answer tells."""
    if not body.all_users:
        if not body.members:
            raise MalformedRequest("Name the users in 'members', or say 'all_users'.", param="members")
        return body.members
    if not asker.is_admin:
        raise Forbidden("Only an administrator of the gateway adds 'all_users'.", param="all_users")
    inside = select(TEAM_MEMBERS.table.c.user_id).where(TEAM_MEMBERS.table.c.team_id == body.team_id)
    outside = USERS.table.c.user_id.not_in(inside)
    rows = await services.desk.read(lambda connection: USERS.find(connection, outside, limit=MEMBERS_MAX + 1))
    if len(rows) > MEMBERS_MAX:
        raise MalformedRequest(
            f"More than {MEMBERS_MAX} users are not in it: name some in 'members'.", param="all_users"
        )
    return [Member(user_id=row.user_id) for row in rows]


def _add(edit: Edit, asker: Asker, body: MemberFields, members: list[Member]) -> tuple[TeamRow, list[TeamMemberRow]]:
    team, _ = reached_team(edit.connection, asker, body.team_id)
    limits = body.limits(NO_LIMITS)
    return team, [add_member(edit, asker, team, member, limits) for member in members]


def _add_one(asker: Asker, body: MemberFields, member: Member) -> Any:
    def work(edit: Edit) -> None:
        _add(edit, asker, body, [member])

    return work


async def _shown(services: AdminServices, asker: Asker, team: TeamRow, rows: list[TeamMemberRow]) -> dict[str, Any]:
    now_us = services.desk.now_us

    def read(connection: Any) -> dict[str, Any]:
        users = USERS.many(connection, [(row.user_id,) for row in rows])
        return team_with_members(connection, team, now_us) | {
            "updated_users": [user_row(shown_to(asker, user), now_us) for user in users],
            "updated_team_memberships": [membership_row(row, now_us) for row in rows],
        }

    return await services.desk.read(read)

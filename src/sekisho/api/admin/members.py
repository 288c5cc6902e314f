"""Members, of teams and of organisations alike: whom a request names, who may be one, and what limits it gives them.

Flows in: an `Edit`, the fields that were sent. Flows out: users, memberships, limits. Must stay true: a member is named
by id or address; one who does not exist yet is made for administrators of the gateway only; nobody else takes in a user
whose spend and budget belong to others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.engine import Connection

from sekisho.api.admin.fields import Body, UnknownObject
from sekisho.api.admin.limit_fields import Duration, LimitFields, Name, OptionalCount, limits_from
from sekisho.api.admin.permissions import Role
from sekisho.api.admin.references import ensure_user
from sekisho.api.admin.services import Asker
from sekisho.core.errors import Forbidden, MalformedRequest
from sekisho.core.ids import new_uuid7
from sekisho.store.bindings import BINDS_TEAM_KEYS
from sekisho.store.directory import ORGANIZATION_MEMBERS, TEAM_MEMBERS, TEAMS, USERS, TeamRow, UserRow
from sekisho.store.edit import Edit
from sekisho.store.entities import Entities
from sekisho.store.limits import Limits

R = TypeVar("R", bound=msgspec.Struct)

#: Members of one request.
MEMBERS_MAX = 500
_OF_THE_GATEWAY = frozenset({Role.PROXY_ADMIN.value, Role.PROXY_ADMIN_VIEWER.value})
_RATES = {name: name for name in ("budget_duration", "tpm_limit", "rpm_limit")}


class Named(BaseModel):
    """A user, by id or by address."""

    user_id: Name | None = None
    user_email: Name | None = None


class MemberLimitFields(Body):
    """A member's own limits, but for the budget, which LiteLLM calls by another name in each place."""

    budget_duration: Duration = None
    tpm_limit: OptionalCount = None
    rpm_limit: OptionalCount = None


def member_limits(sent: MemberLimitFields, budget: str, present: Limits) -> Limits:
    """`present` with what was sent; `budget` is the field that holds the budget. Raises MalformedRequest."""
    return limits_by(sent, _RATES | {budget: "max_budget"}, present)


def limits_by(sent: BaseModel, names: Mapping[str, str], present: Limits) -> Limits:
    """`present` with what was sent; `names`: field of the request -> limit. Raises MalformedRequest."""
    given = {names[name]: getattr(sent, name) for name in sent.model_fields_set & names.keys()}
    return limits_from(LimitFields.model_validate(given), present)


def find_user(connection: Connection, user_id: str | None, user_email: str | None) -> UserRow | None:
    """A user by their id, or else by their address."""
    if user_id:
        return USERS.get(connection, user_id)
    found = USERS.find(connection, USERS.table.c.user_email == (user_email or ""), limit=1)
    return found[0] if found else None


def member_user(edit: Edit, asker: Asker, member: Named) -> UserRow:
    """The user that a member names; an administrator's is made when there is none. Raises MalformedRequest."""
    if not member.user_id and not member.user_email:
        raise MalformedRequest("A member is named by 'user_id' or 'user_email'.", param="member")
    found = find_user(edit.connection, member.user_id, member.user_email)
    if found is None and member.user_id is None and asker.is_admin:
        return edit.add(USERS, user_id=new_uuid7(), user_email=member.user_email)
    if found is None and member.user_id is not None:
        ensure_user(edit, asker, member.user_id)
        found = USERS.get(edit.connection, member.user_id)
    if found is None:
        raise MalformedRequest("'user_email' names no user: an administrator makes one first.", param="user_email")
    return found


def check_may_join_organization(connection: Connection, asker: Asker, user: UserRow, organization_id: str) -> None:
    """Who administers an organisation sees all of its members and makes keys at their cost: they add nobody of another
    organisation, or of one's teams, and nobody who administers or oversees the gateway. Raises Forbidden.
    """
    if asker.is_admin:
        return
    if user.user_role in _OF_THE_GATEWAY or _belongs_elsewhere(connection, user.user_id, organization_id):
        raise Forbidden(
            "You may add users of no other organisation who have no role of the gateway's; an administrator of the "
            "gateway adds others.",
            param="member",
        )


def check_may_join_team(connection: Connection, asker: Asker, user: UserRow, team: TeamRow) -> None:
    """Keys of a team are made at the team's cost; where a user's own budget binds them too, only those add the user who
    share an organisation. Raises Forbidden.
    """
    if asker.is_admin or user.user_id == asker.user_id or user.metadata.get(BINDS_TEAM_KEYS) is not True:
        return
    if ORGANIZATION_MEMBERS.get(connection, team.organization_id or "", user.user_id) is None:
        raise Forbidden(
            "Keys of teams would be booked on this user's own budget: an administrator of the gateway adds them.",
            param="member",
        )


def _belongs_elsewhere(connection: Connection, user_id: str, organization_id: str) -> bool:
    members, teams, in_teams = ORGANIZATION_MEMBERS.table.c, TEAMS.table.c, TEAM_MEMBERS.table.c
    others = (members.user_id == user_id, members.organization_id != organization_id)
    theirs = select(in_teams.team_id).where(in_teams.user_id == user_id)
    of_others = (teams.team_id.in_(theirs), teams.organization_id != organization_id)
    return bool(ORGANIZATION_MEMBERS.find(connection, *others, limit=1) or TEAMS.find(connection, *of_others, limit=1))


def present_member(connection: Connection, members: Entities[R], whose: str, sent: Any) -> R:
    """The membership of whom `sent` names (`user_id`, `user_email`) in the team or organisation called `whose`.

    Raises UnknownObject for who is in no such one.
    """
    user = find_user(connection, sent.user_id, sent.user_email)
    row = None if user is None else members.get(connection, whose, user.user_id)
    if row is None:
        what = members.kind.removesuffix("_member")
        raise UnknownObject("user_id" if sent.user_id else "user_email", f"member of this {what}")
    return row

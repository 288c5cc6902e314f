"""What is done to teams and their members, inside one transaction.

Flows in: an `Edit`, who asks, the fields that were sent. Flows out: rows. Must stay true: a team's limits, models and
place belong to those above it, not to its own administrators; a membership is one row, so that two who add members at
once lose none.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy.engine import Connection

from sekisho.api.admin.access import Owner
from sekisho.api.admin.fields import (
    Aliases,
    Described,
    Names,
    ResidencyFields,
    UnknownObject,
    described,
    plain,
    refuse_unenforced,
)
from sekisho.api.admin.key_fields import checked_aliases
from sekisho.api.admin.limit_fields import Duration, Name, OptionalCount, OptionalUsd
from sekisho.api.admin.members import (
    MEMBERS_MAX,
    MemberLimitFields,
    Named,
    check_may_join_team,
    limits_by,
    member_limits,
    member_user,
)
from sekisho.api.admin.permissions import DEFAULT_MEMBER_PERMISSIONS, MEMBER_PERMISSIONS, Reach
from sekisho.api.admin.references import existing
from sekisho.api.admin.services import Asker
from sekisho.core.errors import CallerError, Forbidden, MalformedRequest
from sekisho.core.ids import new_uuid7
from sekisho.store.directory import (
    KEYS,
    ORGANIZATIONS,
    PROJECTS,
    TEAM_MEMBERS,
    TEAMS,
    TeamMemberRow,
    TeamRow,
)
from sekisho.store.edit import Edit
from sekisho.store.limits import NO_LIMITS, Limits

#: What the administrators of a team may set of it themselves.
_TEAMS_OWN = frozenset({"team_alias", "member_permissions", "member_limits", "aliases"})


class Member(Named):
    """A user and what they are in a team."""

    role: Literal["admin", "user"] = "user"


class TeamFields(Described):
    """What `/team/new` and `/team/update` read."""

    team_id: Name | None = None
    team_alias: Name | None = None
    organization_id: Name | None = None
    admins: Names | None = None
    members: Names | None = None
    members_with_roles: Annotated[list[Member], Field(max_length=MEMBERS_MAX)] | None = None
    team_member_permissions: Names | None = None
    models: Names | None = None
    model_aliases: Aliases | None = None
    blocked: bool | None = None
    team_member_budget: OptionalUsd = None
    team_member_budget_duration: Duration = None
    team_member_rpm_limit: OptionalCount = None
    team_member_tpm_limit: OptionalCount = None
    residency: ResidencyFields | None = None


class MemberFields(MemberLimitFields):
    """A member's own limits in the team. `max_budget_in_team` is LiteLLM's name for their budget."""

    team_id: Name
    max_budget_in_team: OptionalUsd = None

    def limits(self, present: Limits) -> Limits:
        """`present` with what was sent. Raises MalformedRequest."""
        return member_limits(self, "max_budget_in_team", present)


class AlreadyMember(CallerError):
    """The user is in the team."""

    def __init__(self) -> None:
        message = "This user is in the team already: change them by /team/member_update."
        super().__init__(message, code="team_member_already_in_team", param="member")


def owner_of_team(row: TeamRow) -> Owner:
    """Whose a team is."""
    organizations = {row.organization_id} if row.organization_id else set()
    return Owner(team_id=row.team_id, organization_ids=frozenset(organizations))


def reached_team(connection: Connection, asker: Asker, team_id: str) -> tuple[TeamRow, Reach]:
    """The team of this name, and how the asker reaches it. Raises UnknownObject or Forbidden."""
    row = TEAMS.get(connection, team_id)
    if row is None:
        asker.check(Owner(team_id=team_id))
        raise UnknownObject("team_id", "team")
    return row, asker.check(owner_of_team(row))


def make_team(edit: Edit, asker: Asker, sent: TeamFields) -> TeamRow:
    """A new team and its first members; its maker is one, and its administrator, unless they are the gateway's."""
    refuse_unenforced(sent)
    fields = {"member_permissions": DEFAULT_MEMBER_PERMISSIONS} | _team_columns(sent, None)
    organization_id = fields.get("organization_id")
    asker.check(Owner(organization_ids=frozenset({organization_id} if organization_id else ())))
    if organization_id:
        existing(edit.connection, ORGANIZATIONS, organization_id, "organization_id")
    team_id = sent.team_id or new_uuid7()
    if TEAMS.get(edit.connection, team_id) is not None:
        raise MalformedRequest("'team_id' is taken: choose another, or leave it out.", param="team_id")
    row = edit.add(TEAMS, team_id=team_id, **fields)
    for member in _members(sent):
        add_member(edit, asker, row, member, NO_LIMITS)
    maker = asker.user_id
    if not asker.is_admin and maker is not None and TEAM_MEMBERS.get(edit.connection, team_id, maker) is None:
        edit.add(TEAM_MEMBERS, team_id=team_id, user_id=maker, role="admin")
    return row


def change_team(edit: Edit, asker: Asker, sent: TeamFields) -> TeamRow:
    """Set what was sent of it. Members are changed by /team/member_*."""
    refuse_unenforced(sent)
    present, reach = reached_team(edit.connection, asker, sent.team_id or "")
    fields = _team_columns(sent, present)
    if sent.model_fields_set & {"admins", "members", "members_with_roles"}:
        raise MalformedRequest("Members are changed by /team/member_add and its like.", param="members_with_roles")
    if Reach.ORGANIZATION not in reach:
        foreign = [name for name in fields if name not in _TEAMS_OWN and fields[name] != getattr(present, name)]
        if foreign:
            message = "A team's limits, models and place are set by its organisation's administrators."
            raise Forbidden(message, param=foreign[0])
    wanted = fields.get("organization_id", present.organization_id)
    if wanted != present.organization_id:
        if wanted is not None:
            existing(edit.connection, ORGANIZATIONS, wanted, "organization_id")
        asker.check(Owner(organization_ids=frozenset({wanted} if wanted else ())))
    return edit.change(TEAMS, present, fields)


def remove_teams(edit: Edit, asker: Asker, team_ids: list[str]) -> None:
    """Delete these teams with their keys, projects and memberships: all, or none where one is unknown."""
    for team_id in dict.fromkeys(team_ids):
        row, _ = reached_team(edit.connection, asker, team_id)
        for entities in (KEYS, PROJECTS, TEAM_MEMBERS):
            edit.remove_all(entities, entities.table.c.team_id == team_id)
        edit.remove(TEAMS, row)


def add_member(edit: Edit, asker: Asker, team: TeamRow, member: Member, limits: Limits) -> TeamMemberRow:
    """A user in the team from now on. Raises AlreadyMember."""
    user = member_user(edit, asker, member)
    if TEAM_MEMBERS.get(edit.connection, team.team_id, user.user_id) is not None:
        raise AlreadyMember
    check_may_join_team(edit.connection, asker, user, team)
    return edit.add(TEAM_MEMBERS, team_id=team.team_id, user_id=user.user_id, role=member.role, limits=limits)


#: Field of a team -> the limit that it sets for every member who has none of their own.
_COMMON_LIMITS = {
    "team_member_budget": "max_budget",
    "team_member_budget_duration": "budget_duration",
    "team_member_rpm_limit": "rpm_limit",
    "team_member_tpm_limit": "tpm_limit",
}


def _members(sent: TeamFields) -> list[Member]:
    members = list(sent.members_with_roles or ())
    members += [Member(role="admin", user_id=name) for name in sent.admins or ()]
    return members + [Member(role="user", user_id=name) for name in sent.members or ()]


def _team_columns(sent: TeamFields, present: TeamRow | None) -> dict[str, Any]:
    given = sent.model_fields_set
    fields = plain(sent, "team_alias", "organization_id", "models", "blocked")
    if "model_aliases" in given:
        fields["aliases"] = checked_aliases(sent.model_aliases or {})
    if "team_member_permissions" in given:
        fields["member_permissions"] = checked_permissions(sent.team_member_permissions)
    if "residency" in given:
        fields["bound"] = {} if sent.residency is None else sent.residency.column
    common = NO_LIMITS if present is None else present.member_limits
    changed = limits_by(sent, _COMMON_LIMITS, common)
    if changed != common:
        fields["member_limits"] = changed
    metadata, limits = ({}, NO_LIMITS) if present is None else (present.metadata, present.limits)
    return fields | described(sent, metadata, limits)


def checked_permissions(names: list[str] | None) -> tuple[str, ...]:
    """Raises MalformedRequest for a path that no team may give away."""
    if names is None:
        return DEFAULT_MEMBER_PERMISSIONS
    unknown = [name for name in names if name not in MEMBER_PERMISSIONS]
    if unknown:
        message = f"'team_member_permissions' may name {', '.join(MEMBER_PERMISSIONS)}."
        raise MalformedRequest(message, param="team_member_permissions")
    return tuple(dict.fromkeys(names))

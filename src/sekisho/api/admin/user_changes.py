"""What is done to users, inside one transaction.

Flows in: an `Edit`, who asks, the fields that were sent. Flows out: rows. Must stay true: only administrators of the
gateway change roles, limits and blocks; who administers an organisation makes users in it, and nowhere else.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy.engine import Connection

from sekisho.api.admin.access import Owner
from sekisho.api.admin.fields import Names, NotEnforced, UnknownObject, described, plain, refuse_unenforced
from sekisho.api.admin.key_fields import KeyFields
from sekisho.api.admin.limit_fields import Name, OptionalUsd
from sekisho.api.admin.members import find_user
from sekisho.api.admin.permissions import Role
from sekisho.api.admin.references import existing
from sekisho.api.admin.services import Asker
from sekisho.api.admin.team_changes import Member, add_member, owner_of_team
from sekisho.core.errors import CallerError, ErrorClass, Forbidden, MalformedRequest
from sekisho.core.ids import new_uuid7
from sekisho.core.money import nano_usd
from sekisho.identity.keys import MASTER_USER_ID
from sekisho.store.directory import (
    KEYS,
    ORGANIZATION_MEMBERS,
    ORGANIZATIONS,
    TEAM_MEMBERS,
    TEAMS,
    USERS,
    UserRow,
)
from sekisho.store.edit import Edit
from sekisho.store.limits import NO_LIMITS, Limits

#: What a user may set of themselves.
_ONES_OWN = frozenset({"user_alias"})
_ADMINS_ONLY = frozenset({Role.PROXY_ADMIN, Role.PROXY_ADMIN_VIEWER})


class TeamOfUser(BaseModel):
    """A team that a new user is in."""

    team_id: Name
    max_budget_in_team: OptionalUsd = None
    user_role: Literal["admin", "user"] = "user"


class UserFields(KeyFields):
    """What `/user/new` and `/user/update` read. Fields of keys are for the key that is made with a user."""

    user_email: Name | None = None
    user_alias: Name | None = None
    user_role: Role | None = None
    teams: Annotated[list[Name | TeamOfUser], Field(max_length=100)] | None = None
    organizations: Names | None = None
    auto_create_key: bool = True
    sso_user_id: Name | None = None


class UserTaken(CallerError):
    """A user of this id or address exists."""

    error_class = ErrorClass.INVALID_REQUEST

    def __init__(self, param: str) -> None:
        super().__init__(
            f"A user of this '{param}' exists already: change them by /user/update.", param=param, status=409
        )


def owner_of_user(connection: Connection, user_id: str) -> Owner:
    """Whose a user is: their own, and of the organisations that they belong to."""
    members = ORGANIZATION_MEMBERS.table.c
    rows = ORGANIZATION_MEMBERS.find(connection, members.user_id == user_id, limit=500)
    return Owner(user_id=user_id, organization_ids=frozenset(row.organization_id for row in rows))


def reached_user(connection: Connection, asker: Asker, user_id: str | None, user_email: str | None = None) -> UserRow:
    """The user so named. Raises UnknownObject, or Forbidden when the asker does not reach them, known or not."""
    row = find_user(connection, user_id, user_email)
    asker.check(Owner(user_id=user_id or "") if row is None else owner_of_user(connection, row.user_id))
    if row is None:
        raise UnknownObject("user_id" if user_id else "user_email", "user")
    return row


def make_user(edit: Edit, asker: Asker, sent: UserFields) -> UserRow:
    """A new user, in the teams and organisations that the request names."""
    refuse_unenforced(sent)
    _check_role(asker, sent)
    organizations = list(dict.fromkeys(sent.organizations or ()))
    for name in organizations or [""]:  # nobody but an administrator makes a user of no organisation
        asker.check(Owner(organization_ids=frozenset({name})))
    user_id = sent.user_id or new_uuid7()
    if user_id == MASTER_USER_ID and not asker.is_admin:
        raise Forbidden("This 'user_id' is the master key's: choose another, or leave it out.", param="user_id")
    if USERS.get(edit.connection, user_id) is not None:
        raise UserTaken("user_id")
    _check_email(edit.connection, sent.user_email, None)
    row = edit.add(USERS, user_id=user_id, **_user_columns(sent, None))
    for name in organizations:
        existing(edit.connection, ORGANIZATIONS, name, "organizations")
        edit.add(ORGANIZATION_MEMBERS, organization_id=name, user_id=user_id)
    for team in sent.teams or ():
        _join(edit, asker, row, TeamOfUser(team_id=team) if isinstance(team, str) else team)
    return row


def change_user(edit: Edit, asker: Asker, sent: UserFields) -> UserRow:
    """Set what was sent of a user."""
    refuse_unenforced(sent)
    present = reached_user(edit.connection, asker, sent.user_id, sent.user_email)
    if sent.model_fields_set & {"teams", "organizations"}:
        raise NotEnforced("teams", "Use /team/member_add and /organization/member_add.")
    fields = _user_columns(sent, present)
    if not asker.is_admin:
        foreign = [name for name in fields if name not in _ONES_OWN and fields[name] != getattr(present, name)]
        if foreign:
            raise Forbidden("Administrators set this; you may set your user_alias.", param=foreign[0])
    if fields.get("user_email") is not None:
        _check_email(edit.connection, fields["user_email"], present.user_id)
    return edit.change(USERS, present, fields)


def remove_users(edit: Edit, asker: Asker, user_ids: list[str]) -> int:
    """Delete these users with their keys and memberships: all, or none where one is unknown."""
    rows = [reached_user(edit.connection, asker, user_id) for user_id in dict.fromkeys(user_ids)]
    for row in rows:
        for entities in (KEYS, TEAM_MEMBERS, ORGANIZATION_MEMBERS):
            edit.remove_all(entities, entities.table.c.user_id == row.user_id)
        edit.remove(USERS, row)
    return len(rows)


def _user_columns(sent: UserFields, present: UserRow | None) -> dict[str, Any]:
    names = ("user_email", "user_alias", "sso_user_id", "models", "blocked")
    fields = plain(sent, *names)
    if present is not None and sent.user_id is None:
        fields.pop("user_email", None)  # it has named the user
    if sent.user_role is not None:
        fields["user_role"] = sent.user_role.value
    if sent.spend is not None:
        fields["spend_nano_usd"] = nano_usd(sent.spend)
    metadata, limits = ({}, NO_LIMITS) if present is None else (present.metadata, present.limits)
    return fields | described(sent, metadata, limits)


def _join(edit: Edit, asker: Asker, user: UserRow, wanted: TeamOfUser) -> None:
    team = existing(edit.connection, TEAMS, wanted.team_id, "teams", asker)
    asker.check(owner_of_team(team))
    budget = wanted.max_budget_in_team
    limits = Limits(max_budget_nano_usd=None if budget is None else nano_usd(budget))
    add_member(edit, asker, team, Member(role=wanted.user_role, user_id=user.user_id), limits)


def _check_role(asker: Asker, sent: UserFields) -> None:
    if not asker.is_admin and sent.user_role in _ADMINS_ONLY:
        raise Forbidden("Only an administrator of the gateway gives this role.", param="user_role")


def _check_email(connection: Connection, email: str | None, but_not_by: str | None) -> None:
    if not email:
        return
    if "@" not in email:
        raise MalformedRequest("'user_email' is no address.", param="user_email")
    found = find_user(connection, None, email)
    if found is not None and found.user_id != but_not_by:
        raise UserTaken("user_email")

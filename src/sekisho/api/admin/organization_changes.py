"""What is done to organisations and their members, inside one transaction.

Flows in: an `Edit`, who asks, the fields that were sent. Flows out: rows. Must stay true: an organisation that still
has teams or keys is not deleted under them; who leaves one loses their keys that stand in it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import and_, or_, select
from sqlalchemy.engine import Connection

from sekisho.api.admin.access import Owner
from sekisho.api.admin.fields import (
    Described,
    Names,
    ResidencyFields,
    UnknownObject,
    described,
    plain,
    refuse_unenforced,
)
from sekisho.api.admin.limit_fields import Name, OptionalUsd
from sekisho.api.admin.members import (
    MEMBERS_MAX,
    MemberLimitFields,
    Named,
    check_may_join_organization,
    member_limits,
    member_user,
    present_member,
)
from sekisho.api.admin.references import existing
from sekisho.api.admin.services import Asker
from sekisho.core.errors import CallerError, MalformedRequest
from sekisho.core.ids import new_uuid7
from sekisho.store.directory import (
    BUDGETS,
    KEYS,
    ORGANIZATION_MEMBERS,
    ORGANIZATIONS,
    TEAMS,
    OrganizationMemberRow,
    OrganizationRow,
)
from sekisho.store.edit import Edit
from sekisho.store.limits import NO_LIMITS, Limits

MemberRole = Literal["org_admin", "internal_user", "internal_user_viewer"]


class OrganizationFields(Described):
    """What `/organization/new` and `/organization/update` read."""

    organization_id: Name | None = None
    organization_alias: Name | None = None
    models: Names | None = None
    budget_id: Name | None = None
    blocked: bool | None = None
    residency: ResidencyFields | None = None


class OrganizationMember(Named):
    """A user and what they are in an organisation. LiteLLM's clients say `role` or `user_role`."""

    role: MemberRole | None = None
    user_role: MemberRole | None = None


class OrganizationMemberFields(MemberLimitFields):
    """A member's own limits in the organisation."""

    organization_id: Name
    max_budget_in_organization: OptionalUsd = None

    def limits(self, present: Limits) -> Limits:
        """`present` with what was sent. Raises MalformedRequest."""
        return member_limits(self, "max_budget_in_organization", present)


class AddOrganizationMembers(OrganizationMemberFields):
    member: OrganizationMember | Annotated[list[OrganizationMember], Field(min_length=1, max_length=MEMBERS_MAX)]


class NamedOrganizationMember(OrganizationMemberFields, OrganizationMember):
    """A member, by id or address, and what to change of them."""


class InUse(CallerError):
    """Something still hangs on it."""

    def __init__(self) -> None:
        message = "This organisation has teams or keys: move or delete them first. Nothing was deleted."
        super().__init__(message, param="organization_ids")


def reached_organization(connection: Connection, asker: Asker, organization_id: str) -> OrganizationRow:
    """The organisation of this name. Raises Forbidden, known or not, where the asker does not reach it."""
    asker.check(Owner(organization_ids=frozenset({organization_id})))
    row = ORGANIZATIONS.get(connection, organization_id)
    if row is None:
        raise UnknownObject("organization_id", "organization")
    return row


def make_organization(edit: Edit, sent: OrganizationFields) -> OrganizationRow:
    """A new organisation."""
    refuse_unenforced(sent)
    if not sent.organization_alias:
        raise MalformedRequest("'organization_alias' is missing.", param="organization_alias")
    organization_id = sent.organization_id or new_uuid7()
    if ORGANIZATIONS.get(edit.connection, organization_id) is not None:
        raise MalformedRequest("'organization_id' is taken: choose another.", param="organization_id")
    fields = _columns(edit.connection, sent, None)
    return edit.add(ORGANIZATIONS, organization_id=organization_id, **fields)


def change_organization(edit: Edit, asker: Asker, sent: OrganizationFields) -> OrganizationRow:
    """Set what was sent of it."""
    refuse_unenforced(sent)
    present = reached_organization(edit.connection, asker, sent.organization_id or "")
    return edit.change(ORGANIZATIONS, present, _columns(edit.connection, sent, present))


def remove_organizations(edit: Edit, asker: Asker, names: list[str]) -> list[OrganizationRow]:
    """Delete these: all, or none where one is unknown or in use."""
    rows = [reached_organization(edit.connection, asker, name) for name in dict.fromkeys(names)]
    for row in rows:
        for entities in (TEAMS, KEYS):
            if entities.find(edit.connection, entities.table.c.organization_id == row.organization_id, limit=1):
                raise InUse
        condition = ORGANIZATION_MEMBERS.table.c.organization_id == row.organization_id
        edit.remove_all(ORGANIZATION_MEMBERS, condition)
        edit.remove(ORGANIZATIONS, row)
    return rows


def add_members(edit: Edit, asker: Asker, sent: AddOrganizationMembers) -> list[OrganizationMemberRow]:
    """Members from now on: all that the request names, or none."""
    refuse_unenforced(sent)
    organization = reached_organization(edit.connection, asker, sent.organization_id)
    limits = sent.limits(NO_LIMITS)
    members = sent.member if isinstance(sent.member, list) else [sent.member]
    rows = []
    for member in members:
        user = member_user(edit, asker, member)
        if ORGANIZATION_MEMBERS.get(edit.connection, organization.organization_id, user.user_id) is not None:
            message = "This user is in the organisation already: change them by /organization/member_update."
            raise MalformedRequest(message, param="member")
        check_may_join_organization(edit.connection, asker, user, organization.organization_id)
        role = member.role or member.user_role or "internal_user"
        names = {"organization_id": organization.organization_id, "user_id": user.user_id}
        rows.append(edit.add(ORGANIZATION_MEMBERS, **names, role=role, limits=limits))
    return rows


def change_member(edit: Edit, asker: Asker, sent: NamedOrganizationMember) -> OrganizationMemberRow:
    """Set a member's role or limits."""
    refuse_unenforced(sent)
    row = _present(edit, asker, sent)
    fields: dict[str, Any] = {"limits": sent.limits(row.limits)}
    if role := sent.role or sent.user_role:
        fields["role"] = role
    return edit.change(ORGANIZATION_MEMBERS, row, fields)


def remove_member(edit: Edit, asker: Asker, sent: NamedOrganizationMember) -> OrganizationMemberRow:
    """The user leaves the organisation; their keys in it and in its teams are deleted."""
    row = _present(edit, asker, sent)
    keys, teams = KEYS.table.c, TEAMS.table.c
    in_its_teams = keys.team_id.in_(select(teams.team_id).where(teams.organization_id == row.organization_id))
    within = or_(keys.organization_id == row.organization_id, in_its_teams)
    edit.remove_all(KEYS, and_(keys.user_id == row.user_id, within))
    edit.remove(ORGANIZATION_MEMBERS, row)
    return row


def _present(edit: Edit, asker: Asker, sent: NamedOrganizationMember) -> OrganizationMemberRow:
    organization = reached_organization(edit.connection, asker, sent.organization_id)
    return present_member(edit.connection, ORGANIZATION_MEMBERS, organization.organization_id, sent)


def _columns(connection: Connection, sent: OrganizationFields, present: OrganizationRow | None) -> dict[str, Any]:
    fields = plain(sent, "organization_alias", "models", "budget_id", "blocked")
    if fields.get("budget_id") is not None:
        existing(connection, BUDGETS, fields["budget_id"], "budget_id")
    if "residency" in sent.model_fields_set:
        fields["residency"] = {} if sent.residency is None else sent.residency.column
    if fields.get("organization_alias") is not None:
        _check_alias(connection, fields["organization_alias"], present)
    metadata, limits = ({}, NO_LIMITS) if present is None else (present.metadata, present.limits)
    return fields | described(sent, metadata, limits)


def _check_alias(connection: Connection, alias: str, present: OrganizationRow | None) -> None:
    found = ORGANIZATIONS.find(connection, ORGANIZATIONS.table.c.organization_alias == alias, limit=1)
    if found and (present is None or found[0].organization_id != present.organization_id):
        message = f"Another organisation has the alias '{alias}': choose another."
        raise MalformedRequest(message, param="organization_alias")

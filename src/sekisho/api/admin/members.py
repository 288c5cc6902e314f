"""Members, of teams and of organisations alike: whom a request names, and what limits it gives them.

Flows in: an `Edit`, the fields that were sent. Flows out: users, memberships, limits. Must stay true: a member is named
by id or address; one who does not exist yet is made for administrators of the gateway only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel
from sqlalchemy.engine import Connection

from sekisho.api.admin.fields import Body, UnknownObject
from sekisho.api.admin.limit_fields import Duration, LimitFields, Name, OptionalCount, limits_from
from sekisho.api.admin.references import ensure_user
from sekisho.api.admin.services import Asker
from sekisho.core.errors import MalformedRequest
from sekisho.core.ids import new_uuid7
from sekisho.store.directory import USERS, UserRow
from sekisho.store.edit import Edit
from sekisho.store.entities import Entities
from sekisho.store.limits import Limits

R = TypeVar("R", bound=msgspec.Struct)

#: Members of one request.
MEMBERS_MAX = 500
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

"""May this caller do this to that object? Pure decisions over values.

Flows in: who calls (`Standing`), the endpoint's `Rule`, whose the object is (`Owner`). Flows out: nothing, or a
refusal. Must stay true: what no reach of the table covers is refused; a refusal names no fact of the foreign object.
"""

from __future__ import annotations

import msgspec

from sekisho.api.admin.permissions import DEFAULT_MEMBER_PERMISSIONS, Reach, Role, Rule
from sekisho.core.errors import Forbidden
from sekisho.identity.keys import Principal

_WRITERS = frozenset({Role.PROXY_ADMIN, Role.INTERNAL_USER})


class Membership(msgspec.Struct, frozen=True):
    """A team of the caller's. `permissions` are the paths its plain members may call for its keys."""

    is_admin: bool = False
    permissions: tuple[str, ...] = DEFAULT_MEMBER_PERMISSIONS


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls, and what they have to say where."""

    principal: Principal
    role: Role = Role.INTERNAL_USER
    teams: dict[str, Membership] = {}
    organizations: frozenset[str] = frozenset()
    administered: frozenset[str] = frozenset()

    @property
    def user_id(self) -> str | None:
        return self.principal.user_id

    @property
    def name(self) -> str:
        """The user, or the key of no user."""
        return self.user_id or self.principal.key_hash

    @property
    def acts_as_user(self) -> bool:
        """Whether the key stands for its user everywhere, and not only in a team or organisation: keys of those are
        made and rotated by their administrators too, who must not become the user by it.
        """
        return self.user_id is not None and self.principal.team_id is None and self.principal.organization_id is None

    @property
    def is_admin(self) -> bool:
        """The master key, or a proxy administrator."""
        return self.role is Role.PROXY_ADMIN

    @property
    def sees_all(self) -> bool:
        return self.role in {Role.PROXY_ADMIN, Role.PROXY_ADMIN_VIEWER}

    @property
    def led_teams(self) -> tuple[str, ...]:
        return tuple(name for name, membership in self.teams.items() if membership.is_admin)


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Whose an object is; what does not apply is left out. A user may belong to several organisations."""

    user_id: str | None = None
    team_id: str | None = None
    organization_ids: frozenset[str] = frozenset()
    key_hash: str | None = None


def reach_over(caller: Standing, owner: Owner, rule: Rule) -> Reach:
    """Everything that ties the caller to the object."""
    reach = Reach.NONE
    team = caller.teams.get(owner.team_id or "")
    if not caller.administered.isdisjoint(owner.organization_ids):
        reach |= Reach.ORGANIZATION
    if not caller.organizations.isdisjoint(owner.organization_ids) and owner.team_id is None:
        reach |= Reach.MEMBER
    if team is not None:
        reach |= Reach.TEAM if team.is_admin else Reach.MEMBER
        if rule.permission in team.permissions and owner.user_id in {None, caller.user_id}:
            reach |= Reach.PERMITTED
    if caller.acts_as_user and owner.user_id == caller.user_id and owner.team_id is None:
        reach |= Reach.SELF
    if _is_the_key_itself(caller.principal, owner):
        reach |= Reach.KEY
    return reach


def check_may_call(caller: Standing, rule: Rule | None) -> None:
    """Whether the caller may call this endpoint for any object at all: before a body is read. Raises Forbidden."""
    if caller.is_admin:
        return
    if rule is not None and rule.reads and caller.sees_all:
        return
    if rule is None or not (rule.reads or caller.role in _WRITERS) or not rule.reach & _reaches(caller, rule):
        raise Forbidden("Your role may not call this path of the management API. Ask your administrator.")


def check_may_touch(caller: Standing, rule: Rule, owner: Owner) -> Reach:
    """What ties the caller to this very object, of what the endpoint asks for. Raises Forbidden when nothing does.

    For administrators (and viewers, where the endpoint reads) it is everything.
    """
    if caller.is_admin or (rule.reads and caller.sees_all):
        return ~Reach.NONE
    reach = rule.reach & reach_over(caller, owner, rule)
    if not reach:
        raise Forbidden("This belongs to others: your role does not reach it. Ask your administrator.")
    return reach


def leads(reach: Reach) -> bool:
    """Whether the caller stands above the object, and not only beside it."""
    return bool(reach & (Reach.ORGANIZATION | Reach.TEAM))


def _reaches(caller: Standing, rule: Rule) -> Reach:
    """The reaches that this caller could have over something."""
    reach = Reach.KEY
    if caller.administered:
        reach |= Reach.ORGANIZATION
    if caller.led_teams:
        reach |= Reach.TEAM
    if caller.teams or caller.organizations:
        reach |= Reach.MEMBER
    if any(rule.permission in team.permissions for team in caller.teams.values()):
        reach |= Reach.PERMITTED
    if caller.acts_as_user:
        reach |= Reach.SELF
    return reach


def _is_the_key_itself(principal: Principal, owner: Owner) -> bool:
    if owner.key_hash is not None:
        return owner.key_hash == principal.key_hash
    if owner.team_id is not None:
        return owner.team_id == principal.team_id
    return owner.user_id is not None and owner.user_id == principal.user_id

"""Who may call the management API: looked at before a body is read.

Flows in: the request's headers and path. Flows out: the `Asker` in the request's state, or a refusal. Must stay true:
nothing passes that the table of permissions does not let this caller do to anything at all; what it may do to the very
object, the handlers ask (`Asker.check`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from sekisho.api.admin.access import Membership, Standing, check_may_call
from sekisho.api.admin.permissions import Reach, Role, Rule, rule_for
from sekisho.api.admin.problems import on_database_error, on_sekisho_error
from sekisho.api.admin.services import AdminServices, Asker
from sekisho.core.errors import Forbidden, SekishoError, Unauthenticated
from sekisho.identity.keys import Principal
from sekisho.policy.admit import admit
from sekisho.store.standing import UserStanding, user_standing

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

#: What every key that works may ask, whatever it was made for: about itself.
ALWAYS = frozenset({"/sekisho/v1/me"})
#: The header by which an administrator's program says for whom it acts.
CHANGED_BY = "litellm-changed-by"
_NAME_CHARS = 256
#: An administrator of the gateway is a user like others where a key of theirs belongs to a team.
_BOUND_ROLES = {Role.PROXY_ADMIN: Role.INTERNAL_USER, Role.PROXY_ADMIN_VIEWER: Role.INTERNAL_USER_VIEWER}


class Gate:
    """ASGI middleware in front of the management API."""

    def __init__(self, app: Asgi, services: AdminServices) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request in with its caller, or answer it."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            asker = await self._asker(headers, scope)
        except SekishoError as error:
            await (await on_sekisho_error(None, error))(scope, receive, send)
            return
        except SQLAlchemyError as error:
            await (await on_database_error(None, error))(scope, receive, send)
            return
        scope.setdefault("state", {})["asker"] = asker
        await self._app(scope, receive, send)

    async def _asker(self, headers: dict[str, str], scope: Scope) -> Asker:
        """Raises Unauthenticated or Forbidden."""
        services, method, path = self._services, scope["method"], scope["path"]
        principal = await services.callers().by_key(headers, scope)
        admit(principal, None, services.clock.now_us())
        rule = rule_for(method, path)
        check_group(principal, rule)
        standing = await self._standing(principal)
        check_may_call(standing, rule)
        known = rule or Rule(method, path, reads=False, reach=Reach.NONE)  # an administrator's: the router says 404
        return Asker(standing, known, actor_of(standing, headers.get(CHANGED_BY)))

    async def _standing(self, principal: Principal) -> Standing:
        """Asked anew for every request: a role that was taken away is gone at once."""
        if principal.is_master:
            return Standing(principal=principal, role=Role.PROXY_ADMIN)
        user_id = principal.user_id
        if principal.is_vouched and principal.role == Role.PROXY_ADMIN:
            return Standing(principal=principal, role=Role.PROXY_ADMIN)
        if user_id is None:
            return standing_from(principal, None)
        found = await self._services.desk.read(lambda connection: user_standing(connection, user_id))
        return standing_from(principal, found)


def check_group(principal: Principal, rule: Rule | None) -> None:
    """Raises Forbidden for a key that was made for other paths (`key_type`)."""
    groups = principal.allowed_routes
    if rule is not None and rule.path in ALWAYS:
        return
    reads = rule is not None and rule.reads
    if groups and "management_routes" not in groups and not (reads and "info_routes" in groups):
        raise Forbidden("This key was not made for this path of the management API (see its key_type).")


def standing_from(principal: Principal, found: UserStanding | None) -> Standing:
    """Who this is by their user's role and memberships. Raises Unauthenticated for a blocked user."""
    named = principal.role if principal.is_vouched else found.role if found is not None else Role.INTERNAL_USER
    role = Role(named) if named in Role.__members__.values() else Role.INTERNAL_USER_VIEWER
    if found is None:
        return Standing(principal=principal, role=role)
    if found.blocked:
        raise Unauthenticated("Authentication Error, this user is blocked. Ask your administrator.")
    whole = Standing(
        principal=principal,
        role=role,
        teams={name: Membership(team_role == "admin", permitted) for name, team_role, permitted in found.teams},
        organizations=frozenset(name for name, _ in found.organizations),
        administered=frozenset(name for name, member_role in found.organizations if member_role == "org_admin"),
    )
    return whole if whole.acts_as_user else _bound(whole)


def _bound(whole: Standing) -> Standing:
    """What a key of a team, or of an organisation, has of its user's standing: what they are there."""
    team_id, organizations = whole.principal.team_id, {whole.principal.organization_id}
    return Standing(
        principal=whole.principal,
        role=_BOUND_ROLES.get(whole.role, whole.role),
        teams={name: membership for name, membership in whole.teams.items() if name == team_id},
        organizations=whole.organizations & organizations,
        administered=whole.administered & organizations if team_id is None else frozenset(),
    )


def actor_of(standing: Standing, changed_by: str | None) -> str:
    """The user, or the key of no user; an administrator may act in another's name."""
    if changed_by and standing.is_admin:
        return changed_by[:_NAME_CHARS]
    return standing.name

"""Who may call the management API: looked at before a body is read.

Flows in: the request's headers. Flows out: the caller in the request's state, or a refusal. Must stay true: nothing
passes without the master key, but a key asking for itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from sekisho.api.admin.problems import problem
from sekisho.api.admin.services import AdminServices
from sekisho.core.errors import CallerError, Forbidden, Unauthenticated
from sekisho.identity.credential import recognise_key
from sekisho.identity.keys import Principal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Paths on which a virtual key may ask, of itself.
OWN_PATHS = frozenset({"/key/info"})
#: A key made for model calls only (`allowed_routes`).
LLM_ROUTES = "llm_api_routes"


class Gate:
    """ASGI middleware in front of the management API."""

    def __init__(self, app: Asgi, services: AdminServices) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request in with its caller, or answer it."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            caller = await recognise_key(headers, self._services.ring, self._services.key_header)
            check_may_manage(caller, scope["path"], self._services.clock.now_us())
        except CallerError as error:
            info = error.info
            await problem(info.status, info.message, code=info.code, param=info.param)(scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, send)


def check_may_manage(caller: Principal, path: str, now_us: int) -> None:
    """Raises Unauthenticated (blocked, expired) or Forbidden (not the master key)."""
    if caller.is_master:
        return
    if caller.blocked:
        raise Unauthenticated("Authentication Error, this key is blocked. Ask your administrator.")
    if caller.expires_us is not None and caller.expires_us <= now_us:
        raise Unauthenticated("Authentication Error - Expired Key. Ask for a new one.", code="expired_key")
    if path not in OWN_PATHS or LLM_ROUTES in caller.allowed_routes:
        raise Forbidden("Authentication Error, this path of the management API takes the master key only.")

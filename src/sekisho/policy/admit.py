"""May this key make this call now? Flows in: principal, requested model, time. Flows out: nothing, or a refusal."""

from __future__ import annotations

from sekisho.core.errors import Forbidden, Unauthenticated
from sekisho.identity.keys import Principal, denied_by
from sekisho.identity.scopes import Scope

#: The group of routes that calls a model; a key that names others only may not.
LLM_ROUTES = "llm_api_routes"


def admit(principal: Principal, model: str | None, now_us: int) -> None:
    """Let the call pass, or raise Unauthenticated (expired, blocked) or Forbidden (model; None: no model is called).

    All that bind the key have to agree: the key itself, its team, project, organisation, and so on.
    """
    if principal.blocked:
        raise Unauthenticated("Authentication Error, this key is blocked. Ask your administrator.", code="key_blocked")
    if principal.expires_us is not None and principal.expires_us <= now_us:
        raise Unauthenticated("Authentication Error - Expired Key. Ask for a new one.", code="expired_key")
    for scope in principal.scopes:
        if scope.blocked:
            raise Unauthenticated(
                f"Authentication Error, this key's {_words(scope)} is blocked. Ask your administrator.",
                code=f"{scope.kind}_blocked",
            )
    if model is None:
        return
    if principal.allowed_routes and LLM_ROUTES not in principal.allowed_routes:
        raise Forbidden("This key was not made for calling models (see its key_type).", code="route_not_allowed")
    denying = denied_by(principal, model)
    if denying is not None:
        whose = "This key" if denying.kind == "key" else f"This key's {_words(denying)}"
        raise Forbidden(
            f"{whose} may not use model '{model}'. GET /v1/models lists what it may use.",
            code=f"{denying.kind}_model_access_denied",
            param="model",
        )


def _words(scope: Scope) -> str:
    return f"{scope.kind.replace('_', ' ')} '{scope.name}'"

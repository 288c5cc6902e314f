"""May this key make this call now? Flows in: principal, requested model, time. Flows out: nothing, or a refusal."""

from __future__ import annotations

from sekisho.core.errors import Forbidden, Unauthenticated
from sekisho.identity.keys import Principal, may_use


def admit(principal: Principal, model: str | None, now_us: int) -> None:
    """Let the call pass, or raise Unauthenticated (expired, blocked) or Forbidden (model; None: no model is called)."""
    if principal.blocked:
        raise Unauthenticated("Authentication Error, this key is blocked. Ask your administrator.", code="key_blocked")
    if principal.expires_us is not None and principal.expires_us <= now_us:
        raise Unauthenticated("Authentication Error - Expired Key. Ask for a new one.", code="expired_key")
    if model is not None and not may_use(principal, model):
        raise Forbidden(
            f"This key may not use model '{model}'. GET /v1/models lists what it may use.",
            code="key_model_access_denied",
            param="model",
        )

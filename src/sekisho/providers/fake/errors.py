"""Errors as the providers write them, before a stream.

Flows in: a dialect, a status or a kind. Flows out: status and body bytes.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sekisho.providers.fake.ask import Api


class Kind(msgspec.Struct, frozen=True):
    """One kind of failure in both vendors' words."""

    anthropic: str
    openai: str
    code: str | None
    status: int
    message: str


#: Kinds by the name a script uses. Texts follow the wording that clients recognise.
KINDS: dict[str, Kind] = {
    "invalid_request": Kind("invalid_request_error", "invalid_request_error", None, 400, "The request is not valid."),
    "context_too_long": Kind(
        "invalid_request_error",
        "invalid_request_error",
        "context_length_exceeded",
        400,
        "prompt is too long: 250000 tokens > 200000 maximum",
    ),
    "authentication": Kind(
        "authentication_error", "invalid_request_error", "invalid_api_key", 401, "invalid x-api-key"
    ),
    "permission": Kind("permission_error", "invalid_request_error", "permission_denied", 403, "Not permitted."),
    "not_found": Kind("not_found_error", "invalid_request_error", "model_not_found", 404, "model: no such model"),
    "too_large": Kind("request_too_large", "invalid_request_error", None, 413, "Request exceeds the maximum size."),
    "rate_limit": Kind("rate_limit_error", "requests", "rate_limit_exceeded", 429, "Rate limit reached."),
    "quota": Kind(
        "rate_limit_error", "insufficient_quota", "insufficient_quota", 429, "You exceeded your current quota."
    ),
    "api_error": Kind("api_error", "server_error", "server_error", 500, "Internal server error"),
    "unavailable": Kind("api_error", "server_error", "server_error", 503, "The server is not available."),
    "timeout": Kind("timeout_error", "server_error", "timeout", 504, "The request took too long."),
    "overloaded": Kind("overloaded_error", "server_error", "server_is_overloaded", 529, "Overloaded"),
}
_BY_STATUS = {kind.status: kind for kind in reversed(KINDS.values())}


def kind_of(name: str, status: int) -> Kind:
    """The kind called `name`, else the usual one of `status`, else the generic one."""
    return KINDS.get(name) or _BY_STATUS.get(status) or KINDS["api_error" if status >= 500 else "invalid_request"]


def error_object(api: Api, kind: Kind, message: str, param: str | None = None) -> dict[str, Any]:
    """The vendor's error envelope."""
    if api in ("messages", "count_tokens"):
        error: dict[str, Any] = {"type": kind.anthropic, "message": message or kind.message}
        return {"type": "error", "error": error, "request_id": "req_fake"}
    error = {"message": message or kind.message, "type": kind.openai, "param": param, "code": kind.code}
    return {"error": error}

"""Errors of the Messages API: its answers -> what they mean, and back.

Flows in: any bytes that a provider answered with an error status, or an ErrorInfo of ours. Flows out: the other one.
Must stay true: total in both directions; what a provider says of the gateway's own account (key, permission, credit)
never reaches a caller; a prompt that is too long is worded so that Claude Code compacts its conversation.
(platform.claude.com/docs/en/api/errors)
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from sekisho.core import bounds
from sekisho.core.errors import DEFAULT_STATUS, ErrorClass, ErrorInfo
from sekisho.wire.sse import sse_event

_BY_TYPE = {
    "invalid_request_error": ErrorClass.INVALID_REQUEST,
    "authentication_error": ErrorClass.UPSTREAM_CREDENTIAL,
    "billing_error": ErrorClass.UPSTREAM_CREDENTIAL,
    "permission_error": ErrorClass.UPSTREAM_CREDENTIAL,
    "not_found_error": ErrorClass.NOT_FOUND,
    "request_too_large": ErrorClass.TOO_LARGE,
    "rate_limit_error": ErrorClass.RATE_LIMITED,
    "timeout_error": ErrorClass.UPSTREAM_TIMEOUT,
    "api_error": ErrorClass.UPSTREAM_ERROR,
    "overloaded_error": ErrorClass.OVERLOADED,
}
_BY_STATUS = {
    400: ErrorClass.INVALID_REQUEST,
    401: ErrorClass.UPSTREAM_CREDENTIAL,
    402: ErrorClass.UPSTREAM_CREDENTIAL,
    403: ErrorClass.UPSTREAM_CREDENTIAL,
    404: ErrorClass.NOT_FOUND,
    405: ErrorClass.METHOD_NOT_ALLOWED,
    408: ErrorClass.UPSTREAM_TIMEOUT,
    413: ErrorClass.TOO_LARGE,
    422: ErrorClass.INVALID_REQUEST,
    429: ErrorClass.RATE_LIMITED,
    503: ErrorClass.OVERLOADED,
    504: ErrorClass.UPSTREAM_TIMEOUT,
    529: ErrorClass.OVERLOADED,
}
#: Class -> `error.type`.
_TYPES = {
    ErrorClass.INVALID_REQUEST: "invalid_request_error",
    ErrorClass.UNSUPPORTED_FEATURE: "invalid_request_error",
    ErrorClass.CONTEXT_TOO_LONG: "invalid_request_error",
    ErrorClass.CONTENT_POLICY: "invalid_request_error",
    ErrorClass.AUTHENTICATION: "authentication_error",
    ErrorClass.PERMISSION: "permission_error",
    ErrorClass.NOT_FOUND: "not_found_error",
    ErrorClass.METHOD_NOT_ALLOWED: "invalid_request_error",
    ErrorClass.TOO_LARGE: "request_too_large",
    ErrorClass.UPGRADE_REQUIRED: "invalid_request_error",
    ErrorClass.RATE_LIMITED: "rate_limit_error",
    ErrorClass.QUOTA_EXHAUSTED: "rate_limit_error",
    ErrorClass.BUDGET_EXCEEDED: "invalid_request_error",
    ErrorClass.CLIENT_CLOSED: "api_error",
    ErrorClass.INTERNAL: "api_error",
    ErrorClass.UPSTREAM_ERROR: "api_error",
    ErrorClass.UPSTREAM_CREDENTIAL: "api_error",
    ErrorClass.UPSTREAM_TIMEOUT: "timeout_error",
    ErrorClass.OVERLOADED: "overloaded_error",
}
#: Statuses by which clients of this API choose what to do, whatever the provider's own was.
_STATUS = {ErrorClass.OVERLOADED: 529, ErrorClass.UPSTREAM_CREDENTIAL: 502, ErrorClass.UPSTREAM_TIMEOUT: 504}
_TOO_LONG = re.compile(
    r"prompt is too long|exceeds? (?:the )?(?:model's )?(?:maximum |available )?context|maximum context length",
    re.IGNORECASE,
)
_KNOWN_TO_CLIENTS = re.compile(r"prompt is too long|exceed context limit", re.IGNORECASE)
_CREDIT = re.compile(r"credit balance is too low", re.IGNORECASE)
_NUMBER = re.compile(r"\d[\d,]{3,}")
_CREDENTIAL_TEXT = "The provider refused the gateway's own account. Tell the operator of this gateway."

_decoder = msgspec.json.Decoder(dict[str, Any])


def parse_error(status: int, body: bytes, _kind: str = "") -> ErrorInfo:
    """An error answer of the provider, any bytes."""
    kind, message = _read(body)
    return error_info(status, kind, message)


def error_info(status: int | None, kind: str | None, message: str | None) -> ErrorInfo:
    """`error.type` and `error.message` -> what they mean; `status` None inside a stream."""
    error_class = _class_of(status, kind, message or "")
    if error_class is ErrorClass.UPSTREAM_CREDENTIAL:
        return ErrorInfo(error_class=error_class, message=_CREDENTIAL_TEXT, status=502, code=kind)
    if not message:
        message = f"The provider answered with status {status}." if status else "The provider's stream failed."
    if status is None or status < 400:
        status = _STATUS.get(error_class, DEFAULT_STATUS[error_class])
    return ErrorInfo(error_class=error_class, message=message[: bounds.ERROR_DETAIL_CHARS], status=status, code=kind)


def _read(body: bytes) -> tuple[str | None, str | None]:
    """(type, message), as far as the body says them; other servers' plainer forms are read too."""
    try:
        answer = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, None
    return read_error(answer.get("error", answer))


def read_error(error: Any) -> tuple[str | None, str | None]:
    """(type, message) of an `error` object."""
    if isinstance(error, str):
        return None, error
    if not isinstance(error, dict):
        return None, None
    kind, message = error.get("type"), error.get("message")
    return kind if isinstance(kind, str) else None, message if isinstance(message, str) else None


def _class_of(status: int | None, kind: str | None, message: str) -> ErrorClass:
    found = _BY_TYPE.get(kind or "")
    if found is None:
        fallback = ErrorClass.INVALID_REQUEST if 400 <= (status or 500) < 500 else ErrorClass.UPSTREAM_ERROR
        found = _BY_STATUS.get(status or 500, fallback)
    if found in (ErrorClass.INVALID_REQUEST, ErrorClass.TOO_LARGE) and _TOO_LONG.search(message):
        return ErrorClass.CONTEXT_TOO_LONG
    if found is ErrorClass.INVALID_REQUEST and _CREDIT.search(message):
        return ErrorClass.UPSTREAM_CREDENTIAL
    return found


def render_error(error: ErrorInfo, request_id: str) -> tuple[int, bytes]:
    """(status, body) before a stream has begun."""
    status = _STATUS.get(error.error_class, error.status)
    return status, msgspec.json.encode({**_envelope(error), "request_id": request_id})


def render_error_event(error: ErrorInfo, request_id: str) -> bytes:
    """The same inside a stream."""
    return sse_event(msgspec.json.encode({**_envelope(error), "request_id": request_id}), "error")


def error_event(error: ErrorInfo) -> bytes:
    """The same inside a translated stream, whose writer knows no request id."""
    return sse_event(msgspec.json.encode(_envelope(error)), "error")


def _envelope(error: ErrorInfo) -> dict[str, Any]:
    kind = "billing_error" if error.status == 402 else _TYPES[error.error_class]
    return {"type": "error", "error": {"type": kind, "message": _message(error)}}


def _message(error: ErrorInfo) -> str:
    if error.error_class is ErrorClass.UPSTREAM_CREDENTIAL:
        return _CREDENTIAL_TEXT
    if error.error_class is not ErrorClass.CONTEXT_TOO_LONG or _KNOWN_TO_CLIENTS.search(error.message):
        return error.message
    numbers = sorted({int(found.replace(",", "")) for found in _NUMBER.findall(error.message)})
    if len(numbers) < 2:
        return f"prompt is too long: {error.message}"
    return f"prompt is too long: {numbers[-1]} tokens > {numbers[-2]} maximum"

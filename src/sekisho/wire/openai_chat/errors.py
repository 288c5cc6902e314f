"""Errors of this dialect: what a provider's body means, and what a caller gets to see.

Flows in: a status with any bytes, or an ErrorInfo. Flows out: an ErrorInfo; and OpenAI's error object.
Must stay true: total both ways; a provider's refusal of our own credential never shows its text, which quotes the key.
Source: platform guide "Error codes"; LiteLLM's type words where its callers look for them.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from sekisho.core import bounds
from sekisho.core.errors import DEFAULT_STATUS, ErrorClass, ErrorInfo
from sekisho.wire.sse import sse_event

_TOO_LONG = re.compile(
    r"context[ _](?:length|size)|context window|prompt is too long|input is too long|too many tokens in",
    re.IGNORECASE,
)
#: Larger alone than what the account may have in a minute: it never fits, however long it waits.
_NEVER_FITS = re.compile(r"request too large for .{1,200} per min", re.IGNORECASE | re.DOTALL)
_FILTERED = re.compile(r"content[ _](?:filter|policy|management policy)|responsibleaipolicy", re.IGNORECASE)
_NO_QUOTA = re.compile(
    r"insufficient[ _](?:quota|balance|credits|funds)|exceeded your current quota|billing", re.IGNORECASE
)
_BY_STATUS = {
    401: ErrorClass.UPSTREAM_CREDENTIAL,
    402: ErrorClass.QUOTA_EXHAUSTED,
    403: ErrorClass.UPSTREAM_CREDENTIAL,
    404: ErrorClass.NOT_FOUND,
    408: ErrorClass.UPSTREAM_TIMEOUT,
    413: ErrorClass.TOO_LARGE,
    429: ErrorClass.RATE_LIMITED,
    503: ErrorClass.OVERLOADED,
    504: ErrorClass.UPSTREAM_TIMEOUT,
    529: ErrorClass.OVERLOADED,
}
#: Words in `code` or `type`, for errors inside a stream, which have no status of their own.
_BY_WORD = {
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "throttling_error": 429,
    "insufficient_quota": 429,
    "server_error": 500,
    "overloaded": 503,
    "overloaded_error": 503,
    "timeout": 504,
    "invalid_api_key": 401,
    "authentication_error": 401,
    "model_not_found": 404,
    "invalid_request_error": 400,
    "invalid_prompt": 400,
    "bad_request": 400,
    "badrequesterror": 400,
    "context_length_exceeded": 400,
    "content_filter": 400,
}
#: Class -> (type, code where none is known).
_SHOWN: dict[ErrorClass, tuple[str, str | None]] = {
    ErrorClass.INVALID_REQUEST: ("invalid_request_error", None),
    ErrorClass.UNSUPPORTED_FEATURE: ("invalid_request_error", "unsupported_feature"),
    ErrorClass.CONTEXT_TOO_LONG: ("invalid_request_error", "context_length_exceeded"),
    ErrorClass.CONTENT_POLICY: ("invalid_request_error", "content_filter"),
    ErrorClass.AUTHENTICATION: ("auth_error", "invalid_api_key"),
    ErrorClass.PERMISSION: ("permission_error", "permission_denied"),
    ErrorClass.NOT_FOUND: ("invalid_request_error", None),
    ErrorClass.METHOD_NOT_ALLOWED: ("invalid_request_error", "method_not_allowed"),
    ErrorClass.TOO_LARGE: ("invalid_request_error", "request_too_large"),
    ErrorClass.UPGRADE_REQUIRED: ("invalid_request_error", "upgrade_required"),
    ErrorClass.RATE_LIMITED: ("throttling_error", "rate_limit_exceeded"),
    ErrorClass.QUOTA_EXHAUSTED: ("insufficient_quota", "insufficient_quota"),
    ErrorClass.BUDGET_EXCEEDED: ("budget_exceeded", "budget_exceeded"),
    ErrorClass.CLIENT_CLOSED: ("invalid_request_error", "client_closed"),
    ErrorClass.INTERNAL: ("internal_server_error", "internal_error"),
    ErrorClass.UPSTREAM_ERROR: ("api_error", "upstream_error"),
    ErrorClass.UPSTREAM_CREDENTIAL: ("api_error", "upstream_credential"),
    ErrorClass.UPSTREAM_TIMEOUT: ("api_error", "timeout"),
    ErrorClass.OVERLOADED: ("overloaded_error", "overloaded"),
}
#: Codes that LiteLLM's callers know as the error's type.
_LITELLM_TYPES = frozenset({"budget_exceeded", "token_not_found_in_db", "expired_key", "no_db_connection"})
#: These classes keep the code of whoever raised them only if it is a word; the others have one meaning, one code.
_FIXED_CODES = frozenset({ErrorClass.CONTEXT_TOO_LONG, ErrorClass.CONTENT_POLICY, ErrorClass.UPSTREAM_CREDENTIAL})
_CREDENTIAL_TEXT = "The provider refused the gateway's credential. The operator of the gateway has to mend this."


def parse_error(status: int, body: bytes, _kind: str = "") -> ErrorInfo:
    """What an error answer means. Total: HTML, plain text, FastAPI's `detail` and broken JSON are read too."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _info(status, _plain(status, body), None, None, None)
    return read_error(value, status)


def read_error(value: Any, status: int) -> ErrorInfo:
    """What an error object means, whole body or inside a stream. `status` may be one of success: then the object's
    own code, or its words, decide.
    """
    error = value[0] if isinstance(value, list) and value else value
    if isinstance(error, dict):
        error = error.get("error") or error.get("detail") or error
    if isinstance(error, list):  # FastAPI: one entry for each wrong field
        error = error[0] if error else {}
    fields = error if isinstance(error, dict) else {"message": error}
    message = next((text for key in ("message", "msg", "detail") if (text := _word(fields.get(key)))), None)
    code, kind = _word(fields.get("code")), _word(fields.get("type"))
    if status < 400:
        status = _own_status(fields, code, kind)
    return _info(status, message or _plain(status, b""), code, kind, _word(fields.get("param")))


def _info(status: int, message: str, code: str | None, kind: str | None, param: str | None) -> ErrorInfo:
    error_class = _class(status, f"{code} {kind} {message}")
    if status == 429 and error_class is ErrorClass.CONTEXT_TOO_LONG:
        status = DEFAULT_STATUS[error_class]  # on a 429 clients would send it again and again
    return ErrorInfo(
        error_class=error_class,
        message=message[: bounds.ERROR_DETAIL_CHARS],
        status=status,
        code=code,
        param=param,
    )


def _class(status: int, said: str) -> ErrorClass:
    if status in (413, 429) and _NEVER_FITS.search(said):
        return ErrorClass.CONTEXT_TOO_LONG
    if _NO_QUOTA.search(said) and status in (402, 403, 429):
        return ErrorClass.QUOTA_EXHAUSTED
    if 400 <= status < 500 and status not in (401, 429):
        if _TOO_LONG.search(said):
            return ErrorClass.CONTEXT_TOO_LONG
        if _FILTERED.search(said):
            return ErrorClass.CONTENT_POLICY
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status in (400, 409, 415, 422):
        return ErrorClass.INVALID_REQUEST
    return ErrorClass.UPSTREAM_ERROR


def _own_status(fields: dict[str, Any], code: str | None, kind: str | None) -> int:
    for key in ("status", "status_code", "code"):
        value = fields.get(key)
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value[:4])
        if isinstance(value, int) and 400 <= value < 600:
            return value
    known = (_BY_WORD.get(word.lower()) for word in (code, kind) if word)
    return next((status for status in known if status is not None), DEFAULT_STATUS[ErrorClass.UPSTREAM_ERROR])


def _word(value: Any) -> str | None:
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _plain(status: int, body: bytes) -> str:
    """A message where there is no JSON: short plain text as it is, never a page of HTML."""
    text = body[: bounds.ERROR_DETAIL_CHARS].decode("utf-8", "replace").strip()
    if text and text[:1] not in "<{[" and text.isprintable():
        return text
    return f"The provider answered with status {status} and no readable error."


def error_body(info: ErrorInfo) -> bytes:
    """The error object that OpenAI's SDKs and LiteLLM's callers read."""
    kind, code = _SHOWN[info.error_class]
    message = info.message
    if info.error_class is ErrorClass.UPSTREAM_CREDENTIAL:
        message = _CREDENTIAL_TEXT
    elif info.error_class is ErrorClass.NOT_FOUND and code is None and info.code is None:
        code = "model_not_found" if "model" in f"{info.param} {message}".lower() else "not_found"
    if info.code is not None and info.error_class not in _FIXED_CODES:
        code = info.code
        if code in _LITELLM_TYPES or code.endswith("_access_denied"):
            kind = code
    return msgspec.json.encode({"error": {"message": message, "type": kind, "param": info.param, "code": code}})


def render_error(info: ErrorInfo, _request_id: str) -> tuple[int, bytes]:
    """(HTTP status, body) before a stream has begun. The request id is in a header."""
    status = info.status if 400 <= info.status < 600 else DEFAULT_STATUS[info.error_class]
    if info.error_class is ErrorClass.UPSTREAM_CREDENTIAL:
        status = DEFAULT_STATUS[info.error_class]
    if status == 529:  # Anthropic's own number for an overload
        status = 503
    return status, error_body(info)


def render_error_event(info: ErrorInfo, _request_id: str) -> bytes:
    """The error inside a stream; no [DONE] follows, or clients would take the answer for whole."""
    return sse_event(error_body(info))

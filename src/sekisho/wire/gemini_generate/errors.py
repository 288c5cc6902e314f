"""Errors of Google's APIs: their answers -> what they mean, and back.

Flows in: any bytes that a provider answered with an error status, or an ErrorInfo of ours. Flows out: the other one,
as google.rpc.Status. Must stay true: total in both directions; what a provider says of the gateway's own account (key,
permission, billing) never reaches a caller; the delay that Google asks for stands in the body, in both directions.
(cloud.google.com/apis/design/errors)
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from sekisho.core import bounds
from sekisho.core.errors import DEFAULT_STATUS, ErrorClass, ErrorInfo

_TYPE = "type.googleapis.com/google.rpc."
_BY_WORD = {
    "INVALID_ARGUMENT": ErrorClass.INVALID_REQUEST,
    "FAILED_PRECONDITION": ErrorClass.INVALID_REQUEST,
    "OUT_OF_RANGE": ErrorClass.INVALID_REQUEST,
    "ALREADY_EXISTS": ErrorClass.INVALID_REQUEST,
    "UNAUTHENTICATED": ErrorClass.UPSTREAM_CREDENTIAL,
    "PERMISSION_DENIED": ErrorClass.UPSTREAM_CREDENTIAL,
    "NOT_FOUND": ErrorClass.NOT_FOUND,
    "RESOURCE_EXHAUSTED": ErrorClass.RATE_LIMITED,
    "DEADLINE_EXCEEDED": ErrorClass.UPSTREAM_TIMEOUT,
    "UNAVAILABLE": ErrorClass.OVERLOADED,
    "ABORTED": ErrorClass.UPSTREAM_ERROR,
    "CANCELLED": ErrorClass.UPSTREAM_ERROR,
    "DATA_LOSS": ErrorClass.UPSTREAM_ERROR,
    "INTERNAL": ErrorClass.UPSTREAM_ERROR,
    "UNIMPLEMENTED": ErrorClass.UPSTREAM_ERROR,
    "UNKNOWN": ErrorClass.UPSTREAM_ERROR,
}
_BY_STATUS = {
    401: ErrorClass.UPSTREAM_CREDENTIAL,
    402: ErrorClass.UPSTREAM_CREDENTIAL,
    403: ErrorClass.UPSTREAM_CREDENTIAL,
    404: ErrorClass.NOT_FOUND,
    405: ErrorClass.METHOD_NOT_ALLOWED,
    408: ErrorClass.UPSTREAM_TIMEOUT,
    413: ErrorClass.TOO_LARGE,
    429: ErrorClass.RATE_LIMITED,
    503: ErrorClass.OVERLOADED,
    504: ErrorClass.UPSTREAM_TIMEOUT,
    529: ErrorClass.OVERLOADED,
}
#: Class -> google.rpc.Code.
_WORDS = {
    ErrorClass.INVALID_REQUEST: "INVALID_ARGUMENT",
    ErrorClass.UNSUPPORTED_FEATURE: "INVALID_ARGUMENT",
    ErrorClass.CONTEXT_TOO_LONG: "INVALID_ARGUMENT",
    ErrorClass.CONTENT_POLICY: "INVALID_ARGUMENT",
    ErrorClass.AUTHENTICATION: "UNAUTHENTICATED",
    ErrorClass.PERMISSION: "PERMISSION_DENIED",
    ErrorClass.NOT_FOUND: "NOT_FOUND",
    ErrorClass.METHOD_NOT_ALLOWED: "UNIMPLEMENTED",
    ErrorClass.TOO_LARGE: "INVALID_ARGUMENT",
    ErrorClass.UPGRADE_REQUIRED: "FAILED_PRECONDITION",
    ErrorClass.RATE_LIMITED: "RESOURCE_EXHAUSTED",
    ErrorClass.QUOTA_EXHAUSTED: "RESOURCE_EXHAUSTED",
    ErrorClass.BUDGET_EXCEEDED: "FAILED_PRECONDITION",
    ErrorClass.CLIENT_CLOSED: "CANCELLED",
    ErrorClass.INTERNAL: "INTERNAL",
    ErrorClass.UPSTREAM_ERROR: "INTERNAL",
    ErrorClass.UPSTREAM_CREDENTIAL: "INTERNAL",
    ErrorClass.UPSTREAM_TIMEOUT: "DEADLINE_EXCEEDED",
    ErrorClass.OVERLOADED: "UNAVAILABLE",
}
#: Statuses by which clients of this API choose what to do, whatever the provider's own was.
_STATUS = {ErrorClass.OVERLOADED: 503, ErrorClass.UPSTREAM_CREDENTIAL: 502, ErrorClass.UPSTREAM_TIMEOUT: 504}
_TOO_LONG = re.compile(
    r"exceeds the maximum number of tokens|(?:exceeds?|longer than) (?:the )?(?:model's )?(?:maximum )?context"
    r"|maximum context length|(?:prompt|input|context) is too long",
    re.IGNORECASE,
)
_KNOWN_TO_CLIENTS = re.compile(r"exceeds the maximum number of tokens allowed", re.IGNORECASE)
_ACCOUNT = re.compile(
    r"API key (?:not valid|expired)|API_KEY_|enable billing|billing account|location is not supported", re.IGNORECASE
)
#: Quotas that no wait of minutes brings back.
_SPENT = re.compile(r"PerDay|prepayment credits|spending cap|credits are depleted", re.IGNORECASE)
_SECONDS = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")
_NUMBER = re.compile(r"\d[\d,]{3,}")
_CREDENTIAL_TEXT = "The provider refused the gateway's own account. Tell the operator of this gateway."


def parse_error(status: int, body: bytes, _kind: str = "") -> ErrorInfo:
    """An error answer of the provider, any bytes: pages of HTML and broken JSON too."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = None
    return read_error(value, status)


def read_error(value: Any, status: int) -> ErrorInfo:
    """What a google.rpc.Status means, in its envelope, in an array, or bare. `status` may be one of success: then the
    object's own code decides.
    """
    error = value[0] if isinstance(value, list) and value else value
    error = error.get("error", error) if isinstance(error, dict) else error
    fields = error if isinstance(error, dict) else {"message": error}
    word, message = _text(fields.get("status")), _text(fields.get("message"))
    details = [detail for detail in _list(fields.get("details")) if isinstance(detail, dict)]
    if status < 400:
        status = _own_status(fields.get("code"), word)
    error_class = _class(status, word, f"{message} {msgspec.json.encode(details).decode()}")
    if error_class is ErrorClass.UPSTREAM_CREDENTIAL:
        return ErrorInfo(error_class=error_class, message=_CREDENTIAL_TEXT, status=502, code=word)
    return ErrorInfo(
        error_class=error_class,
        message=(message or f"The provider answered with status {status}.")[: bounds.ERROR_DETAIL_CHARS],
        status=status,
        code=word,
        retry_after_seconds=_retry_after(details),
    )


def _class(status: int, word: str | None, said: str) -> ErrorClass:
    fallback = ErrorClass.INVALID_REQUEST if 400 <= status < 500 else ErrorClass.UPSTREAM_ERROR
    found = _BY_WORD.get(word or "") or _BY_STATUS.get(status, fallback)
    if found is ErrorClass.INVALID_REQUEST and _ACCOUNT.search(said):
        return ErrorClass.UPSTREAM_CREDENTIAL
    if found in (ErrorClass.INVALID_REQUEST, ErrorClass.TOO_LARGE) and _TOO_LONG.search(said):
        return ErrorClass.CONTEXT_TOO_LONG
    if found is ErrorClass.RATE_LIMITED and _SPENT.search(said):
        return ErrorClass.QUOTA_EXHAUSTED
    return found


def _own_status(code: Any, word: str | None) -> int:
    if isinstance(code, int) and 400 <= code < 600:
        return code
    return DEFAULT_STATUS[_BY_WORD.get(word or "", ErrorClass.UPSTREAM_ERROR)]


def _retry_after(details: list[dict[str, Any]]) -> float | None:
    """RetryInfo's delay: protobuf writes a duration as "48.5s", some servers as its fields."""
    for detail in details:
        delay = detail.get("retryDelay")
        if isinstance(delay, str) and (match := _SECONDS.fullmatch(delay)):
            return float(match[1])
        if isinstance(delay, dict) and isinstance(seconds := delay.get("seconds"), int) and 0 <= seconds < 10**9:
            return float(seconds)
    return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def error_body(error: ErrorInfo) -> bytes:
    """The envelope that Google's SDKs read; they look for `error` as its first key."""
    return msgspec.json.encode({"error": _status(error, _http_status(error))})


def _status(error: ErrorInfo, status: int) -> dict[str, Any]:
    message = _message(error)
    value: dict[str, Any] = {"code": status, "message": message, "status": _WORDS[error.error_class]}
    details: list[dict[str, Any]] = []
    if error.param is not None:
        violation = {"field": error.param, "description": message}
        details.append({"@type": f"{_TYPE}BadRequest", "fieldViolations": [violation]})
    if error.retry_after_seconds is not None:
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{error.retry_after_seconds:.9g}s"})
    return {**value, "details": details} if details else value


def _http_status(error: ErrorInfo) -> int:
    status = _STATUS.get(error.error_class, error.status)
    return status if 400 <= status < 600 else DEFAULT_STATUS[error.error_class]


def _message(error: ErrorInfo) -> str:
    if error.error_class is ErrorClass.UPSTREAM_CREDENTIAL:
        return _CREDENTIAL_TEXT
    if error.error_class is not ErrorClass.CONTEXT_TOO_LONG or _KNOWN_TO_CLIENTS.search(error.message):
        return error.message
    numbers = sorted({int(found.replace(",", "")) for found in _NUMBER.findall(error.message)})
    if len(numbers) < 2:
        return f"The input token count exceeds the maximum number of tokens allowed: {error.message}"
    return f"The input token count ({numbers[-1]}) exceeds the maximum number of tokens allowed ({numbers[-2]})."


def render_error(error: ErrorInfo, _request_id: str) -> tuple[int, bytes]:
    """(status, body) before a stream has begun. The request id is in a header."""
    return _http_status(error), error_body(error)


def render_error_event(error: ErrorInfo, _request_id: str) -> bytes:
    """The same inside a stream."""
    return sse_chunk(error_body(error))


def sse_chunk(data: bytes) -> bytes:
    """One event as Google frames it."""
    return b"data: %b\r\n\r\n" % data

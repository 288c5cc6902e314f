"""Errors of the Responses API: read from a provider, written to a caller, before a stream and inside one.

Flows in: status and body of a provider's error, or an ErrorInfo. Flows out: the other of the two. Must stay true: any
bytes give an ErrorInfo; every ErrorClass has a type and a code; what a provider says of the gateway's own credential
is not told to callers. Source: API reference "Error codes", and what agents act on.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from sekisho.core.bounds import ERROR_DETAIL_CHARS
from sekisho.core.errors import DEFAULT_STATUS, ErrorClass, ErrorInfo
from sekisho.wire.openai_responses.schema import WireError
from sekisho.wire.sse import sse_event

#: A provider's code or type -> what it means; the status decides where neither is here.
_MEANING: dict[str, ErrorClass] = {
    "context_length_exceeded": ErrorClass.CONTEXT_TOO_LONG,
    "insufficient_quota": ErrorClass.QUOTA_EXHAUSTED,
    "billing_hard_limit_reached": ErrorClass.QUOTA_EXHAUSTED,
    "billing_not_active": ErrorClass.QUOTA_EXHAUSTED,
    "content_filter": ErrorClass.CONTENT_POLICY,
    "content_policy_violation": ErrorClass.CONTENT_POLICY,
    "image_content_policy_violation": ErrorClass.CONTENT_POLICY,
    "invalid_prompt": ErrorClass.CONTENT_POLICY,
    "bio_policy": ErrorClass.CONTENT_POLICY,
    "misalignment_policy_violation": ErrorClass.CONTENT_POLICY,
    "cyber_policy": ErrorClass.CONTENT_POLICY,
    "invalid_api_key": ErrorClass.UPSTREAM_CREDENTIAL,
    "model_not_found": ErrorClass.NOT_FOUND,
    "DeploymentNotFound": ErrorClass.NOT_FOUND,
    "rate_limit_exceeded": ErrorClass.RATE_LIMITED,
    "RateLimitReached": ErrorClass.RATE_LIMITED,
    "server_is_overloaded": ErrorClass.OVERLOADED,
    "slow_down": ErrorClass.OVERLOADED,
    "server_error": ErrorClass.UPSTREAM_ERROR,
    "invalid_request_error": ErrorClass.INVALID_REQUEST,
}
_BY_STATUS: dict[int, ErrorClass] = {
    401: ErrorClass.UPSTREAM_CREDENTIAL,
    402: ErrorClass.QUOTA_EXHAUSTED,
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
#: How servers without codes say that the conversation is too long.
_TOO_LONG = (
    *("context window", "maximum context length", "context length exceeded", "available context size"),
    "prompt is too long",
)
#: Larger alone than what the account may have in a minute: it never fits, however long it waits.
_NEVER_FITS = re.compile(r"request too large for .{1,200} per min", re.IGNORECASE | re.DOTALL)

#: ErrorClass -> (`type`, `code`) for a caller.
_SHOWN: dict[ErrorClass, tuple[str, str]] = {
    ErrorClass.INVALID_REQUEST: ("invalid_request_error", "invalid_request"),
    ErrorClass.UNSUPPORTED_FEATURE: ("invalid_request_error", "unsupported_feature"),
    ErrorClass.CONTEXT_TOO_LONG: ("invalid_request_error", "context_length_exceeded"),
    ErrorClass.CONTENT_POLICY: ("invalid_request_error", "content_policy_violation"),
    ErrorClass.AUTHENTICATION: ("authentication_error", "invalid_api_key"),
    ErrorClass.PERMISSION: ("permission_error", "permission_denied"),
    ErrorClass.NOT_FOUND: ("invalid_request_error", "not_found"),
    ErrorClass.METHOD_NOT_ALLOWED: ("invalid_request_error", "method_not_allowed"),
    ErrorClass.TOO_LARGE: ("invalid_request_error", "request_too_large"),
    ErrorClass.UPGRADE_REQUIRED: ("invalid_request_error", "upgrade_required"),
    ErrorClass.RATE_LIMITED: ("rate_limit_error", "rate_limit_exceeded"),
    ErrorClass.QUOTA_EXHAUSTED: ("insufficient_quota", "insufficient_quota"),
    ErrorClass.BUDGET_EXCEEDED: ("budget_exceeded", "budget_exceeded"),
    ErrorClass.CLIENT_CLOSED: ("api_error", "client_closed_request"),
    ErrorClass.INTERNAL: ("api_error", "server_error"),
    ErrorClass.UPSTREAM_ERROR: ("api_error", "server_error"),
    ErrorClass.UPSTREAM_CREDENTIAL: ("api_error", "server_error"),
    ErrorClass.UPSTREAM_TIMEOUT: ("api_error", "server_error"),
    ErrorClass.OVERLOADED: ("api_error", "server_is_overloaded"),
}
#: These codes are what agents look for, whatever the provider of another dialect called it.
_FIXED_CODES = frozenset({ErrorClass.CONTEXT_TOO_LONG, ErrorClass.QUOTA_EXHAUSTED, ErrorClass.UPSTREAM_CREDENTIAL})
_CREDENTIAL_TEXT = "The provider refused this gateway's own credential; its operator has to mend it."


class _Body(msgspec.Struct):
    error: WireError | str | None = None
    message: str | None = None
    detail: str | None = None


_body = msgspec.json.Decoder(_Body)


def parse_error(status: int, body: bytes, _kind: str = "") -> ErrorInfo:
    """A provider's error answer -> what it means. Total: other bytes than this API's give a generic text."""
    try:
        read = _body.decode(body)
    except (ValueError, RecursionError):
        read = _Body()
    error = read.error if isinstance(read.error, WireError) else WireError(message=read.error)
    if error.message is None:
        error = msgspec.structs.replace(error, message=read.message or read.detail)
    return error_info(error, status)


def error_info(error: WireError, status: int | None = None) -> ErrorInfo:
    """`error` of a body, a failed response or an `error` event; `status` None inside a stream."""
    kind = _classify(error, status)
    if kind is ErrorClass.UPSTREAM_CREDENTIAL:
        return ErrorInfo(error_class=kind, message=_CREDENTIAL_TEXT, status=DEFAULT_STATUS[kind])
    never_fits = status == 429 and kind is ErrorClass.CONTEXT_TOO_LONG  # clients would send it again and again
    answered = f" (HTTP {status})" if status else ""
    return ErrorInfo(
        error_class=kind,
        message=(error.message or f"The provider answered with an error and did not say which{answered}.")[
            :ERROR_DETAIL_CHARS
        ],
        status=DEFAULT_STATUS[kind] if status is None or not 400 <= status < 600 or never_fits else status,
        code=_word(error.code),
        param=error.param,
    )


def _classify(error: WireError, status: int | None) -> ErrorClass:
    if status in {None, 413, 429} and _NEVER_FITS.search(error.message or ""):
        return ErrorClass.CONTEXT_TOO_LONG
    for word in (_word(error.code), error.type):
        meaning = _MEANING.get(word or "")
        if meaning is ErrorClass.INVALID_REQUEST and status is not None:
            break  # this type stands on 401, 404 and 429 as well
        if meaning is not None:
            return meaning
    if status in {None, 400, 413, 422} and any(text in (error.message or "").lower() for text in _TOO_LONG):
        return ErrorClass.CONTEXT_TOO_LONG
    if status is None:
        return ErrorClass.UPSTREAM_ERROR
    return _BY_STATUS.get(status, ErrorClass.INVALID_REQUEST if 400 <= status < 500 else ErrorClass.UPSTREAM_ERROR)


def _word(code: str | int | None) -> str | None:
    return None if code is None else str(code)


def render_error(info: ErrorInfo, request_id: str) -> tuple[int, bytes]:
    """The answer before a stream has begun. `request_id` travels in a header, this body has no place for it.

    A provider's 401 is no fault of the caller's key: agents would ask their user for another one.
    """
    del request_id
    credential = info.error_class is ErrorClass.UPSTREAM_CREDENTIAL
    status = DEFAULT_STATUS[info.error_class] if credential else info.status
    return status, msgspec.json.encode({"error": error_fields(info)})


def render_error_event(info: ErrorInfo, request_id: str) -> bytes:
    """The same inside a stream that passes unchanged, whose own numbering is not followed: number 0."""
    del request_id
    return sse_event(msgspec.json.encode({"type": "error", **failure(info), "sequence_number": 0}), "error")


def failure(info: ErrorInfo) -> dict[str, Any]:
    """The fields of an `error` event: flat as the openai SDK reads them, and nested as Open Responses has them."""
    fields = error_fields(info)
    return {"code": fields["code"], "message": fields["message"], "param": fields["param"], "error": fields}


def error_fields(info: ErrorInfo) -> dict[str, Any]:
    """The `error` object: message, type, param, code."""
    kind, code = _SHOWN[info.error_class]
    credential = info.error_class is ErrorClass.UPSTREAM_CREDENTIAL
    fixed = info.error_class in _FIXED_CODES or info.code is None
    return {
        "message": _CREDENTIAL_TEXT if credential else info.message,
        "type": kind,
        "param": info.param,
        "code": code if fixed else info.code,
    }

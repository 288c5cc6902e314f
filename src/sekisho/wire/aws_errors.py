"""Errors of the Bedrock Runtime: its answers and its exceptions inside a stream -> what they mean, and back.

Flows in: a status, any bytes and `x-amzn-errortype`, or an exception message, or an ErrorInfo. Flows out: the other
side. Must stay true: total in both directions; what AWS says of the gateway's own account never reaches a caller.
(docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html, and the errors of each operation there)
"""

from __future__ import annotations

import re

import msgspec

from sekisho.core import bounds
from sekisho.core.errors import DEFAULT_STATUS, ErrorClass, ErrorInfo
from sekisho.wire.eventstream import Message, encode_message

#: The response header that names an error: "ThrottlingException:http://…".
ERROR_HEADER = "x-amzn-errortype"
_CLASSES = {
    "AccessDeniedException": ErrorClass.UPSTREAM_CREDENTIAL,
    "ExpiredTokenException": ErrorClass.UPSTREAM_CREDENTIAL,
    "IncompleteSignatureException": ErrorClass.UPSTREAM_CREDENTIAL,
    "InvalidClientTokenIdException": ErrorClass.UPSTREAM_CREDENTIAL,
    "InvalidSignatureException": ErrorClass.UPSTREAM_CREDENTIAL,
    "MissingAuthenticationTokenException": ErrorClass.UPSTREAM_CREDENTIAL,
    "NotAuthorizedException": ErrorClass.UPSTREAM_CREDENTIAL,
    "OptInRequiredException": ErrorClass.UPSTREAM_CREDENTIAL,
    "UnrecognizedClientException": ErrorClass.UPSTREAM_CREDENTIAL,
    "ConflictException": ErrorClass.INVALID_REQUEST,
    "ValidationException": ErrorClass.INVALID_REQUEST,
    "ResourceNotFoundException": ErrorClass.NOT_FOUND,
    "UnknownOperationException": ErrorClass.NOT_FOUND,
    "RequestEntityTooLargeException": ErrorClass.TOO_LARGE,
    "ThrottlingException": ErrorClass.RATE_LIMITED,
    "TooManyRequestsException": ErrorClass.RATE_LIMITED,
    "ServiceQuotaExceededException": ErrorClass.QUOTA_EXHAUSTED,
    "ModelTimeoutException": ErrorClass.UPSTREAM_TIMEOUT,
    "ModelErrorException": ErrorClass.UPSTREAM_ERROR,
    "ModelStreamErrorException": ErrorClass.UPSTREAM_ERROR,
    "InternalServerException": ErrorClass.UPSTREAM_ERROR,
    "InternalFailure": ErrorClass.UPSTREAM_ERROR,
    "ModelNotReadyException": ErrorClass.OVERLOADED,
    "ServiceUnavailable": ErrorClass.OVERLOADED,
    "ServiceUnavailableException": ErrorClass.OVERLOADED,
}
_BY_STATUS = {
    400: ErrorClass.INVALID_REQUEST,
    401: ErrorClass.UPSTREAM_CREDENTIAL,
    403: ErrorClass.UPSTREAM_CREDENTIAL,
    404: ErrorClass.NOT_FOUND,
    405: ErrorClass.METHOD_NOT_ALLOWED,
    408: ErrorClass.UPSTREAM_TIMEOUT,
    413: ErrorClass.TOO_LARGE,
    422: ErrorClass.INVALID_REQUEST,
    429: ErrorClass.RATE_LIMITED,
    503: ErrorClass.OVERLOADED,
    504: ErrorClass.UPSTREAM_TIMEOUT,
}
#: What is told under a name of its own when it is the caller's signature that is wrong.
_OF_SIGNATURES = (
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
)
#: Class -> (the error's name, status). botocore tries 500 and 503 and ThrottlingException again, 424 and 400 not.
_SHOWN = {
    ErrorClass.INVALID_REQUEST: ("ValidationException", 400),
    ErrorClass.UNSUPPORTED_FEATURE: ("ValidationException", 400),
    ErrorClass.CONTEXT_TOO_LONG: ("ValidationException", 400),
    ErrorClass.CONTENT_POLICY: ("ValidationException", 400),
    ErrorClass.AUTHENTICATION: ("UnrecognizedClientException", 403),
    ErrorClass.PERMISSION: ("AccessDeniedException", 403),
    ErrorClass.NOT_FOUND: ("ResourceNotFoundException", 404),
    ErrorClass.METHOD_NOT_ALLOWED: ("UnknownOperationException", 405),
    ErrorClass.TOO_LARGE: ("ValidationException", 413),
    ErrorClass.UPGRADE_REQUIRED: ("ValidationException", 426),
    ErrorClass.RATE_LIMITED: ("ThrottlingException", 429),
    ErrorClass.QUOTA_EXHAUSTED: ("ServiceQuotaExceededException", 400),
    ErrorClass.BUDGET_EXCEEDED: ("ValidationException", 400),
    ErrorClass.CLIENT_CLOSED: ("InternalServerException", 499),
    ErrorClass.INTERNAL: ("InternalServerException", 500),
    ErrorClass.UPSTREAM_ERROR: ("InternalServerException", 500),
    ErrorClass.UPSTREAM_CREDENTIAL: ("ModelErrorException", 424),
    ErrorClass.UPSTREAM_TIMEOUT: ("ModelTimeoutException", 408),
    ErrorClass.OVERLOADED: ("ServiceUnavailableException", 503),
}
#: The exceptions that a stream may hold, by the name of the error outside of one; the rest fail as the model's.
_IN_STREAM = {
    "InternalServerException": "internalServerException",
    "ServiceUnavailableException": "serviceUnavailableException",
    "ThrottlingException": "throttlingException",
    "ValidationException": "validationException",
}
_TOO_LONG = re.compile(
    r"too long|too many (?:input )?tokens|exceeds? the (?:model's )?(?:maximum )?(?:context|number of tokens)"
    r"|maximum context length|context window",
    re.IGNORECASE,
)
_NO_SUCH_MODEL = re.compile(r"model identifier is invalid", re.IGNORECASE)
_FILTERED = re.compile(r"content filter|blocked by guardrail", re.IGNORECASE)
#: A limit that waiting a minute does not lift.
_NO_QUOTA = re.compile(r"per day|daily", re.IGNORECASE)
_KNOWN_TO_CLIENTS = re.compile(r"(?:input|prompt) is too long", re.IGNORECASE)
_CREDENTIAL_TEXT = "The provider refused the gateway's own account. Tell the operator of this gateway."


class _Body(msgspec.Struct, frozen=True):
    message: str | None = None
    kind: str | None = msgspec.field(name="__type", default=None)
    capital: str | None = msgspec.field(name="Message", default=None)


_decoder = msgspec.json.Decoder(_Body)


def parse_error(status: int, body: bytes, kind: str = "") -> ErrorInfo:
    """An error answer of the Bedrock Runtime, any bytes; `kind` is the value of ERROR_HEADER."""
    said = _read(body)
    return _info(status, _name(kind or said.kind or ""), said.message or said.capital)


def read_exception(message: Message) -> ErrorInfo:
    """What a message of type `exception`, or `error`, inside a stream means."""
    if message.header(":message-type") == "error":
        return _info(None, _name(message.header(":error-code")), message.header(":error-message") or None)
    said = _read(message.payload)
    return _info(None, _name(message.header(":exception-type")), said.message or said.capital)


def is_exception(message: Message) -> bool:
    """Whether a message inside a stream says that it failed."""
    return message.header(":message-type") in ("exception", "error")


def _read(body: bytes) -> _Body:
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Body()


def _name(said: str) -> str:
    """The bare name of an error: "ValidationException:http://…", "com.amazon#validationException"."""
    name = said.partition(":")[0].rpartition("#")[2].strip()
    return name[:1].upper() + name[1:] if name.isascii() and name.isidentifier() else ""


def _info(status: int | None, name: str, message: str | None) -> ErrorInfo:
    error_class = _class_of(status, name, message or "")
    if status is None or status < 400:
        status = _SHOWN[error_class][1]
    if error_class is ErrorClass.UPSTREAM_CREDENTIAL:
        status = DEFAULT_STATUS[error_class]
        message = _CREDENTIAL_TEXT
    message = message or f"The provider answered with status {status}."
    return ErrorInfo(
        error_class=error_class, message=message[: bounds.ERROR_DETAIL_CHARS], status=status, code=name or None
    )


def _class_of(status: int | None, name: str, message: str) -> ErrorClass:
    fallback = ErrorClass.INVALID_REQUEST if 400 <= (status or 500) < 500 else ErrorClass.UPSTREAM_ERROR
    found = _CLASSES.get(name) or _BY_STATUS.get(status or 500, fallback)
    if found is ErrorClass.INVALID_REQUEST and _TOO_LONG.search(message):
        return ErrorClass.CONTEXT_TOO_LONG
    if found is ErrorClass.INVALID_REQUEST and _NO_SUCH_MODEL.search(message):
        return ErrorClass.NOT_FOUND
    if found is ErrorClass.INVALID_REQUEST and _FILTERED.search(message):
        return ErrorClass.CONTENT_POLICY
    if found is ErrorClass.RATE_LIMITED and _NO_QUOTA.search(message):
        return ErrorClass.QUOTA_EXHAUSTED
    return found


def render_error(error: ErrorInfo, _request_id: str) -> tuple[int, bytes]:
    """(status, body) before a stream has begun; the name is in `error_headers`, the request id in its own header."""
    return _SHOWN[error.error_class][1], msgspec.json.encode({"message": _message(error)})


def error_headers(error: ErrorInfo) -> tuple[tuple[bytes, bytes], ...]:
    """The header in which SDKs of AWS look for the error's name."""
    name = _SHOWN[error.error_class][0]
    if error.error_class is ErrorClass.AUTHENTICATION and error.code in _OF_SIGNATURES:
        name = error.code
    return ((ERROR_HEADER.encode(), name.encode()),)


def render_error_event(error: ErrorInfo, _request_id: str = "") -> bytes:
    """The error as an exception inside a stream."""
    kind = _IN_STREAM.get(_SHOWN[error.error_class][0], "modelStreamErrorException")
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return encode_message(headers, msgspec.json.encode({"message": _message(error)}))


def _message(error: ErrorInfo) -> str:
    if error.error_class is ErrorClass.UPSTREAM_CREDENTIAL:
        return _CREDENTIAL_TEXT
    if error.error_class is not ErrorClass.CONTEXT_TOO_LONG or _KNOWN_TO_CLIENTS.search(error.message):
        return error.message
    return f"Input is too long for requested model: {error.message}"

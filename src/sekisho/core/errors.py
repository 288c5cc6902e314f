"""The error tree of the whole product, on one page, split by whose fault it is.

    SekishoError
      CallerError          the caller can mend it: shown to the caller, never retried
        MalformedRequest   UnsupportedFeature   Unauthenticated   Forbidden
        UnknownModel       BodyTooLarge         RouteNotFound     MethodNotAllowed   UpgradeRequired
        LimitReached
      UpstreamError        the provider's fault (or the road to it): mapped into the caller's dialect
        UpstreamRefused    UpstreamTimeout      UpstreamUnreachable
        UpstreamProtocolError                   StreamBroken
      Overloaded           this gateway is full: the caller waits and tries again
      OperatorError        configuration, missing secret, store: generic to the caller, logged for the operator

Flows in: what went wrong. Flows out: an `ErrorInfo`, which every dialect can render, before and inside a stream.
Must stay true: `message` never holds a secret, a prompt or a stack trace; `ErrorClass` is total, so that each
dialect maps every class.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class ErrorClass(StrEnum):
    """What kind of failure it is, independent of dialect; stored in the ledger's `error_class`."""

    INVALID_REQUEST = "invalid_request"
    UNSUPPORTED_FEATURE = "unsupported_feature"
    CONTEXT_TOO_LONG = "context_too_long"
    CONTENT_POLICY = "content_policy"
    AUTHENTICATION = "authentication"
    PERMISSION = "permission"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    TOO_LARGE = "too_large"
    UPGRADE_REQUIRED = "upgrade_required"
    RATE_LIMITED = "rate_limited"
    QUOTA_EXHAUSTED = "quota_exhausted"
    BUDGET_EXCEEDED = "budget_exceeded"
    CLIENT_CLOSED = "client_closed"
    INTERNAL = "internal"
    UPSTREAM_ERROR = "upstream_error"
    UPSTREAM_CREDENTIAL = "upstream_credential"
    UPSTREAM_TIMEOUT = "upstream_timeout"
    OVERLOADED = "overloaded"


#: The HTTP status of each class where no provider gave one. Anthropic's dialect says 529 for OVERLOADED.
DEFAULT_STATUS: dict[ErrorClass, int] = {
    ErrorClass.INVALID_REQUEST: 400,
    ErrorClass.UNSUPPORTED_FEATURE: 400,
    ErrorClass.CONTEXT_TOO_LONG: 400,
    ErrorClass.CONTENT_POLICY: 400,
    ErrorClass.AUTHENTICATION: 401,
    ErrorClass.PERMISSION: 403,
    ErrorClass.NOT_FOUND: 404,
    ErrorClass.METHOD_NOT_ALLOWED: 405,
    ErrorClass.TOO_LARGE: 413,
    ErrorClass.UPGRADE_REQUIRED: 426,
    ErrorClass.RATE_LIMITED: 429,
    ErrorClass.QUOTA_EXHAUSTED: 429,
    ErrorClass.BUDGET_EXCEEDED: 400,
    ErrorClass.CLIENT_CLOSED: 499,
    ErrorClass.INTERNAL: 500,
    ErrorClass.UPSTREAM_ERROR: 502,
    ErrorClass.UPSTREAM_CREDENTIAL: 502,
    ErrorClass.UPSTREAM_TIMEOUT: 504,
    ErrorClass.OVERLOADED: 503,
}


class ErrorInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One failure as a value: everything a dialect needs to tell its caller.

    `status` is the HTTP status to answer with (the provider's own where it gave one), `code` the provider's or
    our machine-readable code, `param` the request field at fault, `retry_after_seconds` what the provider asked for.
    """

    error_class: ErrorClass
    message: str
    status: int
    code: str | None = None
    param: str | None = None
    retry_after_seconds: float | None = None


class SekishoError(Exception):
    """Root of the tree. `info` is safe to show; `str(error)` is its message."""

    error_class = ErrorClass.INTERNAL

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after_seconds: float | None = None,
        status: int | None = None,
        error_class: ErrorClass | None = None,
    ) -> None:
        super().__init__(message)
        kind = error_class or self.error_class
        self.info = ErrorInfo(
            error_class=kind,
            message=message,
            status=status or DEFAULT_STATUS[kind],
            code=code,
            param=param,
            retry_after_seconds=retry_after_seconds,
        )


class CallerError(SekishoError):
    """The request cannot be served as it was asked; the caller can mend it."""

    error_class = ErrorClass.INVALID_REQUEST


class MalformedRequest(CallerError):
    """Not JSON, wrong types, a missing field: `param` names the field."""


class UnsupportedFeature(CallerError):
    """A field with no equivalent in the target's dialect. Refused by name, never dropped."""

    error_class = ErrorClass.UNSUPPORTED_FEATURE

    def __init__(self, field: str, dialect: str, advice: str = "") -> None:
        text = f"'{field}' has no equivalent in {dialect}, which serves this model."
        super().__init__(f"{text} {advice}".rstrip(), code="unsupported_feature", param=field)


class Unauthenticated(CallerError):
    """No key, an unknown key, or one that has expired or is blocked."""

    error_class = ErrorClass.AUTHENTICATION


class Forbidden(CallerError):
    """The key is known but may not do this."""

    error_class = ErrorClass.PERMISSION


class UnknownModel(CallerError):
    """No deployment serves the requested model name."""

    error_class = ErrorClass.NOT_FOUND


class RouteNotFound(CallerError):
    """No such path."""

    error_class = ErrorClass.NOT_FOUND


class MethodNotAllowed(CallerError):
    """The path exists, the method does not."""

    error_class = ErrorClass.METHOD_NOT_ALLOWED


class UpgradeRequired(CallerError):
    """GET where there is a WebSocket, without asking for it (426)."""

    error_class = ErrorClass.UPGRADE_REQUIRED


class BodyTooLarge(CallerError):
    """The body, or what it decompresses to, is over the limit."""

    error_class = ErrorClass.TOO_LARGE


class LimitReached(CallerError):
    """A limit of this gateway has no room for the call: a budget, which no short wait mends (BUDGET_EXCEEDED), or a
    rate, which passes (RATE_LIMITED, with `retry_after_seconds`).
    """

    error_class = ErrorClass.RATE_LIMITED


class UpstreamError(SekishoError):
    """The provider failed, or could not be reached."""

    error_class = ErrorClass.UPSTREAM_ERROR


class UpstreamRefused(UpstreamError):
    """The provider answered with an error status; `info` is what its dialect's codec read from the body."""

    def __init__(
        self,
        info: ErrorInfo,
        headers: tuple[tuple[str, str], ...] = (),
        body: bytes | None = None,
        answered: int | None = None,
    ) -> None:
        super().__init__(info.message)
        self.info = info
        self.headers = headers
        #: The provider's own status, which its caller may not be told; None inside a stream.
        self.answered = answered
        #: The provider's own bytes, for a caller of the same dialect; None when they are no error of that dialect.
        self.body = body


class UpstreamTimeout(UpstreamError):
    """`phase` is one of connect, first_byte, between_chunks, total."""

    error_class = ErrorClass.UPSTREAM_TIMEOUT

    def __init__(self, phase: str, seconds: float) -> None:
        super().__init__(f"The provider did not answer in time ({phase.replace('_', ' ')}: {seconds:g} s).", code=phase)
        self.phase = phase


class UpstreamUnreachable(UpstreamError):
    """No connection to the provider: refused, reset before an answer, no such host, TLS failure."""


class UpstreamProtocolError(UpstreamError):
    """The provider's bytes are not its dialect: HTML, broken JSON, an event out of order."""


class StreamBroken(UpstreamError):
    """The provider's stream ended before its end was announced."""


class Overloaded(SekishoError):
    """This gateway holds as much as it may; try again after `retry_after_seconds`."""

    error_class = ErrorClass.OVERLOADED


class OperatorError(SekishoError):
    """Bad configuration, a missing secret, a store that is down. Shown whole to the operator only."""

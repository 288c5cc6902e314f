"""Errors as the providers write them, before a stream.

Flows in: a vendor, a status or a kind. Flows out: the body, and the header in which a vendor says more.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sekisho.providers.fake.paths import Vendor


class Kind(msgspec.Struct, frozen=True):
    """One kind of failure in every vendor's words."""

    anthropic: str
    openai: str
    code: str | None
    aws: str
    google: str
    status: int
    message: str


#: Kinds by the name a script uses. Texts follow the wording that clients recognise.
KINDS: dict[str, Kind] = {
    "invalid_request": Kind(
        "invalid_request_error",
        "invalid_request_error",
        None,
        "ValidationException",
        "INVALID_ARGUMENT",
        400,
        "The request is not valid.",
    ),
    "context_too_long": Kind(
        "invalid_request_error",
        "invalid_request_error",
        "context_length_exceeded",
        "ValidationException",
        "INVALID_ARGUMENT",
        400,
        "prompt is too long: 250000 tokens > 200000 maximum",
    ),
    "authentication": Kind(
        "authentication_error",
        "invalid_request_error",
        "invalid_api_key",
        "UnrecognizedClientException",
        "UNAUTHENTICATED",
        401,
        "invalid x-api-key",
    ),
    "permission": Kind(
        "permission_error",
        "invalid_request_error",
        "permission_denied",
        "AccessDeniedException",
        "PERMISSION_DENIED",
        403,
        "Not permitted.",
    ),
    "expired_token": Kind(
        "authentication_error",
        "invalid_request_error",
        "token_expired",
        "ExpiredTokenException",
        "UNAUTHENTICATED",
        403,
        "The security token included in the request is expired",
    ),
    "not_found": Kind(
        "not_found_error",
        "invalid_request_error",
        "model_not_found",
        "ResourceNotFoundException",
        "NOT_FOUND",
        404,
        "model: no such model",
    ),
    "too_large": Kind(
        "request_too_large",
        "invalid_request_error",
        None,
        "ValidationException",
        "INVALID_ARGUMENT",
        413,
        "Request exceeds the maximum size.",
    ),
    "model_error": Kind(
        "api_error", "server_error", "server_error", "ModelErrorException", "INTERNAL", 424, "The model failed."
    ),
    "rate_limit": Kind(
        "rate_limit_error",
        "requests",
        "rate_limit_exceeded",
        "ThrottlingException",
        "RESOURCE_EXHAUSTED",
        429,
        "Rate limit reached.",
    ),
    "quota": Kind(
        "rate_limit_error",
        "insufficient_quota",
        "insufficient_quota",
        "ServiceQuotaExceededException",
        "RESOURCE_EXHAUSTED",
        429,
        "You exceeded your current quota.",
    ),
    "api_error": Kind(
        "api_error",
        "server_error",
        "server_error",
        "InternalServerException",
        "INTERNAL",
        500,
        "Internal server error",
    ),
    "unavailable": Kind(
        "api_error",
        "server_error",
        "server_error",
        "ServiceUnavailableException",
        "UNAVAILABLE",
        503,
        "The server is not available.",
    ),
    "timeout": Kind(
        "timeout_error",
        "server_error",
        "timeout",
        "ModelTimeoutException",
        "DEADLINE_EXCEEDED",
        504,
        "The request took too long.",
    ),
    "overloaded": Kind(
        "overloaded_error",
        "server_error",
        "server_is_overloaded",
        "ServiceUnavailableException",
        "UNAVAILABLE",
        529,
        "Overloaded",
    ),
}
_BY_STATUS = {kind.status: kind for kind in reversed(KINDS.values())}
_AWS_ERRORS = "http://internal.amazon.com/coral/com.amazon.bedrock/"


def kind_of(name: str, status: int) -> Kind:
    """The kind called `name`, else the usual one of `status`, else the generic one."""
    return KINDS.get(name) or _BY_STATUS.get(status) or KINDS["api_error" if status >= 500 else "invalid_request"]


def error_object(vendor: Vendor, kind: Kind, message: str, param: str | None = None) -> dict[str, Any]:
    """The vendor's error envelope."""
    text = message or kind.message
    if vendor == "anthropic":
        return {"type": "error", "error": {"type": kind.anthropic, "message": text}, "request_id": "req_fake"}
    if vendor == "aws":
        return {"message": text}
    if vendor == "google":
        return {"error": {"code": kind.status, "message": text, "status": kind.google}}
    return {"error": {"message": text, "type": kind.openai, "param": param, "code": kind.code}}


def asking_to_wait(vendor: Vendor, error: dict[str, Any], seconds: float) -> tuple[dict[str, Any], dict[str, str]]:
    """(the error, headers) of a vendor who says how long to wait; AWS never does."""
    if vendor == "google":
        details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{seconds:g}s"}]
        return {"error": error["error"] | {"details": details}}, {}
    return error, {} if vendor == "aws" else {"retry-after": f"{seconds:g}"}


def error_headers(vendor: Vendor, kind: Kind) -> dict[str, str]:
    """What an error's headers say of it."""
    if vendor == "aws":
        return {"x-amzn-requestid": "req_fake", "x-amzn-errortype": f"{kind.aws}:{_AWS_ERRORS}"}
    if vendor == "azure":
        return {"apim-request-id": "req_fake", "x-ms-region": "Fake"}
    return {} if vendor == "google" else {"x-request-id": "req_fake"}

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.core.errors import ErrorClass, ErrorInfo
from sekisho.wire import aws_errors
from sekisho.wire.eventstream import EventStreamReader, Message

COMMON = "http://internal.amazon.com/coral/com.amazon.bedrock/"


def info(error_class: ErrorClass, message: str = "Words.") -> ErrorInfo:
    return ErrorInfo(error_class=error_class, message=message, status=400)


@pytest.mark.parametrize(
    ("status", "name", "message", "error_class"),
    [
        (400, "ValidationException", "bad", ErrorClass.INVALID_REQUEST),
        (400, "ValidationException", "Input is too long for requested model.", ErrorClass.CONTEXT_TOO_LONG),
        (400, "ValidationException", "prompt is too long: 9 tokens > 8 maximum", ErrorClass.CONTEXT_TOO_LONG),
        (400, "ValidationException", "The provided model identifier is invalid.", ErrorClass.NOT_FOUND),
        (400, "ValidationException", "Output blocked by guardrail", ErrorClass.CONTENT_POLICY),
        (400, "ServiceQuotaExceededException", "no", ErrorClass.QUOTA_EXHAUSTED),
        (403, "ExpiredTokenException", "secret", ErrorClass.UPSTREAM_CREDENTIAL),
        (404, "ResourceNotFoundException", "no", ErrorClass.NOT_FOUND),
        (408, "ModelTimeoutException", "slow", ErrorClass.UPSTREAM_TIMEOUT),
        (424, "ModelErrorException", "broke", ErrorClass.UPSTREAM_ERROR),
        (429, "ThrottlingException", "Too many requests", ErrorClass.RATE_LIMITED),
        (429, "ThrottlingException", "Too many tokens per day", ErrorClass.QUOTA_EXHAUSTED),
        (429, "ModelNotReadyException", "wait", ErrorClass.OVERLOADED),
        (503, "ServiceUnavailableException", "busy", ErrorClass.OVERLOADED),
        (503, "", "busy", ErrorClass.OVERLOADED),
        (418, "NewException", "tea", ErrorClass.INVALID_REQUEST),
        (500, "", "oops", ErrorClass.UPSTREAM_ERROR),
    ],
)
def test_an_answer_is_known_by_its_name_and_words(
    status: int, name: str, message: str, error_class: ErrorClass
) -> None:
    header = f"{name}:{COMMON}" if name else ""
    error = aws_errors.parse_error(status, json.dumps({"message": message}).encode(), header)
    assert (error.error_class, error.code) == (error_class, name or None)
    hidden = error_class is ErrorClass.UPSTREAM_CREDENTIAL
    assert (error.message == message) is not hidden
    assert error.status == (502 if hidden else status)


def test_a_name_may_stand_in_the_body() -> None:
    body = b'{"__type":"com.amazon.coral.service#throttlingException","Message":"slow down"}'
    error = aws_errors.parse_error(400, body)
    assert (error.error_class, error.code, error.message) == (
        ErrorClass.RATE_LIMITED,
        "ThrottlingException",
        "slow down",
    )


@given(st.integers(100, 999), st.binary(max_size=40), st.text(max_size=20))
def test_any_bytes_are_an_error(status: int, body: bytes, kind: str) -> None:
    error = aws_errors.parse_error(status, body, kind)
    assert error.message
    assert error.status >= 400


@pytest.mark.parametrize("error_class", ErrorClass)
def test_every_class_is_shown_and_read_again(error_class: ErrorClass) -> None:
    error = info(error_class)
    status, body = aws_errors.render_error(error, "r1")
    ((header, name),) = aws_errors.error_headers(error)
    assert header == b"x-amzn-errortype"
    assert 400 <= status < 600
    again = aws_errors.parse_error(status, body, name.decode())
    assert again.error_class in _as_a_caller_reads(error_class)


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("InvalidSignatureException", "InvalidSignatureException"),
        ("IncompleteSignatureException", "IncompleteSignatureException"),
        ("UnrecognizedClientException", "UnrecognizedClientException"),
        ("invalid_api_key", "UnrecognizedClientException"),
        (None, "UnrecognizedClientException"),
    ],
)
def test_a_callers_wrong_signature_is_told_by_its_name(code: str | None, shown: str) -> None:
    error = ErrorInfo(error_class=ErrorClass.AUTHENTICATION, message="no", status=403, code=code)
    assert aws_errors.error_headers(error) == ((b"x-amzn-errortype", shown.encode()),)


def _as_a_caller_reads(error_class: ErrorClass) -> set[ErrorClass]:
    """What this dialect has one name for, or what is a credential's fault for whoever reads it."""
    validation = {ErrorClass.INVALID_REQUEST, ErrorClass.CONTEXT_TOO_LONG}
    credential = {ErrorClass.UPSTREAM_CREDENTIAL}
    others = {ErrorClass.UPSTREAM_ERROR}
    return {
        ErrorClass.UNSUPPORTED_FEATURE: validation,
        ErrorClass.CONTENT_POLICY: validation,
        ErrorClass.TOO_LARGE: validation,
        ErrorClass.UPGRADE_REQUIRED: validation,
        ErrorClass.BUDGET_EXCEEDED: validation,
        ErrorClass.AUTHENTICATION: credential,
        ErrorClass.PERMISSION: credential,
        ErrorClass.METHOD_NOT_ALLOWED: {ErrorClass.NOT_FOUND},
        ErrorClass.CLIENT_CLOSED: others,
        ErrorClass.INTERNAL: others,
        ErrorClass.UPSTREAM_CREDENTIAL: others,
    }.get(error_class, {error_class})


@pytest.mark.parametrize("error_class", ErrorClass)
def test_every_class_is_an_exception_inside_a_stream(error_class: ErrorClass) -> None:
    (message,) = EventStreamReader().feed(aws_errors.render_error_event(info(error_class), "r1"))
    assert aws_errors.is_exception(message)
    assert message.header(":exception-type").endswith("Exception")
    again = aws_errors.read_exception(message)
    assert again.status >= 400
    if error_class in (ErrorClass.RATE_LIMITED, ErrorClass.OVERLOADED, ErrorClass.CONTEXT_TOO_LONG):
        assert again.error_class is error_class


def test_an_error_message_of_the_framing_is_read() -> None:
    headers: dict[str, str] = {":message-type": "error", ":error-code": "InternalFailure", ":error-message": "gone"}
    error = aws_errors.read_exception(Message({**headers}, b""))
    assert (error.error_class, error.message, error.status) == (ErrorClass.UPSTREAM_ERROR, "gone", 500)
    assert not aws_errors.is_exception(Message({":message-type": "event"}, b""))


def test_a_prompt_that_is_too_long_is_said_in_words_that_clients_know() -> None:
    for words in ("context of 9 tokens exceeded", "prompt is too long: 9"):
        _, body = aws_errors.render_error(info(ErrorClass.CONTEXT_TOO_LONG, words), "r1")
        assert "is too long" in json.loads(body)["message"]
        assert words in json.loads(body)["message"]


def test_the_gateways_own_account_stays_its_own() -> None:
    secret = info(ErrorClass.UPSTREAM_CREDENTIAL, "AKIASECRET is not authorized")
    assert b"AKIA" not in aws_errors.render_error(secret, "r1")[1]
    assert b"AKIA" not in aws_errors.render_error_event(secret, "r1")
    answer = aws_errors.parse_error(403, b'{"message":"arn:aws:iam::1:user/AKIA is not authorized"}')
    assert "AKIA" not in answer.message

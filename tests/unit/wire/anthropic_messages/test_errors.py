from __future__ import annotations

import anthropic
import httpx2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.core import bounds
from sekisho.core.errors import DEFAULT_STATUS, ErrorClass, ErrorInfo
from sekisho.wire.anthropic_messages.errors import error_event, parse_error, render_error, render_error_event
from sekisho.wire.sse import SseReader


def envelope(kind: str, message: str) -> bytes:
    return msgspec.json.encode({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"})


def info(kind: ErrorClass, message: str = "It failed.", status: int | None = None) -> ErrorInfo:
    return ErrorInfo(error_class=kind, message=message, status=status or DEFAULT_STATUS[kind])


@pytest.mark.parametrize(
    ("status", "kind", "message", "expected"),
    [
        (400, "invalid_request_error", "bad", ErrorClass.INVALID_REQUEST),
        (400, "invalid_request_error", "prompt is too long: 9 tokens > 8 maximum", ErrorClass.CONTEXT_TOO_LONG),
        (
            400,
            "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000",
            ErrorClass.CONTEXT_TOO_LONG,
        ),
        (413, "request_too_large", "Prompt is too long", ErrorClass.CONTEXT_TOO_LONG),
        (400, "invalid_request_error", "9 tokens exceed the available context size", ErrorClass.CONTEXT_TOO_LONG),
        (413, "request_too_large", "Request exceeds the maximum size", ErrorClass.TOO_LARGE),
        (404, "not_found_error", "model: claude-y", ErrorClass.NOT_FOUND),
        (429, "rate_limit_error", "slow", ErrorClass.RATE_LIMITED),
        (500, "api_error", "oops", ErrorClass.UPSTREAM_ERROR),
        (504, "timeout_error", "late", ErrorClass.UPSTREAM_TIMEOUT),
        (529, "overloaded_error", "Overloaded", ErrorClass.OVERLOADED),
        (429, "unheard_error", "slow", ErrorClass.RATE_LIMITED),
        (418, "unheard_error", "tea", ErrorClass.INVALID_REQUEST),
        (599, "unheard_error", "?", ErrorClass.UPSTREAM_ERROR),
    ],
)
def test_what_the_provider_means(status: int, kind: str, message: str, expected: ErrorClass) -> None:
    found = parse_error(status, envelope(kind, message))
    assert (found.error_class, found.status, found.message, found.code) == (expected, status, message, kind)


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        (401, "authentication_error", "invalid x-api-key sk-ant-1"),
        (403, "permission_error", "Your account may not sk-ant-1"),
        (402, "billing_error", "pay sk-ant-1"),
        (400, "invalid_request_error", "Your credit balance is too low sk-ant-1"),
    ],
)
def test_the_gateways_own_account_is_nobodys_business(status: int, kind: str, message: str) -> None:
    found = parse_error(status, envelope(kind, message))
    assert (found.error_class, found.status) == (ErrorClass.UPSTREAM_CREDENTIAL, 502)
    shown_status, body = render_error(found, "req_2")
    assert shown_status == 502
    assert b"sk-ant-1" not in body
    assert msgspec.json.decode(body)["error"]["type"] == "api_error"


@pytest.mark.parametrize(
    ("status", "body", "expected", "message"),
    [
        (502, b"<html>Bad gateway</html>", ErrorClass.UPSTREAM_ERROR, "The provider answered with status 502."),
        (503, b"", ErrorClass.OVERLOADED, "The provider answered with status 503."),
        (429, b'{"error":"slow down"}', ErrorClass.RATE_LIMITED, "slow down"),
        (404, b'{"message":"no such path"}', ErrorClass.NOT_FOUND, "no such path"),
        (400, b'{"error":[1]}', ErrorClass.INVALID_REQUEST, "The provider answered with status 400."),
        (200, b"{}", ErrorClass.UPSTREAM_ERROR, "The provider answered with status 200."),
    ],
)
def test_answers_of_another_form(status: int, body: bytes, expected: ErrorClass, message: str) -> None:
    found = parse_error(status, body)
    assert (found.error_class, found.message) == (expected, message)
    assert found.status >= 400


@given(st.integers(100, 599), st.binary())
def test_any_answer_means_something(status: int, body: bytes) -> None:
    found = parse_error(status, body)
    assert found.status >= 400
    assert 0 < len(found.message) <= bounds.ERROR_DETAIL_CHARS


@pytest.mark.parametrize("kind", list(ErrorClass))
def test_every_class_is_told_in_this_dialect(kind: ErrorClass) -> None:
    status, body = render_error(info(kind), "req_9")
    answer = msgspec.json.decode(body)
    assert answer.keys() == {"type", "error", "request_id"}
    assert (answer["type"], answer["request_id"], answer["error"].keys()) == ("error", "req_9", {"type", "message"})
    assert answer["error"]["type"].endswith(("_error", "_too_large"))
    assert status == {ErrorClass.OVERLOADED: 529}.get(kind, DEFAULT_STATUS[kind])
    assert parse_error(status, body).status in {status, 502}


@pytest.mark.parametrize(
    ("kind", "status", "shown"),
    [
        (ErrorClass.OVERLOADED, 503, (529, "overloaded_error")),
        (ErrorClass.QUOTA_EXHAUSTED, 402, (402, "billing_error")),
        (ErrorClass.QUOTA_EXHAUSTED, 400, (400, "rate_limit_error")),
        (ErrorClass.UPSTREAM_ERROR, 500, (500, "api_error")),
        (ErrorClass.UPSTREAM_TIMEOUT, 408, (504, "timeout_error")),
    ],
)
def test_status_and_type(kind: ErrorClass, status: int, shown: tuple[int, str]) -> None:
    answered, body = render_error(info(kind, status=status), "r")
    assert (answered, msgspec.json.decode(body)["error"]["type"]) == shown


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (
            "This model's maximum context length is 128,000 tokens, however you requested 130500 tokens.",
            "prompt is too long: 130500 tokens > 128000 maximum",
        ),
        (
            "request (9024 tokens) exceeds the available context size (2048 tokens)",
            "prompt is too long: 9024 tokens > 2048 maximum",
        ),
        ("Input too long.", "prompt is too long: Input too long."),
        ("prompt is too long: 9 tokens > 8 maximum", "prompt is too long: 9 tokens > 8 maximum"),
        (
            "input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000",
            "input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000",
        ),
    ],
)
def test_claude_code_recognises_a_prompt_that_is_too_long(message: str, shown: str) -> None:
    status, body = render_error(info(ErrorClass.CONTEXT_TOO_LONG, message), "r")
    assert (status, msgspec.json.decode(body)["error"]["message"]) == (400, shown)


def test_inside_a_stream() -> None:
    broken = info(ErrorClass.OVERLOADED, "Overloaded")
    for event in (render_error_event(broken, "req_1"), error_event(broken)):
        ((name, data),) = SseReader().feed(event)
        assert name == b"error"
        assert msgspec.json.decode(data)["error"] == {"type": "overloaded_error", "message": "Overloaded"}


@pytest.mark.parametrize(
    ("kind", "raised"),
    [
        (ErrorClass.INVALID_REQUEST, anthropic.BadRequestError),
        (ErrorClass.AUTHENTICATION, anthropic.AuthenticationError),
        (ErrorClass.PERMISSION, anthropic.PermissionDeniedError),
        (ErrorClass.NOT_FOUND, anthropic.NotFoundError),
        (ErrorClass.RATE_LIMITED, anthropic.RateLimitError),
        (ErrorClass.UPSTREAM_CREDENTIAL, anthropic.InternalServerError),
    ],
)
def test_the_official_sdk_raises_its_own_error(kind: ErrorClass, raised: type[anthropic.APIStatusError]) -> None:
    status, body = render_error(info(kind), "req_1")
    transport = httpx2.MockTransport(lambda _: httpx2.Response(status, content=body))
    with httpx2.Client(transport=transport) as http, pytest.raises(raised) as caught:
        anthropic.Anthropic(api_key="k", max_retries=0, http_client=http).messages.create(
            model="m", max_tokens=1, messages=[{"role": "user", "content": "Hi"}]
        )
    assert caught.value.status_code == status

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.core.bounds import ERROR_DETAIL_CHARS
from sekisho.core.errors import DEFAULT_STATUS, ErrorClass, ErrorInfo
from sekisho.wire.openai_responses.errors import error_info, parse_error, render_error, render_error_event
from sekisho.wire.openai_responses.schema import WireError
from tests.shared import needs_shared
from tests.support.responses_kit import check_open_responses, events_of


def body(message: str = "text", **fields: Any) -> bytes:
    return msgspec.json.encode({"error": {"message": message, **fields}})


def info(error_class: ErrorClass, **fields: Any) -> ErrorInfo:
    return ErrorInfo(error_class=error_class, message="text", status=DEFAULT_STATUS[error_class], **fields)


@pytest.mark.parametrize(
    ("status", "answer", "error_class"),
    [
        (400, body(type="invalid_request_error"), ErrorClass.INVALID_REQUEST),
        (422, body(), ErrorClass.INVALID_REQUEST),
        (400, body(code="context_length_exceeded"), ErrorClass.CONTEXT_TOO_LONG),
        (400, body("This model's maximum context length is 8192 tokens."), ErrorClass.CONTEXT_TOO_LONG),
        (400, body("request (9 tokens) exceeds the available context size (8 tokens)"), ErrorClass.CONTEXT_TOO_LONG),
        (400, body(code="content_filter"), ErrorClass.CONTENT_POLICY),
        (401, body(type="invalid_request_error", code="invalid_api_key"), ErrorClass.UPSTREAM_CREDENTIAL),
        (401, b"", ErrorClass.UPSTREAM_CREDENTIAL),
        (403, body(), ErrorClass.UPSTREAM_CREDENTIAL),
        (404, body(type="invalid_request_error"), ErrorClass.NOT_FOUND),
        (404, body(code="DeploymentNotFound"), ErrorClass.NOT_FOUND),
        (408, b"", ErrorClass.UPSTREAM_TIMEOUT),
        (413, b"", ErrorClass.TOO_LARGE),
        (429, body(code="rate_limit_exceeded"), ErrorClass.RATE_LIMITED),
        (429, body(type="insufficient_quota", code="insufficient_quota"), ErrorClass.QUOTA_EXHAUSTED),
        (429, body(type="invalid_request_error"), ErrorClass.RATE_LIMITED),
        (500, body(type="server_error"), ErrorClass.UPSTREAM_ERROR),
        (502, b"<html>Bad Gateway</html>", ErrorClass.UPSTREAM_ERROR),
        (503, body(type="server_error"), ErrorClass.UPSTREAM_ERROR),
        (503, b"", ErrorClass.OVERLOADED),
        (504, b"", ErrorClass.UPSTREAM_TIMEOUT),
    ],
)
def test_what_a_providers_error_means(status: int, answer: bytes, error_class: ErrorClass) -> None:
    assert parse_error(status, answer).error_class is error_class


def test_what_it_says_is_kept() -> None:
    read = parse_error(400, body("no such tool", param="tools", code="invalid_value"))
    assert (read.message, read.param, read.code, read.status) == ("no such tool", "tools", "invalid_value", 400)


@pytest.mark.parametrize("answer", [b'{"error":"text"}', b'{"message":"text"}', b'{"detail":"text"}'])
def test_servers_that_only_imitate_the_api_are_understood(answer: bytes) -> None:
    assert parse_error(400, answer).message == "text"


def test_another_format_is_not_shown() -> None:
    read = parse_error(502, b"<html>internal host name</html>")
    assert "html" not in read.message
    assert "502" in read.message


def test_a_long_text_is_cut() -> None:
    assert len(parse_error(400, body("x" * 10_000)).message) == ERROR_DETAIL_CHARS


@given(st.integers(0, 999), st.binary(max_size=40))
def test_any_bytes_are_an_error(status: int, answer: bytes) -> None:
    read = parse_error(status, answer)
    assert 400 <= read.status < 600
    assert read.message


def test_inside_a_stream_there_is_no_status() -> None:
    assert error_info(WireError(code="rate_limit_exceeded", message="slow")).error_class is ErrorClass.RATE_LIMITED
    assert error_info(WireError()).status == 502


@pytest.mark.parametrize("error_class", list(ErrorClass))
def test_every_class_has_its_answer(error_class: ErrorClass) -> None:
    status, answer = render_error(info(error_class), "req_1")
    error = msgspec.json.decode(answer)["error"]
    assert status == DEFAULT_STATUS[error_class]
    assert list(error) == ["message", "type", "param", "code"]
    assert error["type"]
    assert error["code"]


def test_codes_that_agents_look_for_are_fixed_and_others_kept() -> None:
    def code(error_class: ErrorClass) -> str:
        found: str = msgspec.json.decode(render_error(info(error_class, code="its_own"), "r")[1])["error"]["code"]
        return found

    assert code(ErrorClass.CONTEXT_TOO_LONG) == "context_length_exceeded"
    assert code(ErrorClass.QUOTA_EXHAUSTED) == "insufficient_quota"
    assert code(ErrorClass.INVALID_REQUEST) == "its_own"


def test_the_gateways_own_credential_is_nobodys_business() -> None:
    read = parse_error(401, body("Incorrect API key provided: sk-live-abc", code="invalid_api_key"))
    status, answer = render_error(read, "req_1")
    assert status == 502
    assert msgspec.json.decode(answer)["error"]["type"] == "api_error"
    assert b"sk-live" not in answer
    assert b"invalid_api_key" not in answer


def test_the_event_inside_a_stream() -> None:
    (event,) = events_of(render_error_event(info(ErrorClass.OVERLOADED), "req_1"))
    assert event == {
        "type": "error",
        "code": "server_is_overloaded",
        "message": "text",
        "param": None,
        "error": {"message": "text", "type": "api_error", "param": None, "code": "server_is_overloaded"},
        "sequence_number": 0,
    }


@needs_shared
def test_the_event_is_one_of_open_responses() -> None:
    (event,) = events_of(render_error_event(info(ErrorClass.OVERLOADED), "req_1"))
    check_open_responses("ErrorStreamingEvent", event)


@pytest.mark.parametrize("status", [413, 429, None])
def test_a_request_that_never_fits_is_not_sent_again(status: int | None) -> None:
    """Clients try again on 429, and on this one for ever in vain."""
    text = "Request too large for gpt-x in organization o on tokens per min (TPM): Limit 30000, Requested 41000."
    info = error_info(WireError(message=text, code="rate_limit_exceeded"), status)
    assert (info.error_class, info.status) == (ErrorClass.CONTEXT_TOO_LONG, 413 if status == 413 else 400)

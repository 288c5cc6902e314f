from __future__ import annotations

from typing import Any

import msgspec
import pytest
from google.genai.errors import APIError
from hypothesis import given
from hypothesis import strategies as st

from sekisho.core.errors import ErrorClass, ErrorInfo
from sekisho.wire.gemini_generate.errors import parse_error, read_error, render_error, render_error_event
from tests.support.genai import sdk_replies


def body(status: int, word: str, message: str = "no", **fields: Any) -> bytes:
    return msgspec.json.encode({"error": {"code": status, "message": message, "status": word, **fields}})


def retry(delay: Any) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


@pytest.mark.parametrize(
    ("status", "word", "message", "error_class"),
    [
        (400, "INVALID_ARGUMENT", "Please use a valid role: user, model.", ErrorClass.INVALID_REQUEST),
        (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", ErrorClass.UPSTREAM_CREDENTIAL),
        (400, "FAILED_PRECONDITION", "User location is not supported.", ErrorClass.UPSTREAM_CREDENTIAL),
        (
            400,
            "INVALID_ARGUMENT",
            "The input token count (1250074) exceeds the maximum number of tokens allowed (1048576).",
            ErrorClass.CONTEXT_TOO_LONG,
        ),
        (401, "UNAUTHENTICATED", "", ErrorClass.UPSTREAM_CREDENTIAL),
        (403, "PERMISSION_DENIED", "", ErrorClass.UPSTREAM_CREDENTIAL),
        (404, "NOT_FOUND", "", ErrorClass.NOT_FOUND),
        (429, "RESOURCE_EXHAUSTED", "Quota exceeded for metric", ErrorClass.RATE_LIMITED),
        (429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted.", ErrorClass.QUOTA_EXHAUSTED),
        (499, "CANCELLED", "", ErrorClass.UPSTREAM_ERROR),
        (500, "INTERNAL", "", ErrorClass.UPSTREAM_ERROR),
        (503, "UNAVAILABLE", "The model is overloaded.", ErrorClass.OVERLOADED),
        (504, "DEADLINE_EXCEEDED", "", ErrorClass.UPSTREAM_TIMEOUT),
        (418, "A_NEW_WORD", "", ErrorClass.INVALID_REQUEST),
    ],
)
def test_what_google_says(status: int, word: str, message: str, error_class: ErrorClass) -> None:
    info = parse_error(status, body(status, word, message), "")
    assert info.error_class is error_class
    assert info.code == word
    assert (info.message == message) == (bool(message) and error_class is not ErrorClass.UPSTREAM_CREDENTIAL)


def test_a_key_is_never_repeated() -> None:
    info = parse_error(400, body(400, "INVALID_ARGUMENT", "API key not valid: AIza-secret"), "")
    assert (info.status, "AIza" in info.message) == (502, False)


@pytest.mark.parametrize(
    ("delay", "seconds"), [("48s", 48), ("0.5s", 0.5), ({"seconds": 7, "nanos": 1}, 7), ("soon", None), (3, None)]
)
def test_the_delay_that_google_asks_for(delay: Any, seconds: float | None) -> None:
    info = parse_error(429, body(429, "RESOURCE_EXHAUSTED", details=[{"x": 1}, 3, retry(delay)]), "")
    assert (info.error_class, info.retry_after_seconds) == (ErrorClass.RATE_LIMITED, seconds)


def test_a_daily_quota_does_not_come_back_soon() -> None:
    violation = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": "20"}
    info = parse_error(429, body(429, "RESOURCE_EXHAUSTED", details=[{"violations": [violation]}, retry("9s")]), "")
    assert (info.error_class, info.retry_after_seconds) == (ErrorClass.QUOTA_EXHAUSTED, 9)


@pytest.mark.parametrize(
    ("status", "answer", "error_class"),
    [
        (502, b"<html><title>502</title></html>", ErrorClass.UPSTREAM_ERROR),
        (429, b"", ErrorClass.RATE_LIMITED),
        (503, b"\xff", ErrorClass.OVERLOADED),
        (403, b'"no"', ErrorClass.UPSTREAM_CREDENTIAL),
        (404, b'[{"error": {"code": 404, "message": "gone", "status": "NOT_FOUND"}}]', ErrorClass.NOT_FOUND),
        (413, b'{"error": "too big"}', ErrorClass.TOO_LARGE),
        (400, b"[" * 9_999, ErrorClass.INVALID_REQUEST),
    ],
)
def test_other_bytes_are_understood_by_their_status(status: int, answer: bytes, error_class: ErrorClass) -> None:
    info = parse_error(status, answer, "")
    assert info.error_class is error_class
    assert "html" not in info.message


def test_inside_a_stream_the_object_says_its_own_code() -> None:
    assert read_error({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}, 200).status == 429
    assert read_error({"error": {"status": "UNAVAILABLE"}}, 200).error_class is ErrorClass.OVERLOADED
    assert read_error({"error": {}}, 200).status == 502


@given(st.integers(200, 599), st.binary(max_size=40))
def test_reading_is_total(status: int, answer: bytes) -> None:
    assert 400 <= parse_error(status, answer, "").status < 600


@pytest.mark.parametrize("error_class", ErrorClass)
def test_googles_sdk_raises_what_is_written(error_class: ErrorClass) -> None:
    info = ErrorInfo(
        error_class=error_class, message="It failed.", status=529, param="contents.0", retry_after_seconds=2.5
    )
    status, written = render_error(info, "req_1")
    for stream, code, answer in ((False, status, written), (True, 200, render_error_event(info, "req_1"))):
        with pytest.raises(APIError) as caught:
            sdk_replies(answer, stream=stream, status=code)
        assert caught.value.code == status
        details = {detail["@type"].rpartition(".")[2]: detail for detail in caught.value.details["error"]["details"]}
        assert details["RetryInfo"]["retryDelay"] == "2.5s"
        assert details["BadRequest"]["fieldViolations"][0]["field"] == "contents.0"
    seen = parse_error(status, written, "")
    assert seen.error_class is ErrorClass.UPSTREAM_CREDENTIAL or seen.retry_after_seconds == 2.5


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (
            "prompt is too long: 210000 tokens > 200000 maximum",
            "The input token count (210000) exceeds the maximum number of tokens allowed (200000).",
        ),
        ("Too long.", "The input token count exceeds the maximum number of tokens allowed: Too long."),
        (
            "The input token count (9) exceeds the maximum number of tokens allowed (8).",
            "The input token count (9) exceeds the maximum number of tokens allowed (8).",
        ),
    ],
)
def test_a_prompt_that_is_too_long_is_worded_as_google_does(message: str, shown: str) -> None:
    status, written = render_error(ErrorInfo(error_class=ErrorClass.CONTEXT_TOO_LONG, message=message, status=400), "")
    assert (status, msgspec.json.decode(written)["error"]["message"]) == (400, shown)
    assert parse_error(status, written, "").error_class is ErrorClass.CONTEXT_TOO_LONG


def test_the_gateways_account_is_no_matter_of_the_caller() -> None:
    info = ErrorInfo(error_class=ErrorClass.UPSTREAM_CREDENTIAL, message="key AIza", status=403)
    status, written = render_error(info, "")
    assert (status, b"AIza" in written) == (502, False)

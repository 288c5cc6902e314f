from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.core import bounds
from sekisho.core.errors import DEFAULT_STATUS, ErrorClass, ErrorInfo
from sekisho.wire.openai_chat.errors import parse_error, read_error, render_error, render_error_event

_LONG = "This model's maximum context length is 8192 tokens."
_NEVER = "Request too large for gpt-x in organization o on tokens per min (TPM): Limit 30000, Requested 41000."
_RATE = "rate_limit_exceeded"
_OURS = ErrorClass.UPSTREAM_CREDENTIAL

#: What OpenAI, Azure, vLLM, FastAPI, OpenRouter, Gemini's list, plain text and a proxy's page look like.
SEEN: list[tuple[int, object, ErrorClass, str | None]] = [
    (401, {"error": {"message": "Incorrect API key", "code": "invalid_api_key"}}, _OURS, "invalid_api_key"),
    (403, {"error": {"message": "No access"}}, _OURS, None),
    (
        400,
        {"error": {"message": _LONG, "type": "invalid_request_error", "code": "context_length_exceeded"}},
        ErrorClass.CONTEXT_TOO_LONG,
        "context_length_exceeded",
    ),
    (400, {"object": "error", "message": _LONG, "code": 400}, ErrorClass.CONTEXT_TOO_LONG, "400"),
    (400, {"error": {"message": "x", "type": "exceed_context_size_error"}}, ErrorClass.CONTEXT_TOO_LONG, None),
    (
        400,
        {"error": {"message": "The response was filtered", "code": "content_filter", "innererror": {}}},
        ErrorClass.CONTENT_POLICY,
        "content_filter",
    ),
    (404, {"error": {"code": "DeploymentNotFound", "message": "none"}}, ErrorClass.NOT_FOUND, "DeploymentNotFound"),
    (
        429,
        {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}},
        ErrorClass.QUOTA_EXHAUSTED,
        "insufficient_quota",
    ),
    (
        429,
        {"error": {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}},
        ErrorClass.RATE_LIMITED,
        "rate_limit_exceeded",
    ),
    (413, {"error": {"message": _NEVER, "code": "rate_limit_exceeded"}}, ErrorClass.CONTEXT_TOO_LONG, _RATE),
    (402, {"error": {"message": "Insufficient credits", "code": 402}}, ErrorClass.QUOTA_EXHAUSTED, "402"),
    (422, {"detail": [{"loc": ["body"], "msg": "field required"}]}, ErrorClass.INVALID_REQUEST, None),
    (400, {"detail": "Unsupported parameter"}, ErrorClass.INVALID_REQUEST, None),
    (400, [{"error": {"code": 400, "message": "Invalid argument"}}], ErrorClass.INVALID_REQUEST, "400"),
    (500, {"error": "out of memory"}, ErrorClass.UPSTREAM_ERROR, None),
    (413, b"Payload too large", ErrorClass.TOO_LARGE, None),
    (502, b"<html><body>Bad gateway</body></html>", ErrorClass.UPSTREAM_ERROR, None),
    (503, b"", ErrorClass.OVERLOADED, None),
    (504, b"upstream request timeout", ErrorClass.UPSTREAM_TIMEOUT, None),
]


@pytest.mark.parametrize(("status", "body", "error_class", "code"), SEEN)
def test_the_forms_that_servers_use(status: int, body: object, error_class: ErrorClass, code: str | None) -> None:
    info = parse_error(status, body if isinstance(body, bytes) else msgspec.json.encode(body))
    assert (info.error_class, info.code, info.status) == (error_class, code, status)
    assert info.message


def test_the_providers_words_are_kept_and_a_page_is_not() -> None:
    assert parse_error(500, b'{"error":"out of memory"}').message == "out of memory"
    assert parse_error(422, b'{"detail":[{"msg":"field required"}]}').message == "field required"
    assert "secret-host" not in parse_error(502, b"<html>secret-host</html>").message
    assert len(parse_error(400, b'{"error":"%b"}' % (b"x" * 9_000)).message) == bounds.ERROR_DETAIL_CHARS


@pytest.mark.parametrize(
    ("error", "error_class", "status"),
    [
        ({"message": "slow down", "code": 429}, ErrorClass.RATE_LIMITED, 429),
        ({"message": "x", "code": "rate_limit_exceeded"}, ErrorClass.RATE_LIMITED, 429),
        ({"message": "x", "type": "throttling_error", "code": "another's"}, ErrorClass.RATE_LIMITED, 429),
        ({"message": "x", "type": "server_error"}, ErrorClass.UPSTREAM_ERROR, 500),
        ({"message": "x", "type": "overloaded_error"}, ErrorClass.OVERLOADED, 503),
        ({"message": "x", "type": "invalid_request_error", "code": "weird"}, ErrorClass.INVALID_REQUEST, 400),
        ("died", ErrorClass.UPSTREAM_ERROR, 502),
        ({"message": "x", "code": "5000000000000000000000000"}, ErrorClass.UPSTREAM_ERROR, 502),
    ],
)
def test_an_error_without_a_status_is_read_by_its_own_words(
    error: object, error_class: ErrorClass, status: int
) -> None:
    info = read_error({"error": error}, 200)
    assert (info.error_class, info.status) == (error_class, status)


@given(st.integers(100, 599), st.binary(max_size=60))
def test_any_bytes_are_some_error(status: int, body: bytes) -> None:
    info = parse_error(status, body)
    assert info.message
    assert 400 <= info.status < 600 or status < 400


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["error", "detail", "message", "msg", "code", "type", "param", "status"]), inner
        )
    ),
    max_leaves=8,
)


@given(_json, st.sampled_from([200, 400, 401, 429, 500]))
def test_any_json_is_some_error(value: object, status: int) -> None:
    info = read_error(value, status)
    shown, body = render_error(info, "r")
    assert 400 <= shown < 600
    assert msgspec.json.decode(body)["error"]["message"]


def info(error_class: ErrorClass, **fields: object) -> ErrorInfo:
    status = DEFAULT_STATUS[error_class]
    return msgspec.convert({"error_class": error_class, "message": "why", "status": status, **fields}, ErrorInfo)


@pytest.mark.parametrize("error_class", list(ErrorClass))
def test_every_class_has_its_body(error_class: ErrorClass) -> None:
    status, body = render_error(info(error_class), "req-1")
    error = msgspec.json.decode(body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert status == DEFAULT_STATUS[error_class]
    assert render_error_event(info(error_class), "req-1") == b"data: " + body + b"\n\n"


@pytest.mark.parametrize(
    ("error", "status", "kind", "code"),
    [
        (info(ErrorClass.CONTEXT_TOO_LONG, code="400"), 400, "invalid_request_error", "context_length_exceeded"),
        (info(ErrorClass.AUTHENTICATION), 401, "auth_error", "invalid_api_key"),
        (info(ErrorClass.AUTHENTICATION, code="expired_key"), 401, "expired_key", "expired_key"),
        (info(ErrorClass.PERMISSION, code="key_model_access_denied"), 403, *["key_model_access_denied"] * 2),
        (info(ErrorClass.QUOTA_EXHAUSTED, code="budget_exceeded"), 429, "budget_exceeded", "budget_exceeded"),
        (info(ErrorClass.RATE_LIMITED), 429, "throttling_error", "rate_limit_exceeded"),
        (info(ErrorClass.NOT_FOUND, param="model"), 404, "invalid_request_error", "model_not_found"),
        (info(ErrorClass.NOT_FOUND), 404, "invalid_request_error", "not_found"),
        (info(ErrorClass.OVERLOADED, status=529), 503, "overloaded_error", "overloaded"),
        (info(ErrorClass.UPSTREAM_ERROR, status=200), 502, "api_error", "upstream_error"),
    ],
)
def test_words_that_clients_look_for(error: ErrorInfo, status: int, kind: str, code: str) -> None:
    shown, body = render_error(error, "r")
    said = msgspec.json.decode(body)["error"]
    assert (shown, said["type"], said["code"]) == (status, kind, code)


def test_our_own_credential_is_not_quoted_to_the_caller() -> None:
    refused = parse_error(401, b'{"error":{"message":"Incorrect API key provided: sk-secret"}}')
    status, body = render_error(refused, "r")
    assert status == 502
    assert b"sk-secret" not in body


def test_a_request_that_never_fits_is_not_sent_again() -> None:
    """Clients try again on 429, and on this one for ever in vain."""
    body = msgspec.json.encode({"error": {"message": _NEVER, "code": _RATE}})
    assert (parse_error(429, body).status, parse_error(413, body).status) == (400, 413)
    assert parse_error(429, body).error_class is ErrorClass.CONTEXT_TOO_LONG

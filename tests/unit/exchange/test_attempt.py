from __future__ import annotations

import asyncio
import gzip
from typing import Any

import msgspec
import pytest

from sekisho.core.errors import StreamBroken, UpstreamTimeout, UpstreamUnreachable
from sekisho.wire.registry import BY_NAME
from tests.support.stations import JSON, KEY, PATIENT, SSE, Script, Stage, deployment, refusal, speaking, whole
from tests.support.wires import DIALECTS, WORDS, error_event, stream_body, stream_events, whole_body

BOTH = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
WAYS = pytest.mark.parametrize(("dialect", "provider"), [(one, other) for one in DIALECTS for other in DIALECTS])


def error_of(dialect: str, message: str, kind: str = "api_error") -> dict[str, Any]:
    """A provider's error body."""
    error = {"type": kind, "message": message}
    return {"type": "error", "error": error} if dialect == "anthropic-messages" else {"error": error | {"code": None}}


def check_shape(dialect: str, body: dict[str, Any]) -> dict[str, Any]:
    """An error answer of this dialect."""
    assert (body.get("type") == "error") == (dialect == "anthropic-messages")
    assert {"message", "type"} <= body["error"].keys()
    return dict(body["error"])


@BOTH
async def test_the_intent_comes_before_the_request_and_the_row_last(stage: Stage, *, stream: bool) -> None:
    script = Script([stream_body("openai-chat")]) if stream else whole(msgspec.Raw(whole_body("openai-chat")))
    done = await stage.carry(script, stream=stream)
    assert done.happened == ["intent", "sent", "closed", "row"]
    [intent] = done.intents
    assert (intent.call_id, intent.stream, intent.upstream_dialect) == (done.row.call_id, stream, "openai-chat")
    [request] = done.requests
    assert (request.method, request.url) == ("POST", "http://provider.test/v1/chat/completions")
    assert request.headers["authorization"] == f"Bearer {KEY}"


@WAYS
@BOTH
async def test_a_refusal_before_the_stream_has_its_real_status(
    stage: Stage, dialect: str, provider: str, *, stream: bool
) -> None:
    body = error_of(provider, "Slow down.", "rate_limit_error")
    script = refusal(429, body, retry_after="7", set_cookie="a=b", x_request_id="up-1")
    done = await stage.carry(script, to=[speaking(provider)], dialect=dialect, stream=stream)
    assert done.caller.status == 429
    assert check_shape(dialect, done.caller.json)["message"] == "Slow down."
    headers = done.caller.headers
    assert (headers["retry-after"], headers["x-request-id"]) == ("7", "up-1")
    assert headers["x-sekisho-request-id"] == done.row.call_id
    assert "set-cookie" not in headers
    assert (done.row.cost_nano_usd, done.row.error_class, done.row.http_status) == (0, "rate_limited", 429)
    assert done.happened == ["intent", "sent", "closed", "row"]
    if dialect == provider:
        assert done.caller.body == msgspec.json.encode(body)


@WAYS
@pytest.mark.parametrize("status", [401, 403])
async def test_the_providers_word_on_our_key_is_not_shown(
    stage: Stage, dialect: str, provider: str, status: int
) -> None:
    script = refusal(status, error_of(provider, f"Wrong key {KEY}", "authentication_error"))
    done = await stage.carry(script, to=[speaking(provider)], dialect=dialect)
    assert done.caller.status == 502
    check_shape(dialect, done.caller.json)
    assert KEY.encode() not in done.caller.body
    assert b"Wrong" not in done.caller.body
    assert done.row.error_class == "upstream_credential"
    assert KEY not in (done.row.error_detail or "")


@WAYS
@BOTH
@pytest.mark.parametrize("status", [200, 500])
async def test_html_is_no_answer(stage: Stage, dialect: str, provider: str, status: int, *, stream: bool) -> None:
    script = Script([b"<html><body>CANARY</body></html>"], status, {"content-type": "text/html; charset=utf-8"})
    done = await stage.carry(script, to=[speaking(provider)], dialect=dialect, stream=stream)
    assert done.caller.status in (500, 502)
    check_shape(dialect, done.caller.json)
    assert done.caller.headers["content-type"] == "application/json"
    assert done.row.error_class == "upstream_error"
    assert b"<html" not in done.caller.body


@WAYS
@BOTH
async def test_a_redirect_is_not_followed(stage: Stage, dialect: str, provider: str, *, stream: bool) -> None:
    script = Script([b"elsewhere"], 302, {"location": "http://elsewhere.test/"})
    done = await stage.carry(script, to=[speaking(provider)], dialect=dialect, stream=stream)
    assert done.caller.status == 502
    assert "302" in check_shape(dialect, done.caller.json)["message"]
    assert len(done.requests) == 1


@WAYS
async def test_json_is_no_stream(stage: Stage, dialect: str, provider: str) -> None:
    done = await stage.carry(Script([whole_body(provider)], headers=JSON), to=[speaking(provider)], dialect=dialect)
    assert done.caller.status == 502
    assert "application/json" in check_shape(dialect, done.caller.json)["message"]


async def test_a_stream_may_lack_its_content_type(stage: Stage) -> None:
    done = await stage.carry(Script([stream_body("openai-chat")], headers={}))
    assert done.caller.status == 200


@WAYS
@BOTH
@pytest.mark.parametrize("garbage", [b"", b"{", b"garbage \xff", b"[1]", b"null", b'{"x":1} {'])
async def test_garbage_is_no_whole_answer(
    stage: Stage, dialect: str, provider: str, garbage: bytes, *, stream: bool
) -> None:
    script = Script([garbage], headers=SSE if stream else JSON)
    done = await stage.carry(script, to=[speaking(provider)], dialect=dialect, stream=stream)
    assert done.caller.status == 502
    check_shape(dialect, done.caller.json)
    assert done.row.error_class == "upstream_error"


@WAYS
async def test_an_error_as_first_event_is_a_real_status(stage: Stage, dialect: str, provider: str) -> None:
    done = await stage.carry(Script([error_event(provider)]), to=[speaking(provider)], dialect=dialect)
    assert done.caller.status in (503, 529)
    check_shape(dialect, done.caller.json)
    assert (done.row.cost_nano_usd, done.row.error_class) == (0, "overloaded")
    assert done.happened == ["intent", "sent", "closed", "row"]


@pytest.mark.parametrize("steps", [[], [b": ping\n\n"], [StreamBroken("cut")]])
async def test_a_stream_that_says_nothing_is_a_real_status(stage: Stage, steps: list[Any]) -> None:
    done = await stage.carry(Script(steps))
    assert done.caller.status == 502
    assert (done.row.usage_complete, done.row.status) == (False, "incomplete")
    assert done.row.input_tokens > 0


@BOTH
async def test_what_was_never_sent_costs_nothing(stage: Stage, *, stream: bool) -> None:
    """No connection is no call; a connection that was lost may have been one."""
    for failure in (UpstreamUnreachable("No connection.", code="connect"), UpstreamTimeout("connect", 3)):
        done = await stage.carry(Script(opening=[failure]), stream=stream)
        assert done.caller.status == failure.info.status
        assert (done.row.cost_nano_usd, done.row.usage_complete, done.row.status) == (0, True, "failure")
    done = await stage.carry(Script(opening=[UpstreamUnreachable("Closed without an answer.")]), stream=stream)
    assert (done.caller.status, done.row.usage_complete) == (502, False)
    assert done.row.cost_nano_usd


async def test_a_refusal_whose_body_breaks_is_a_refusal(stage: Stage) -> None:
    done = await stage.carry(
        Script([b'{"error":', StreamBroken("cut")], 400, JSON), Script([stream_body("openai-chat")]), retries=1
    )
    assert (done.caller.status, len(done.requests)) == (400, 1)


@pytest.mark.parametrize(
    ("header", "value", "told"),
    [
        ("retry-after", "7", "7"),
        ("retry-after-ms", "1500", "2"),
        ("retry-after", "soon", None),
        ("retry-after", "-1", None),
        ("retry-after", "nan", None),
        ("retry-after", "1e400", None),
    ],
)
async def test_how_long_to_wait_is_told_across_dialects(
    stage: Stage, header: str, value: str, told: str | None
) -> None:
    script = refusal(429, error_of("openai-chat", "Slow down."), **{header.replace("-", "_"): value})
    done = await stage.carry(script, dialect="anthropic-messages")
    assert done.caller.status == 429
    if header == "retry-after" and told is None:
        assert done.caller.headers["retry-after"] == value, "the provider's own word passes"
    else:
        assert done.caller.headers["retry-after"] == told


async def test_a_wait_that_stands_in_the_body_is_told_too(stage: Stage) -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "27s"}]
    error = {"error": {"code": 429, "message": "Slow down.", "status": "RESOURCE_EXHAUSTED", "details": details}}
    done = await stage.carry(
        refusal(429, error), to=[deployment("gemini/gemini-2.5-pro")], dialect="anthropic-messages"
    )
    assert (done.caller.status, done.caller.headers["retry-after"]) == (429, "27")


PHASES = {
    "first_byte": Script(opening=["silence"]),
    "first_event": Script([b": nothing yet\n\n", "silence"]),
    "total": Script(opening=["silence"]),
}


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_silence_before_the_answer_is_a_timeout_with_its_phase(stage: Stage, dialect: str, phase: str) -> None:
    name = {"first_event": "first_event_seconds", "first_byte": "first_event_seconds"}.get(phase, "total_seconds")
    timeouts = msgspec.structs.replace(PATIENT, **{name: 0.02})
    done = await stage.carry(PHASES[phase], dialect=dialect, timeouts=timeouts)
    assert done.caller.status == 504
    check_shape(dialect, done.caller.json)
    assert (done.row.error_class, done.row.usage_complete) == ("upstream_timeout", False)
    assert ("total" if phase == "total" else "first_byte") in (done.row.error_detail or "")
    assert done.happened == ["intent", "sent", "closed", "row"]


async def test_a_whole_answer_has_its_own_time(stage: Stage) -> None:
    timeouts = msgspec.structs.replace(PATIENT, first_byte_seconds=0.02, first_event_seconds=0.01)
    done = await stage.carry(Script([b"{", "silence"], headers=JSON), stream=False, timeouts=timeouts)
    assert (done.caller.status, done.row.error_class) == (504, "upstream_timeout")


async def test_a_defect_of_the_transport_shows_no_detail(stage: Stage) -> None:
    done = await stage.carry(ValueError("CANARY-prompt"))
    assert done.caller.status == 500
    assert b"CANARY" not in done.caller.body
    assert "CANARY" not in (done.row.error_detail or "")
    assert (done.row.status, done.row.error_class, done.row.cost_nano_usd) == ("failure", "internal", 0)


async def test_headers_of_the_provider_that_callers_act_on_pass(stage: Stage) -> None:
    passed = {"anthropic-ratelimit-tokens-remaining": "5", "request-id": "r", "x-should-retry": "true"}
    script = Script([stream_body("anthropic-messages")], headers=SSE | passed | {"server": "x", "set-cookie": "y"})
    done = await stage.carry(script, to=[speaking("anthropic-messages")], dialect="anthropic-messages")
    assert passed.items() <= done.caller.headers.items()
    assert not {"server", "set-cookie"} & done.caller.headers.keys()


async def test_the_operator_stopping_the_gateway_closes_upstream(stage: Stage) -> None:
    started = asyncio.Event()
    carrying = asyncio.create_task(stage.carry(Script([stream_events("openai-chat")[0], started.set, "silence"])))
    await asyncio.wait_for(started.wait(), 5)
    carrying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await carrying
    assert stage.book.happened == ["intent", "sent", "closed", "row"]
    [row] = stage.book.rows
    assert (row.status, row.error_class, row.usage_complete) == ("incomplete", "internal", False)


@pytest.mark.parametrize(
    ("dialect", "model"),
    [
        ("anthropic-messages", "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("openai-chat", "bedrock/openai.gpt-oss-120b-1:0"),
    ],
)
async def test_a_stream_in_another_framing_reaches_its_caller_in_the_callers(
    stage: Stage, dialect: str, model: str
) -> None:
    carried = BY_NAME[f"{dialect}@bedrock"]
    wrap = carried.carrier.wrap()
    said = wrap.feed(stream_body(dialect)) + wrap.close()
    script = Script([said[:100], said[100:]], headers={"content-type": carried.stream_type})
    done = await stage.carry(script, to=[deployment(model)], dialect=dialect)
    assert done.row.upstream_dialect == carried.name
    assert done.caller.headers["content-type"] == SSE["content-type"]
    assert stream_body(dialect).startswith(done.caller.body[:200])
    assert done.row.usage_complete


@pytest.mark.parametrize(
    ("length", "tokens"), [("40000", 50), ("100", 25), (None, 0), ("-1", 0), ("9" * 40, 0), ("x", 0)]
)
async def test_an_answer_that_is_cut_is_booked_as_long_as_it_was_announced(
    stage: Stage, length: str | None, tokens: int
) -> None:
    headers = JSON | ({"content-length": length} if length is not None else {})
    cut = Script([b'{"id"', StreamBroken("cut")], headers=headers)
    done = await stage.carry(cut, stream=False, max_tokens=50)
    assert (done.caller.status, done.row.output_tokens, done.row.usage_complete) == (502, tokens, False)


@WAYS
@BOTH
async def test_an_answer_that_was_compressed_unasked_is_read(
    stage: Stage, dialect: str, provider: str, *, stream: bool
) -> None:
    body = stream_body(provider) if stream else whole_body(provider)
    headers = (SSE if stream else JSON) | {"content-encoding": "gzip"}
    done = await stage.carry(
        Script([gzip.compress(body)], 200, headers), to=[speaking(provider)], dialect=dialect, stream=stream
    )
    assert (done.caller.status, done.row.status, done.row.usage_complete) == (200, "success", True)
    assert "content-encoding" not in done.caller.headers
    assert all(word.strip().encode() in done.caller.body for word in WORDS)


async def test_an_encoding_that_cannot_be_read_is_named(stage: Stage) -> None:
    done = await stage.carry(Script([b"x"], 200, JSON | {"content-encoding": "br"}), stream=False)
    assert done.caller.status == 502
    assert "'br'" in done.caller.json["error"]["message"]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "Fri, 31 Dec 1999 23:59:59 GMT", "date": "Fri, 31 Dec 1999 23:59:29 GMT"}, 30),
        ({"retry_after": "Fri, 31 Dec 1999 23:59:59 GMT"}, None),
        ({"retry_after": "Fri, 99 Dec 1999 23:59:59 GMT"}, None),
        ({"retry_after": "soon", "date": "soon"}, None),
        ({"retry_after_ms": "2500", "retry_after": "Fri, 31 Dec 1999 23:59:59 GMT"}, 2.5),
        ({"retry_after": "Fri, 31 Dec 2199 23:59:59 GMT", "date": "now"}, pytest.approx(7e9, rel=0.5)),
    ],
    ids=["by-its-clock", "past", "no-date", "no-date-at-all", "milliseconds-first", "by-ours"],
)
async def test_routing_heeds_how_long_the_provider_asks_to_wait(
    stage: Stage, headers: dict[str, str], seconds: float | None
) -> None:
    done = await stage.carry(refusal(429, {"error": {"message": "Slow down."}}, **headers))
    assert done.call.error is not None
    assert done.call.error.retry_after_seconds == seconds

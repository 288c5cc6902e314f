from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sekisho.core import bounds
from sekisho.core.errors import StreamBroken
from sekisho.core.money import usd_text
from sekisho.exchange.call import PathSays
from sekisho.exchange.meter import estimated_tokens
from sekisho.exchange.relay import header_text, passed_headers
from tests.support.caller import Caller
from tests.support.stations import JSON, PATIENT, SSE, Script, Stage, deployment, speaking, whole
from tests.support.wires import (
    DIALECTS,
    USAGE,
    WORDS,
    chat_usage_event,
    cut_at,
    error_event,
    events_in,
    first_events,
    is_error,
    stream_body,
    stream_events,
    text_of,
    whole_body,
)

WAYS = pytest.mark.parametrize(("dialect", "provider"), [(one, other) for one in DIALECTS for other in DIALECTS])
CROSS = pytest.mark.parametrize(
    ("dialect", "provider"), [(one, other) for one in DIALECTS for other in DIALECTS if one != other]
)
COSTS = {"input_cost_per_token": Decimal("0.000001"), "output_cost_per_token": Decimal("0.000002")}
PRICE = USAGE.input_tokens * 1_000 + USAGE.output_tokens * 2_000


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(marks=st.lists(st.integers(0, 10_000), max_size=12))
async def test_the_providers_bytes_pass_however_they_come(stage: Stage, dialect: str, marks: list[int]) -> None:
    stream = stream_body(dialect)
    asked: dict[str, Any] = {"stream_options": {"include_usage": True}} if dialect == "openai-chat" else {}
    done = await stage.carry(
        Script(cut_at(stream, marks)), to=[speaking(dialect, costs=COSTS)], dialect=dialect, **asked
    )
    assert done.caller.body == stream
    assert done.caller.finished
    assert (done.row.usage, done.row.usage_complete, done.row.status) == (USAGE, True, "success")
    assert (done.row.cost_nano_usd, done.row.served_model) == (PRICE, "served-model")


async def test_the_usage_event_that_the_gateway_asked_for_is_stripped(stage: Stage) -> None:
    stream = stream_body("openai-chat")
    done = await stage.carry(Script([stream]))
    assert done.caller.body == stream.replace(chat_usage_event(), b"")
    assert msgspec.json.decode(done.requests[0].body)["stream_options"] == {"include_usage": True}
    assert done.row.usage == USAGE


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_each_event_leaves_before_the_next_is_awaited(stage: Stage, dialect: str) -> None:
    caller, seen = Caller(), []
    steps: list[Any] = []
    for event in stream_events(dialect):
        steps += [event, lambda: seen.append(len(caller.messages))]
    await stage.carry(Script(steps), to=[speaking(dialect)], dialect=dialect, caller=caller)
    # What comes before the first word is held: till then another deployment could be asked.
    held = len(first_events(dialect)) - 1
    expected = [count + 2 if count >= held else 0 for count in range(len(seen))]
    if dialect == "openai-chat":
        expected[-2:] = [count - 1 for count in expected[-2:]]
    assert seen == expected


@CROSS
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(marks=st.lists(st.integers(0, 10_000), max_size=8))
async def test_another_dialects_stream_is_translated(
    stage: Stage, dialect: str, provider: str, marks: list[int]
) -> None:
    done = await stage.carry(
        Script(cut_at(stream_body(provider), marks)), to=[speaking(provider, costs=COSTS)], dialect=dialect
    )
    assert text_of(dialect, done.caller.body) == "".join(WORDS)
    assert done.caller.headers["content-type"].startswith("text/event-stream")
    assert (done.row.usage, done.row.usage_complete, done.row.cost_nano_usd) == (USAGE, True, PRICE)
    assert (done.row.dialect, done.row.upstream_dialect) == (dialect, provider)


@WAYS
async def test_a_whole_answer_says_what_it_cost(stage: Stage, dialect: str, provider: str) -> None:
    done = await stage.carry(
        Script([whole_body(provider)], headers=JSON),
        to=[speaking(provider, costs=COSTS)],
        dialect=dialect,
        stream=False,
    )
    headers = done.caller.headers
    assert headers["x-sekisho-cost-usd"] == headers["x-litellm-response-cost"] == usd_text(PRICE)
    assert (headers["x-sekisho-model"], headers["content-length"]) == ("served-model", str(len(done.caller.body)))
    assert headers["x-litellm-model-id"] == done.row.deployment_id
    assert (done.row.usage, done.row.cost_nano_usd, done.row.http_status) == (USAGE, PRICE, 200)
    if dialect == provider:
        assert done.caller.body == whole_body(provider)


@WAYS
async def test_a_whole_answer_without_usage_is_estimated_by_what_it_says(
    stage: Stage, dialect: str, provider: str
) -> None:
    body = msgspec.json.decode(whole_body(provider))
    body.pop("usage", None)
    done = await stage.carry(whole(body), to=[speaking(provider)], dialect=dialect, stream=False)
    assert done.caller.status == 200
    assert "x-sekisho-cost-usd" not in done.caller.headers
    assert not done.row.usage_complete
    assert done.row.input_tokens == estimated_tokens(len(done.call.body))
    assert done.row.output_tokens == estimated_tokens(len("".join(WORDS).encode()))


@WAYS
async def test_cut_anywhere_the_caller_hears_of_it_in_its_dialect(stage: Stage, dialect: str, provider: str) -> None:
    """From the first byte on; unless the provider had said its last word."""
    stream, to = stream_body(provider), [speaking(provider, costs=COSTS)]
    for end in range(1, len(stream), 23):
        done = await stage.carry(Script([stream[:end], StreamBroken("cut")]), to=to, dialect=dialect)
        events = events_in(done.caller.body) if done.caller.status == 200 else []
        shown = text_of(dialect, done.caller.body) if events else ""
        assert done.caller.body.endswith(b"\n\n") or not events
        assert "".join(WORDS).startswith(shown)
        assert done.row.output_tokens >= estimated_tokens(len(shown.encode()))
        if done.row.status == "success":
            assert shown == "".join(WORDS)
            assert not any(is_error(dialect, event) for event in events)
            assert done.row.usage == USAGE
        else:
            assert done.caller.status == 502 or is_error(dialect, events[-1])
            assert (done.row.error_class, done.row.served_model) == (
                "upstream_error",
                "served-model" if events else done.row.served_model,
            )
            assert done.row.cost_nano_usd
        assert done.happened == ["intent", "sent", "closed", "row"]


@WAYS
async def test_after_the_last_word_nothing_spoils_the_answer(stage: Stage, dialect: str, provider: str) -> None:
    timeouts = msgspec.structs.replace(PATIENT, between_chunks_seconds=0.02)
    whole_stream = await stage.carry(Script([stream_body(provider)]), to=[speaking(provider)], dialect=dialect)
    endings: list[list[Any]] = [[StreamBroken("cut")], ["silence"]]
    for ending in endings:
        script = Script([stream_body(provider), *ending])
        done = await stage.carry(script, to=[speaking(provider)], dialect=dialect, timeouts=timeouts)
        assert len(done.caller.body) == len(whole_stream.caller.body)
        assert text_of(dialect, done.caller.body) == "".join(WORDS)
        assert not any(is_error(dialect, event) for event in events_in(done.caller.body))
        assert (done.row.status, done.row.usage, done.row.error_class) == ("success", USAGE, None)
        assert done.caller.finished


@WAYS
async def test_a_stream_that_ends_too_early_is_no_success(stage: Stage, dialect: str, provider: str) -> None:
    done = await stage.carry(Script(first_events(provider)), to=[speaking(provider)], dialect=dialect)
    assert is_error(dialect, events_in(done.caller.body)[-1])
    assert (done.row.status, done.row.error_class) == ("incomplete", "upstream_error")


@WAYS
@pytest.mark.parametrize("after", ["end", "cut", "more", "silence"])
async def test_an_error_inside_the_stream_is_told_once(stage: Stage, dialect: str, provider: str, after: str) -> None:
    """Whatever the provider does after it."""
    follows: dict[str, list[Any]] = {
        "end": [],
        "cut": [StreamBroken("cut")],
        "more": stream_events(provider)[2:],
        "silence": ["silence"],
    }
    steps = [*first_events(provider), error_event(provider), *follows[after]]
    timeouts = msgspec.structs.replace(PATIENT, between_chunks_seconds=0.02)
    done = await stage.carry(Script(steps), to=[speaking(provider)], dialect=dialect, timeouts=timeouts)
    errors = [event for event in events_in(done.caller.body) if is_error(dialect, event)]
    assert len(errors) == (2 if dialect == "openai-responses" and provider != dialect else 1)
    assert done.caller.finished
    assert done.row.error_class == "overloaded"
    assert done.row.status in ("incomplete", "failure")


@WAYS
async def test_silence_inside_the_stream(stage: Stage, dialect: str, provider: str) -> None:
    timeouts = msgspec.structs.replace(PATIENT, between_chunks_seconds=0.02)
    steps = [*first_events(provider), "silence"]
    done = await stage.carry(
        Script(steps),  # type: ignore[arg-type]
        to=[speaking(provider)],
        dialect=dialect,
        timeouts=timeouts,
    )
    assert is_error(dialect, events_in(done.caller.body)[-1])
    assert (done.row.error_class, done.row.status) == ("upstream_timeout", "incomplete")
    assert "between_chunks" in (done.row.error_detail or "")


@pytest.mark.parametrize("takes", [1, 2, 4, 8])
async def test_a_caller_who_takes_nothing_is_not_waited_for(stage: Stage, takes: int) -> None:
    """At the head, at the held words, in the middle and at the end: its fault, not the provider's."""
    caller = Caller()
    caller.takes = takes - 1
    timeouts = msgspec.structs.replace(PATIENT, caller_stalled_seconds=0.03, between_chunks_seconds=0.01)
    steps = [*stream_events("openai-chat"), b": the end\n\n"]
    done = await stage.carry(Script(steps), caller=caller, timeouts=timeouts)
    assert (done.row.error_class, done.row.http_status) == ("client_closed", 200)
    assert not done.caller.finished
    assert done.happened == ["intent", "sent", "closed", "row"]


async def test_nor_is_one_where_the_provider_does_not_hang_up_after_its_last_word(stage: Stage) -> None:
    caller = Caller()
    caller.takes = 2
    timeouts = msgspec.structs.replace(PATIENT, caller_stalled_seconds=0.03, between_chunks_seconds=0.01)
    provider = Script([b"".join(stream_events("openai-chat")), "silence"])
    done = await stage.carry(provider, caller=caller, timeouts=timeouts)
    assert (done.row.error_class, done.row.usage_complete) == ("client_closed", True)
    assert done.happened == ["intent", "sent", "closed", "row"]


async def test_a_caller_who_takes_its_time_is_waited_for(stage: Stage) -> None:
    """The time in which it takes nothing is not the provider's."""
    caller = Caller()
    caller.pause_seconds = 0.05
    timeouts = msgspec.structs.replace(PATIENT, between_chunks_seconds=0.03)
    done = await stage.carry(Script(stream_events("openai-chat")), caller=caller, timeouts=timeouts)
    assert (done.row.status, done.caller.finished) == ("success", True)


async def test_the_callers_time_begins_when_there_is_something_to_take(stage: Stage) -> None:
    caller = Caller()
    caller.pause_seconds = 0.1
    first, *rest = stream_events("openai-chat")
    timeouts = msgspec.structs.replace(PATIENT, caller_stalled_seconds=0.26, between_chunks_seconds=0.26)
    steps: list[Any] = [first, 0.2, b"".join(rest)]
    done = await stage.carry(Script(steps), caller=caller, timeouts=timeouts)
    assert (done.row.status, done.row.error_class) == ("success", None)


@WAYS
async def test_an_answer_that_is_too_large_is_refused(
    stage: Stage, dialect: str, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "REPLY_BYTES", 100)
    done = await stage.carry(
        Script([whole_body(provider)] * 50, headers=JSON), to=[speaking(provider)], dialect=dialect, stream=False
    )
    assert done.caller.status == 502
    assert "larger than 100 bytes" in done.caller.json["error"]["message"]


async def test_what_was_left_behind_is_named(stage: Stage) -> None:
    done = await stage.carry(
        Script([stream_body("anthropic-messages")]),
        to=[deployment("anthropic/claude-sonnet-4-5")],
        frequency_penalty=0.5,
    )
    assert (done.caller.status, done.caller.headers["x-sekisho-dropped"]) == (200, "frequency_penalty")


def test_only_headers_that_callers_act_on_pass() -> None:
    given_headers = [("retry-after", "1"), ("x-ratelimit-limit", "é"), ("set-cookie", "a"), ("x-ratelimit", "b")]
    assert passed_headers(given_headers) == [(b"retry-after", b"1"), (b"x-ratelimit-limit", "é".encode("latin-1"))]


@pytest.mark.parametrize(("text", "value"), [("gpt-5", b"gpt-5"), ("モ", b"???"), ("a\r\nb: c", b"a??b: c")])
def test_a_header_holds_no_line_break(text: str, value: bytes) -> None:
    assert header_text(text) == value


async def test_sse_headers(stage: Stage) -> None:
    done = await stage.carry(Script([stream_body("openai-chat")], headers=SSE | {"openai-processing-ms": "5"}))
    headers = done.caller.headers
    assert (headers["content-type"], headers["cache-control"]) == ("text/event-stream; charset=utf-8", "no-cache")
    assert headers["x-accel-buffering"] == "no"
    assert (headers["x-sekisho-model"], headers["openai-processing-ms"]) == ("served-model", "5")
    assert "content-length" not in headers


INVOKE = "anthropic-messages@bedrock"
INPUT_COUNT, OUTPUT_COUNT = (f"x-amzn-bedrock-{kind}-token-count" for kind in ("input", "output"))


@pytest.mark.parametrize("provider", ["anthropic-messages", "openai-chat"])
async def test_a_whole_invocation_says_its_counts_in_headers(stage: Stage, provider: str) -> None:
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    asked: dict[str, Any] = {"dialect": INVOKE, "path": PathSays("m", stream=False), "body": msgspec.json.encode(body)}
    replies = Script([whole_body(provider)], headers=JSON | {INPUT_COUNT: "7"}), Script([whole_body(provider)])
    told = [await stage.carry(reply, to=[speaking(provider)], **asked) for reply in replies]
    assert [done.caller.headers[OUTPUT_COUNT] for done in told] == ["40", "40"]
    assert [done.caller.headers[INPUT_COUNT] for done in told] == ["7", "100"]  # the provider's own, where it says it
    unknown = await stage.carry(whole({"id": "r"}), to=[speaking(provider)], **asked)
    assert OUTPUT_COUNT not in unknown.caller.headers


async def test_a_streamed_invocation_says_what_is_in_the_stream(stage: Stage) -> None:
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    events = stream_events("anthropic-messages")
    script = Script(events, headers=SSE | {"x-amzn-bedrock-content-type": "text/plain"})
    done = await stage.carry(
        script,
        to=[speaking("anthropic-messages")],
        dialect=INVOKE,
        path=PathSays("m", stream=True),
        body=msgspec.json.encode(body),
    )
    names = [name for name, _ in done.caller.messages[0]["headers"]]
    assert names.count(b"x-amzn-bedrock-content-type") == 1
    assert done.caller.headers["x-amzn-bedrock-content-type"] == "application/json"
    assert OUTPUT_COUNT not in done.caller.headers

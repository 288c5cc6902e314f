from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sekisho.core.errors import BodyTooLarge, OperatorError, Overloaded, StreamBroken, UpstreamUnreachable
from sekisho.core.ids import new_uuid7
from sekisho.exchange.meter import estimated_tokens
from sekisho.exchange.run import run
from sekisho.identity.keys import token_hash
from sekisho.ledger.rows import Intent
from sekisho.wire.sse import COMMENT_PING
from tests.support.caller import Caller
from tests.support.ledger import add_key
from tests.support.stations import (
    JSON,
    PATIENT,
    Book,
    Outcome,
    Script,
    ScriptedTransport,
    Stage,
    Step,
    deployment,
    speaking,
    stage_in,
)
from tests.support.wires import (
    DIALECTS,
    USAGE,
    WORDS,
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
EACH = pytest.mark.parametrize("dialect", DIALECTS)
IMPATIENT = msgspec.structs.replace(PATIENT, ping_after_seconds=0.02)


def check_refused(done: Outcome, dialect: str, status: int, error_class: str) -> dict[str, Any]:
    """Refused before any provider was asked, and recorded."""
    assert done.caller.status == status
    assert done.happened == ["row"]
    assert (done.row.error_class, done.row.status, done.row.cost_nano_usd) == (error_class, "failure", 0)
    assert done.row.http_status == status
    body: dict[str, Any] = done.caller.json
    assert (body.get("type") == "error") == (dialect == "anthropic-messages")
    return dict(body["error"])


@EACH
@pytest.mark.parametrize("headers", [{"authorization": ""}, {"authorization": "Bearer sk-CANARY"}])
async def test_without_a_key_nothing_is_served(stage: Stage, dialect: str, headers: dict[str, str]) -> None:
    done = await stage.carry(dialect=dialect, headers=headers)
    check_refused(done, dialect, 401, "authentication")
    assert done.row.key_hash is None
    assert b"CANARY" not in done.caller.body
    assert "CANARY" not in repr(done.row)


@EACH
@pytest.mark.parametrize(
    ("fields", "status", "error_class"),
    [
        ({"blocked": True}, 401, "authentication"),
        ({"expires_us": 1}, 401, "authentication"),
        ({"models": ("other",)}, 403, "permission"),
        ({"models": ("no-default-models",)}, 403, "permission"),
    ],
)
async def test_a_key_that_may_not_is_refused_and_recorded(
    stage: Stage, dialect: str, fields: dict[str, Any], status: int, error_class: str
) -> None:
    key = f"sk-{new_uuid7()}"
    add_key(stage.db, token_hash(key), key_alias=f"alias {key}", **fields)
    done = await stage.carry(dialect=dialect, headers={"authorization": f"Bearer {key}"})
    check_refused(done, dialect, status, error_class)
    assert (done.row.key_hash, done.row.key_alias) == (token_hash(key), f"alias {key}")
    assert done.row.requested_model == "m"


async def test_a_keys_alias_leads_to_its_model(stage: Stage) -> None:
    key = f"sk-{new_uuid7()}"
    add_key(stage.db, token_hash(key), models=("m",), aliases={"nick": "m"})
    done = await stage.carry(
        Script([stream_body("openai-chat")]), headers={"authorization": f"Bearer {key}"}, model="nick"
    )
    assert (done.caller.status, done.row.requested_model, done.row.routed_model) == (200, "nick", "gpt-4.1-mini")
    assert msgspec.json.decode(done.requests[0].body)["model"] == "gpt-4.1-mini"


@EACH
async def test_a_model_that_nobody_serves_is_named(stage: Stage, dialect: str) -> None:
    done = await stage.carry(dialect=dialect, model="gpt-none")
    assert "gpt-none" in check_refused(done, dialect, 404, "not_found")["message"]
    done = await stage.carry(dialect=dialect, to=[deployment(unusable="Model 'm' lacks the variable K.")])
    assert "variable K" in check_refused(done, dialect, 404, "not_found")["message"]


@EACH
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"model":1}', b'{"model":"m","stream":"x"}', b'{"x":"\xff"}'])
async def test_a_body_that_is_none_is_refused_and_recorded(stage: Stage, dialect: str, body: bytes) -> None:
    check_refused(await stage.carry(dialect=dialect, body=body), dialect, 400, "invalid_request")


async def test_what_cannot_be_translated_is_named_and_not_sent(stage: Stage) -> None:
    done = await stage.carry(to=[speaking("anthropic-messages")], n=2)
    error = check_refused(done, "openai-chat", 400, "unsupported_feature")
    assert error["param"] == "n"


@pytest.mark.parametrize(("error", "status"), [(BodyTooLarge("x"), 413), (Overloaded("x", retry_after_seconds=1), 503)])
@EACH
async def test_a_call_whose_body_was_refused_is_recorded(
    stage: Stage, dialect: str, error: BodyTooLarge | Overloaded, status: int
) -> None:
    stage.book.rows, caller = [], Caller()
    gateway = stage.gateway(transport=ScriptedTransport([], []))

    async def refused() -> bytes:
        raise error

    await run(stage.call(caller, dialect, b""), gateway, refused)
    [row] = stage.book.rows
    expected = 529 if status == 503 and dialect == "anthropic-messages" else status
    assert (caller.status, row.http_status, row.error_class) == (expected, expected, error.info.error_class.value)
    assert caller.headers.get("retry-after") == ("1" if status == 503 else None)
    assert caller.finished


# ── the caller leaves ───────────────────────────────────────────────────────────────────────────
def leaving(caller: Caller, events: list[bytes], after: int) -> list[Step]:
    """The provider's events up to one; then the caller leaves, and the provider is silent."""
    return [*events[:after], caller.hang_up, "silence"]


@WAYS
async def test_gone_at_every_event(stage: Stage, dialect: str, provider: str) -> None:
    events = stream_events(provider)
    for after in range(len(events) + 1):
        caller = Caller()
        done = await stage.carry(
            Script(leaving(caller, events, after)), to=[speaking(provider)], dialect=dialect, caller=caller
        )
        assert done.happened == ["intent", "sent", "closed", "row"]
        seen = text_of(dialect, caller.body)
        assert done.row.output_tokens >= estimated_tokens(len(seen.encode()))
        assert done.row.input_tokens >= (1 if after == 0 else min(USAGE.input_tokens, estimated_tokens(40)))
        assert done.row.cost_nano_usd
        if done.row.error_class is None:
            assert after >= len(events) - 1, "only an answer that was whole is a success"
            assert (seen, done.row.usage) == ("".join(WORDS), USAGE)
        else:
            assert done.row.error_class == "client_closed"
            assert after < len(events)
        assert not caller.finished


@EACH
async def test_gone_before_the_provider_answers(stage: Stage, dialect: str) -> None:
    for opened in (False, True):
        caller = Caller()
        leaves: list[Step] = [caller.hang_up, "silence"]
        script = Script(leaves) if opened else Script(opening=leaves)
        done = await stage.carry(script, to=[speaking(dialect)], dialect=dialect, caller=caller)
        assert (done.row.error_class, done.row.http_status, done.row.status) == ("client_closed", 499, "incomplete")
        assert done.row.input_tokens == estimated_tokens(len(done.call.body))
        assert done.happened == ["intent", "sent", "closed", "row"]
        assert caller.messages == []


@WAYS
async def test_a_whole_answer_is_read_also_for_nobody(stage: Stage, dialect: str, provider: str) -> None:
    """It is made and billed whole."""
    for opened in (False, True):
        caller = Caller()
        leaves: list[Step] = [caller.hang_up, 0.002]
        body: list[Step] = [whole_body(provider)]
        script = Script([*leaves, *body], headers=JSON) if opened else Script(body, headers=JSON, opening=leaves)
        done = await stage.carry(script, to=[speaking(provider)], dialect=dialect, stream=False, caller=caller)
        assert (done.row.usage, done.row.usage_complete, done.row.error_class) == (USAGE, True, "client_closed")
        assert caller.messages == []


async def test_gone_while_the_gateway_waits_to_try_again(stage: Stage) -> None:
    caller = Caller()
    failing = Script([b"x", caller.hang_up], 500, JSON)
    done = await stage.carry(failing, caller=caller, retries=3)
    assert (len(done.requests), done.row.error_class, done.row.cost_nano_usd) == (1, "client_closed", 0)


async def test_gone_while_it_takes_nothing(stage: Stage) -> None:
    caller = Caller()
    caller.takes = 3
    events = stream_events("openai-chat")
    carrying = asyncio.create_task(stage.carry(Script(events), caller=caller))
    await asyncio.wait_for(caller.stuck.wait(), 5)
    caller.hang_up()
    done = await carrying
    assert (done.row.error_class, done.happened) == ("client_closed", ["intent", "sent", "closed", "row"])


@WAYS
async def test_a_drained_provider_is_read_to_its_end(stage: Stage, dialect: str, provider: str) -> None:
    events = stream_events(provider)
    for after in (0, 1, 3, len(events) - 1):
        caller, end = Caller(), asyncio.Event()
        steps: list[Step] = [*events[:after], caller.hang_up, 0.002, *events[after:], end.set]
        done = await stage.carry(Script(steps), to=[speaking(provider, drained=True)], dialect=dialect, caller=caller)
        assert end.is_set()
        assert (done.row.usage, done.row.usage_complete) == (USAGE, True)
        assert (done.row.error_class, done.row.status) == ("client_closed", "failure")
        assert not caller.finished


async def test_a_drained_provider_may_still_fail(stage: Stage) -> None:
    caller = Caller()
    steps: list[Step] = [stream_events("openai-chat")[0], caller.hang_up, 0.002, StreamBroken("cut")]
    done = await stage.carry(Script(steps), to=[deployment(drained=True)], caller=caller)
    assert (done.row.error_class, done.row.status) == ("client_closed", "incomplete")


# ── defects of ours ─────────────────────────────────────────────────────────────────────────────
@WAYS
async def test_a_defect_shows_no_detail(
    stage: Stage, dialect: str, provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    steps_of: list[list[Step]] = [
        [ValueError("CANARY")],
        [*first_events(provider), KeyError("CANARY")],
    ]
    for steps in steps_of:
        with caplog.at_level(logging.ERROR):
            done = await stage.carry(Script(steps), to=[speaking(provider)], dialect=dialect)
        assert b"CANARY" not in done.caller.body
        assert b"operator" in done.caller.body
        assert done.caller.finished
        assert done.caller.status == (500 if len(steps) == 1 else 200)
        if len(steps) > 1:
            assert is_error(dialect, events_in(done.caller.body)[-1])
        assert (done.row.error_class, done.row.status) == ("internal", "incomplete")
        assert "CANARY" not in repr(done.row)
        assert "CANARY" not in caplog.text
        assert done.row.call_id in caplog.text
        assert done.happened == ["intent", "sent", "closed", "row"]


class FullDisk(Book):
    """A journal that has no room for another call."""

    def intent(self, intent: Intent) -> None:
        raise OperatorError(f"The disk is full of {intent.call_id}.")


async def test_without_an_intent_nothing_is_sent(tmp_path: Path) -> None:
    with stage_in(tmp_path, FullDisk) as stage:
        done = await stage.carry(Script([stream_body("openai-chat")]))
    assert (done.caller.status, done.requests) == (500, [])
    assert b"disk" not in done.caller.body
    assert done.row.error_class == "internal"
    assert (done.row.cost_nano_usd, done.row.status) == (0, "failure"), "nothing was sent"


async def test_a_failure_after_the_answer_is_not_told(stage: Stage) -> None:
    done = await stage.carry(Script([stream_body("openai-chat")], closing=[OSError("CANARY")]))
    assert done.caller.finished
    assert b"CANARY" not in done.caller.body
    assert done.row.usage == USAGE


# ── signs of life ───────────────────────────────────────────────────────────────────────────────
@WAYS
async def test_pings_come_before_and_between_events(stage: Stage, dialect: str, provider: str) -> None:
    events = stream_events(provider)
    shown = len(first_events(provider))
    steps: list[Step] = [0.05, *events[:shown], 0.05, *events[shown:]]
    done = await stage.carry(Script(steps), to=[speaking(provider)], dialect=dialect, timeouts=IMPATIENT)
    plain = await stage.carry(Script(events), to=[speaking(provider)], dialect=dialect)
    pieces = done.caller.pieces
    assert pieces[0] == COMMENT_PING
    assert COMMENT_PING in pieces[2:-1]
    said = [piece for piece in pieces if piece != COMMENT_PING]
    assert len(b"".join(said)) == len(plain.caller.body)
    assert text_of(dialect, b"".join(said)) == "".join(WORDS)
    assert (done.row.status, done.row.usage) == ("success", USAGE)
    assert done.caller.headers["content-type"].startswith("text/event-stream")


async def test_no_ping_in_a_whole_answer(stage: Stage) -> None:
    steps: list[Step] = [0.05, whole_body("openai-chat")]
    done = await stage.carry(Script(steps, headers=JSON), stream=False, timeouts=IMPATIENT)
    assert done.caller.body == whole_body("openai-chat")


async def test_no_ping_inside_a_long_event(stage: Stage) -> None:
    event = b'data: {"choices":[],"x":"' + b"x" * 100_000 + b'"}\n\n'
    stream = stream_body("openai-chat")
    steps: list[Step] = [stream_events("openai-chat")[0], event[:90_000], 0.05, event[90_000:], stream]
    done = await stage.carry(Script(steps), timeouts=IMPATIENT, stream_options={"include_usage": True})
    assert event in done.caller.body
    assert done.row.status == "success"


@WAYS
@pytest.mark.parametrize("failure", ["refused", "first event", "at once", "cut", "unreachable", "half"])
async def test_after_a_ping_a_failure_is_an_event(stage: Stage, dialect: str, provider: str, failure: str) -> None:
    error = {"error": {"type": "rate_limit_error", "message": "slow"}}
    scripts = {
        "refused": Script([msgspec.json.encode(error)], 429, JSON, opening=[0.05]),
        "first event": Script([0.05, error_event(provider)]),
        "at once": Script([0.05, b"".join(stream_events(provider)[:4]) + error_event(provider)]),
        "cut": Script([0.05, StreamBroken("cut")]),
        "unreachable": Script(opening=[0.05, UpstreamUnreachable("nobody")]),
        "half": Script([b": x\n\n", 0.05, stream_events(provider)[0][:20], StreamBroken("cut")]),
    }
    done = await stage.carry(scripts[failure], to=[speaking(provider)], dialect=dialect, timeouts=IMPATIENT)
    assert done.caller.status == 200
    assert done.caller.finished
    assert done.caller.body.startswith(COMMENT_PING)
    [said] = [event for event in events_in(done.caller.body) if event != COMMENT_PING]
    assert is_error(dialect, said)
    assert done.row.status != "success"


async def test_after_a_ping_the_next_deployment_may_still_answer(stage: Stage) -> None:
    first = Script(opening=[0.05, UpstreamUnreachable("nobody")])
    second = Script([stream_body("openai-chat")])
    done = await stage.carry(first, second, to=[deployment(), deployment()], timeouts=IMPATIENT)
    assert text_of("openai-chat", done.caller.body) == "".join(WORDS)
    assert done.row.status == "success"


def test_a_reload_does_not_change_the_gateway_of_a_call(stage: Stage) -> None:
    gateway = stage.gateway(transport=ScriptedTransport([], []))
    with pytest.raises(AttributeError):
        gateway.clock = stage.clock  # type: ignore[misc]

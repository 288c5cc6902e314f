from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from sekisho.canonical.events import Started
from sekisho.canonical.fold import unfold
from sekisho.canonical.request import Request
from sekisho.core.errors import StreamBroken, UpstreamUnreachable
from sekisho.core.money import usd_text
from sekisho.exchange.meter import estimated_tokens
from sekisho.wire.registry import BY_NAME
from tests.support.stations import PATIENT, Script, Stage, body_of, deployment, refusal, speaking, whole
from tests.support.wires import DIALECTS, USAGE, error_event, first_events, stream_body, stream_events, whole_body

COSTS = {"input_cost_per_token": Decimal("0.000001"), "output_cost_per_token": Decimal("0.000002")}
SUM = USAGE.input_tokens * 1_000 + USAGE.output_tokens * 2_000
SOON = msgspec.structs.replace(PATIENT, first_event_seconds=0.02)
GOOD = Script([stream_body("openai-chat")])
BILLED = {
    "silent": Script(opening=["silence"]),
    "lost": Script(opening=[UpstreamUnreachable("Closed without an answer.")]),
    "cut": Script([b'data: {"id"', StreamBroken("cut")]),
}
FREE = {
    "refused": refusal(503, b"oops"),
    "never sent": Script(opening=[UpstreamUnreachable("nobody", code="connect")]),
    "an error first": Script([error_event("openai-chat")]),
    "sent elsewhere": Script([], 308),
}


@pytest.mark.parametrize("how", BILLED)
async def test_an_attempt_that_may_be_billed_is_not_forgotten_when_the_next_goes_well(stage: Stage, how: str) -> None:
    two = [deployment(costs=COSTS)] * 2
    done = await stage.carry(BILLED[how], GOOD, to=two, timeouts=SOON, max_tokens=40)
    guess = estimated_tokens(len(body_of("openai-chat", max_tokens=40)))
    assert (done.row.status, done.row.attempts, done.row.usage_complete) == ("success", 2, False)
    assert (done.row.input_tokens, done.row.output_tokens) == (USAGE.input_tokens + guess, USAGE.output_tokens)
    assert done.row.cost_nano_usd == SUM + guess * 1_000
    first, second = done.intents
    answer = 40 * 2_000  # of which nobody could say more, should the gateway die
    assert (first.estimate_nano_usd, second.estimate_nano_usd) == (guess * 1_000 + answer, 2 * guess * 1_000 + answer)


@pytest.mark.parametrize("how", FREE)
async def test_an_attempt_that_costs_nothing_leaves_the_count_exact(stage: Stage, how: str) -> None:
    done = await stage.carry(FREE[how], GOOD, to=[deployment(costs=COSTS)] * 2)
    assert (done.row.status, done.row.attempts, done.row.usage_complete) == ("success", 2, True)
    assert done.row.cost_nano_usd == SUM


async def test_each_attempt_is_booked_at_its_own_price(stage: Stage) -> None:
    dear = deployment(costs={name: price * 10 for name, price in COSTS.items()})
    done = await stage.carry(
        BILLED["lost"],
        whole(msgspec.Raw(whole_body("openai-chat"))),
        to=[dear, deployment(costs=COSTS)],
        stream=False,
        max_tokens=1,
    )
    guess = estimated_tokens(len(body_of("openai-chat", stream=False, max_tokens=1)))
    assert done.row.cost_nano_usd == SUM + guess * 10_000 + int(COSTS["output_cost_per_token"] * 10**9) * 10
    assert Decimal(done.caller.headers["x-sekisho-cost-usd"]) * 10**9 == done.row.cost_nano_usd
    unknown = deployment("custom_openai/nobody-knows")
    done = await stage.carry(BILLED["lost"], GOOD, to=[unknown, deployment(costs=COSTS)])
    assert (done.row.cost_nano_usd, done.row.usage_complete) == (None, False)


async def test_what_was_counted_before_an_error_in_the_same_piece_is_booked(stage: Stage) -> None:
    """Or it would depend on how the provider's bytes lie in the reads."""
    first = stream_events("anthropic-messages")[0] + error_event("anthropic-messages")
    done = await stage.carry(Script([first]), to=[speaking("anthropic-messages")], dialect="anthropic-messages")
    assert done.caller.status == 529
    assert (done.row.input_tokens, done.row.usage_complete) == (USAGE.input_tokens, False)
    assert done.row.cost_nano_usd


@pytest.mark.parametrize("dialect", ["anthropic-messages", "openai-chat", "openai-responses"])
@pytest.mark.parametrize("caller", ["anthropic-messages", "openai-chat"])
async def test_what_was_said_before_an_error_in_the_same_piece_is_booked(
    stage: Stage, dialect: str, caller: str
) -> None:
    """Though its provider has counted nothing."""
    piece = b"".join(first_events(dialect)) + error_event(dialect)
    done = await stage.carry(Script([piece]), to=[speaking(dialect)], dialect=caller)
    assert done.caller.status >= 500
    assert (done.row.status, done.row.usage_complete) == ("incomplete", False)
    assert done.row.input_tokens
    assert done.row.output_tokens


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("status", [600, 700, 999])
async def test_a_status_that_http_does_not_have_is_no_answer(stage: Stage, status: int, *, stream: bool) -> None:
    """The server could not say it, and would print where it was."""
    done = await stage.carry(refusal(status, {"error": {"message": "x"}}), stream=stream)
    assert (done.caller.status, done.row.error_class) == (502, "upstream_error")


async def test_a_content_type_is_read_in_any_case(stage: Stage) -> None:
    done = await stage.carry(Script([stream_body("openai-chat")], headers={"content-type": "Text/Event-Stream"}))
    assert done.caller.status == 200
    refused = {"error": {"message": "no", "own": "words"}}
    script = Script([msgspec.json.encode(refused)], 400, {"content-type": "Application/JSON"})
    assert (await stage.carry(script)).caller.json == refused


async def test_an_answer_that_was_not_understood_is_booked_by_its_length(stage: Stage) -> None:
    """Its bytes pass, and a provider that writes its counts as text bills no less."""
    said = msgspec.json.decode(whole_body("openai-chat"))
    said["usage"]["prompt_tokens"] = "many"
    body = msgspec.json.encode(said)
    done = await stage.carry(whole(msgspec.Raw(body)), to=[deployment()], stream=False)
    assert (done.caller.body, done.row.usage_complete) == (body, False)
    assert done.row.output_tokens == estimated_tokens(len(body))


#: What each provider counts of one answer: 60 fresh tokens, 300 from a cache, and where it says so 50 written into one,
#: 30 of them for an hour; and by whom it is served.
CACHED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "anthropic-messages": (
        "anthropic/claude-sonnet-4-5",
        "usage",
        {
            "input_tokens": 60,
            "cache_read_input_tokens": 300,
            "cache_creation_input_tokens": 50,
            "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 30},
            "output_tokens": 7,
        },
    ),
    "bedrock-converse": (
        "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "usage",
        {
            "inputTokens": 60,
            "cacheReadInputTokens": 300,
            "cacheWriteInputTokens": 50,
            "cacheDetails": [{"ttl": "5m", "inputTokens": 20}, {"ttl": "1h", "inputTokens": 30}],
            "outputTokens": 7,
            "totalTokens": 417,
        },
    ),
    "openai-chat": (
        "openai/gpt-4.1-mini",
        "usage",
        {"prompt_tokens": 360, "prompt_tokens_details": {"cached_tokens": 300}, "completion_tokens": 7},
    ),
    "openai-responses": (
        "openai/gpt-4.1-mini",
        "usage",
        {"input_tokens": 360, "input_tokens_details": {"cached_tokens": 300}, "output_tokens": 7, "total_tokens": 367},
    ),
    "gemini-generate": (
        "gemini/gemini-2.5-pro",
        "usageMetadata",
        {
            "promptTokenCount": 360,
            "cachedContentTokenCount": 300,
            "candidatesTokenCount": 3,
            "thoughtsTokenCount": 4,
            "totalTokenCount": 367,
        },
    ),
}
#: Nano-USD: 1, 0.1 and 2 USD a million; writes 1.25 and 2.
RATES = COSTS | {
    "cache_read_input_token_cost": Decimal("0.0000001"),
    "cache_creation_input_token_cost": Decimal("0.00000125"),
    "cache_creation_input_token_cost_above_1hr": Decimal("0.000002"),
}


def streamed(provider: str, body: bytes) -> Script:
    """The same answer as a stream."""
    dialect = BY_NAME[provider]
    writer = dialect.stream_writer(Request(model="m", messages=(), stream=True, include_usage=True))
    reply = msgspec.structs.replace(dialect.decode_reply(body), id="r1", model="served", created_seconds=1)
    said = [
        # Anthropic says at the start of a stream how long what was written into the cache lives.
        writer.write(msgspec.structs.replace(event, usage=reply.usage) if isinstance(event, Started) else event)
        for event in unfold(reply)
    ]
    return Script([b"".join(said)], headers={"content-type": dialect.stream_type})


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("caller", DIALECTS)
@pytest.mark.parametrize("provider", CACHED)
async def test_caches_are_counted_and_priced_alike_whoever_asks(
    stage: Stage, provider: str, caller: str, *, stream: bool
) -> None:
    served_by, key, usage = CACHED[provider]
    body = msgspec.json.decode(whole_body(provider)) | {key: usage}
    script = streamed(provider, msgspec.json.encode(body)) if stream else whole(body)
    one = deployment(served_by, pinned_dialect=provider, costs=RATES)
    done = await stage.carry(script, to=[one], dialect=caller, stream=stream)
    row = done.row
    assert (row.input_tokens, row.cache_read_tokens, row.output_tokens) == (60, 300, 7)
    writes = {"anthropic-messages": 50, "bedrock-converse": 50}.get(provider, 0)
    assert (row.cache_write_tokens, row.cache_write_1h_tokens) == (writes, writes and 30)
    written = 20 * 1_250 + 30 * 2_000 if writes else 0
    assert row.cost_nano_usd == 60 * 1_000 + 300 * 100 + written + 7 * 2_000
    if not stream:  # its headers are gone before it is counted
        assert done.caller.headers["x-sekisho-cost-usd"] == usd_text(row.cost_nano_usd)

"""The provider fails in every way at every place: the caller hears it in its dialect, nothing hangs, a row is there."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from tests.faults.dialects import SAME, WAYS, Dialect, Way, check_error, ends_well, is_complete, stream_error, text_in
from tests.support.gateway import Gateway, Row
from tests.support.provider import RunningProvider
from tests.support.sse_client import call
from tests.support.waiting import eventually

WORDS = 4
#: More events than any dialect sends for so many words.
EVENTS_MAX = 20
#: What a provider answers -> what a caller may get. A wrong provider key is no fault of the caller's.
STATUSES = {400: {400}, 401: {500, 502}, 429: {429}, 500: {500, 502}, 529: {503, 529}}
_names = count()


def fresh(label: str) -> str:
    return f"{label}-{next(_names)}"


class Outcome:
    """What one call came to: for the caller, on the provider's bill, in the ledger."""

    status: int
    headers: dict[str, str]
    events: list[tuple[str, bytes]]
    body: dict[str, Any]
    row: Row


async def carry(gate: Gateway, key: str, way: Way, directives: str, *, stream: bool = True) -> Outcome:
    """Make the call to its end. A cut answer would raise Cut: the gateway always ends its answers well."""
    outcome = Outcome()
    headers = {"authorization": f"Bearer {key}"}
    async with call("POST", gate.url + way.path, way.body(directives, stream=stream), headers) as answer:
        outcome.status, outcome.headers = answer.status, answer.headers
        if answer.headers["content-type"].startswith("text/event-stream"):
            outcome.events = await answer.events()
        else:
            outcome.body = await answer.json()
    outcome.row = await gate.row(outcome.headers["x-sekisho-request-id"])
    return outcome


def check_failed(way: Way, outcome: Outcome) -> None:
    """The failure reached the caller in its dialect, with a real status or inside the stream, and stands in the row."""
    assert outcome.row.status in ("failure", "incomplete")
    assert outcome.row.error_class
    if outcome.status == 200:
        stream_error(way.caller, outcome.events)
    else:
        assert outcome.status >= 400
        check_error(way.caller, outcome.body)


@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_all_is_well_without_a_fault(gate: Gateway, fake: RunningProvider, key: str, way: Way) -> None:
    name = fresh("well")
    directives = f"id={name} chunks={WORDS} input_tokens=100 output_tokens=40 cache_read_tokens=10"
    outcome = await carry(gate, key, way, directives)
    assert outcome.status == 200
    assert ends_well(way.caller, outcome.events)
    assert text_in(outcome.events) == "word1 word2 word3 word4 "
    [bill] = fake.bills(name)
    assert bill.end == "done"
    billed = (bill.input_tokens + bill.cache_read_tokens, bill.output_tokens)
    assert (outcome.row.prompt_tokens, outcome.row.completion_tokens) == billed
    assert (outcome.row.status, outcome.row.usage_complete) == ("success", True)


@pytest.mark.parametrize("ending", ["cut", "reset"])
@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_cut_at_every_event(gate: Gateway, fake: RunningProvider, key: str, way: Way, ending: str) -> None:
    """From before the headers to after the last event but before the body's end."""
    for after in range(EVENTS_MAX):
        name = fresh(ending)
        outcome = await carry(
            gate, key, way, f"id={name} chunks={WORDS} input_tokens=100 output_tokens=40 {ending}_after={after}"
        )
        [bill] = fake.bills(name)
        if bill.end == "done":
            assert after > WORDS, "the fault never came"
            assert ends_well(way.caller, outcome.events)
            return
        if outcome.status == 200 and is_complete(way.caller, outcome.events):
            assert ends_well(way.caller, outcome.events), "nothing may follow the end"
            assert text_in(outcome.events) == "word1 word2 word3 word4 ", f"cut after {after}, yet called complete"
            continue
        check_failed(way, outcome)
        assert outcome.row.completion_tokens <= 40
        if outcome.status == 200 and text_in(outcome.events):
            assert outcome.row.completion_tokens > 0, "what was seen must be booked"
            assert outcome.row.cost_nano_usd
    pytest.fail("the provider never came to its end")


@pytest.mark.parametrize("after", [0, 1, 3])
@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_silence(gate: Gateway, fake: RunningProvider, key: str, way: Way, *, after: int) -> None:
    """Before the headers and between events: the gateway gives up in its time and lets go of the provider."""
    name = fresh("stall")
    outcome = await carry(gate, key, way, f"id={name} chunks={WORDS} stall_after={after}")
    check_failed(way, outcome)
    if after == 0:
        assert outcome.status == 504
    assert outcome.row.error_class == "upstream_timeout"

    async def gone() -> bool:
        return fake.bills(name)[0].end == "gone"

    await eventually(gone, "the provider is let go")


@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_garbage_inside_a_stream(gate: Gateway, key: str, way: Way) -> None:
    for after in (0, 2, 4):
        outcome = await carry(gate, key, way, f"chunks={WORDS} garbage_after={after}")
        if way not in SAME:
            check_failed(way, outcome)
        elif outcome.status == 200:
            assert outcome.events


@pytest.mark.parametrize(
    "directives", ["garbage", "html", "not_http", "html status=502", "cut_after=1", "reset_after=1"]
)
@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_an_answer_that_is_none(gate: Gateway, key: str, way: Way, directives: str) -> None:
    outcome = await carry(gate, key, way, directives, stream=False)
    assert outcome.status in (502, 503)
    check_failed(way, outcome)
    assert "DOCTYPE" not in str(outcome.body)


@pytest.mark.parametrize("directives", ["html", "not_http", "html status=502"])
@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_a_stream_that_is_none(gate: Gateway, key: str, way: Way, directives: str) -> None:
    outcome = await carry(gate, key, way, directives)
    assert outcome.status in (502, 503)
    check_failed(way, outcome)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_a_refusal_keeps_its_class(gate: Gateway, fake: RunningProvider, key: str, way: Way, status: int) -> None:
    name = fresh("refused")
    outcome = await carry(gate, key, way, f"id={name} status={status} retry_after=7")
    assert outcome.status in STATUSES[status]
    check_failed(way, outcome)
    if status in (429, 529):
        assert outcome.headers["retry-after"] == "7"
    assert (outcome.row.cost_nano_usd, outcome.row.prompt_tokens) == (0, 0)
    assert len(fake.bills(name)) == 1, "retries are off"


@pytest.mark.parametrize("kind", ["overloaded", "rate_limit", "api_error"])
@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_an_error_inside_a_stream(gate: Gateway, key: str, way: Way, kind: str) -> None:
    """Before anything was said it becomes a real status; later it stays inside the stream."""
    for after in (0, 1, 4):
        outcome = await carry(gate, key, way, f"chunks={WORDS} error_in_stream={kind} error_after={after}")
        check_failed(way, outcome)
        if after == 0:
            assert outcome.status >= 400


@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_a_stream_without_its_last_word(gate: Gateway, key: str, way: Way) -> None:
    """HTTP ends well, the dialect does not: all was said and counted, so that it may pass, but never in silence.

    A chat stream of a compatible server may lack its `[DONE]`: the finish reason is the end there.
    """
    outcome = await carry(gate, key, way, f"chunks={WORDS} no_done")
    assert text_in(outcome.events) == "word1 word2 word3 word4 "
    says_why_it_ended = way.caller == "chat" and b'"finish_reason":"stop"' in outcome.events[-1][1]
    if not (ends_well(way.caller, outcome.events) or says_why_it_ended):
        check_failed(way, outcome)


@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_silence_about_usage_is_booked_as_an_estimate(gate: Gateway, key: str, way: Way) -> None:
    outcome = await carry(gate, key, way, f"chunks={WORDS} no_usage")
    assert outcome.status == 200
    assert text_in(outcome.events) == "word1 word2 word3 word4 "
    assert outcome.row.completion_tokens > 0
    assert outcome.row.prompt_tokens > 0
    assert outcome.row.usage_complete is False


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("caller", ["messages", "chat", "responses"])
@pytest.mark.parametrize("model", ["claude-nowhere", "gpt-nowhere"])
async def test_an_unreachable_provider(gate: Gateway, key: str, caller: Dialect, model: str, *, stream: bool) -> None:
    way = Way(caller, model)
    outcome = await carry(gate, key, way, "", stream=stream)
    assert outcome.status == 502
    check_failed(way, outcome)
    assert (outcome.row.cost_nano_usd or 0) == 0

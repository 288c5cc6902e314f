"""The caller hangs up, resets, or stops reading: the provider is let go, the row is there, nobody else suffers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.faults.dialects import CROSS, SAME, WAYS, Way, ends_well
from tests.support.gateway import Gateway, Row, config_for, gateway
from tests.support.provider import RunningProvider
from tests.support.sse_client import call, parse_events
from tests.support.waiting import eventually, stays

WORDS = 4
_names = count()


def bearer(key: str, name: str = "") -> dict[str, str]:
    return {"authorization": f"Bearer {key}", "x-litellm-spend-logs-metadata": f'{{"call": "{name}"}}'}


async def let_go(fake: RunningProvider, name: str) -> None:
    """The provider learns that nobody listens any more."""

    async def gone() -> bool:
        return any(bill.end in ("gone", "done") for bill in fake.bills(name))

    await eventually(gone, f"the provider of {name} is let go", within_seconds=30)


def check_incomplete(row: Row) -> None:
    assert (row.status, row.usage_complete, row.error_class) == ("incomplete", False, "client_closed")
    assert row.cost_nano_usd


@pytest.mark.parametrize("rudely", [False, True], ids=["hang-up", "reset"])
@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_gone_at_every_event(gate: Gateway, fake: RunningProvider, key: str, way: Way, *, rudely: bool) -> None:
    """The provider speaks its events up to one, then waits for ever: what the caller does next decides."""

    async def check_gone(after: int) -> None:
        name = f"gone-{next(_names)}"
        directives = f"id={name} chunks={WORDS} input_tokens=100 output_tokens=40 stall_after={after}"
        async with call("POST", gate.url + way.path, way.body(directives), bearer(key)) as answer:
            if answer.status != 200:
                return
            await answer.events(1)
            await (answer.reset() if rudely else answer.hang_up())
        await let_go(fake, name)
        [bill] = fake.bills(name)
        row = await gate.row(answer.headers["x-sekisho-request-id"])
        if row.usage_complete:  # the provider had counted before the caller left, or the answer was whole by then
            assert row.error_class in ("client_closed", None)
            assert (row.prompt_tokens, row.completion_tokens) == (100, 40)
        else:
            check_incomplete(row)
            assert row.completion_tokens <= max(bill.output_tokens, 1), "one token is announced with the first event"

    await asyncio.gather(*(check_gone(after) for after in range(1, 8)))


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_gone_before_the_first_byte(
    gate: Gateway, fake: RunningProvider, key: str, way: Way, *, stream: bool
) -> None:
    """A stream is let go with its head at the latest; a whole reply is billed anyway, and read for its exact usage."""
    name = f"early-{next(_names)}"
    body = way.body(f"id={name} first_delay_ms=900 delay_ms={1_500 if stream else 50}", stream=stream)

    async def ask() -> None:
        async with call("POST", gate.url + way.path, body, bearer(key, name)):
            pass

    async def arrived() -> bool:
        return bool(fake.bills(name))

    async def rows() -> list[Row]:
        return [row for row in await gate.rows() if row.name == name]

    asking = asyncio.create_task(ask())
    await eventually(arrived, "the call reaches the provider")
    asking.cancel()
    [row] = await eventually(rows, "the row of the call")
    await let_go(fake, name)
    [bill] = fake.bills(name)
    if row.usage_complete:
        assert not stream
        assert (row.error_class, row.completion_tokens) == ("client_closed", bill.output_tokens)
    else:
        check_incomplete(row)
    assert not stream or (bill.end == "gone" and bill.pieces_sent <= 2)


#: Between two chunks of the provider; a slow caller takes longer than that.
BETWEEN_CHUNKS_SECONDS = 3


@pytest.fixture(scope="module")
def unhurried(fake: RunningProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, str]]:
    timeouts = {"timeouts": {"between_chunks_seconds": BETWEEN_CHUNKS_SECONDS}}
    with gateway(tmp_path_factory.mktemp("unhurried"), config_for(fake.url, sekisho=timeouts)) as running:
        yield running, asyncio.run(running.make_key())


@pytest.mark.parametrize("way", [*SAME, CROSS[0]], ids=str)
async def test_a_caller_that_reads_slowly(unhurried: tuple[Gateway, str], fake: RunningProvider, way: Way) -> None:
    """The provider is held back rather than buffered; the caller's time is not the provider's, so nothing times out;
    others are served meanwhile; in the end everything arrives.
    """
    gate, key = unhurried
    name, chunks = f"slow-{next(_names)}", 3_000
    # The last event of Responses says the whole text again, and must not be larger than an event may be.
    chunk_bytes = 5_000 if way.caller == "responses" else 5_000 + kernel_holds_bytes() // chunks
    body = way.body(f"id={name} chunks={chunks} chunk_bytes={chunk_bytes}")
    async with call("POST", gate.url + way.path, body, bearer(key), read_bytes=16_384) as answer:

        def sent() -> int:
            return fake.bills(name)[0].pieces_sent

        held_at = await stays(sent, for_seconds=BETWEEN_CHUNKS_SECONDS + 0.5)
        assert held_at > 0
        assert held_at < chunks or chunks * chunk_bytes < kernel_holds_bytes()
        async with call("POST", gate.url + way.path, way.body("chunks=2"), bearer(key)) as other:
            assert ends_well(way.caller, await other.events())
        assert ends_well(way.caller, parse_tail(await answer.body(), way))
    await let_go(fake, name)
    assert fake.bills(name)[0].end == "done"


def kernel_holds_bytes() -> int:
    """What may lie in the buffers of the sockets on the way, of whatever size the kernel finds good at the moment."""
    settings = (Path("/proc/sys/net/ipv4") / name for name in ("tcp_rmem", "tcp_wmem", "tcp_wmem"))
    return sum(int(path.read_text().split()[2]) for path in settings if path.exists())


def parse_tail(body: bytes, way: Way) -> list[tuple[str, bytes]]:
    """The last event, without parsing megabytes."""
    start = body.rfind(b"\n\n", 0, len(body) - 2)
    assert way.caller == "chat" or b"event: " in body[start:]
    return parse_events(body[start + 2 :])

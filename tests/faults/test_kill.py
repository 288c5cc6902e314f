"""`kill -9` while calls are running: each that reached the provider has exactly one row after the restart."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from pathlib import Path

from tests.faults.dialects import SAME, Way
from tests.support.gateway import Gateway, Row, config_for
from tests.support.provider import RunningProvider, provider
from tests.support.sse_client import Cut, call
from tests.support.waiting import eventually

STREAMS = 200
FINISHED = 40
#: Calls that are on their way, in whatever state, when the gateway dies.
ARRIVING = 60


async def ask(gate: Gateway, key: str, way: Way, name: str, directives: str) -> None:
    headers = {"authorization": f"Bearer {key}", "x-litellm-spend-logs-metadata": f'{{"call": "{name}"}}'}
    said = f"id={name} input_tokens=100 output_tokens=50 {directives}"
    with contextlib.suppress(Cut, ConnectionError):
        async with call("POST", gate.url + way.path, way.body(said), headers) as answer:
            await answer.events()


def way_of(number: int) -> Way:
    return SAME[number % len(SAME)]


async def rows_by_call(gate: Gateway, expected: int) -> dict[str, list[Row]]:
    """Rows by the caller's own name of the call, once there are as many as expected."""

    async def enough() -> list[Row]:
        rows = await gate.rows()
        return rows if len(rows) >= expected else []

    named: dict[str, list[Row]] = defaultdict(list)
    for row in await eventually(enough, f"{expected} rows", within_seconds=60):
        named[row.name or ""].append(row)
    return named


async def run_and_kill(gate: Gateway, fake: RunningProvider) -> tuple[set[str], set[str]]:
    """(calls that had ended before, calls that were in flight at the provider) when the gateway was killed."""
    key = await gate.make_key(key_alias="kill")
    finished = {f"finished-{number}" for number in range(FINISHED)}
    await asyncio.gather(*(ask(gate, key, way_of(i), name, "chunks=5") for i, name in enumerate(sorted(finished))))
    await rows_by_call(gate, FINISHED)
    streams = {f"stream-{number}" for number in range(STREAMS)}
    running = [
        asyncio.create_task(ask(gate, key, way_of(i), name, "chunks=50 stall_after=10"))
        for i, name in enumerate(sorted(streams))
    ]

    async def all_streaming() -> bool:
        return all(any(bill.end == "stalled" for bill in fake.bills(name)) for name in streams)

    await eventually(all_streaming, f"{STREAMS} streams are under way", within_seconds=60)
    arriving = [f"arriving-{number}" for number in range(ARRIVING)]
    running += [
        asyncio.create_task(ask(gate, key, way_of(i), name, "chunks=50 delay_ms=20 stall_after=40"))
        for i, name in enumerate(arriving)
    ]

    async def some_arrived() -> bool:
        return sum(bool(fake.bills(name)) for name in arriving) >= ARRIVING // 3

    await eventually(some_arrived, "a third of the last calls has arrived", within_seconds=60)
    gate.process.kill()
    await asyncio.gather(*running)
    return finished, streams | {name for name in arriving if fake.bills(name)}


async def test_after_a_kill_each_call_has_exactly_one_row(tmp_path: Path) -> None:
    with provider() as fake:
        gate = Gateway(tmp_path, config_for(fake.url))
        try:
            gate.process.start()
            await gate.ready()
            finished, in_flight = await run_and_kill(gate, fake)
            gate.process.start()
            await gate.ready()
            named = await rows_by_call(gate, len(finished) + len(in_flight))
        finally:
            gate.process.stop()
    reached = {name for name in named if fake.bills(name)}
    assert finished | in_flight == reached
    assert {name: len(rows) for name, rows in named.items() if len(rows) != 1} == {}
    settled = {name: rows[0] for name, rows in named.items()}
    assert {name for name in finished if not settled[name].usage_complete} == set()
    assert {name for name in in_flight if settled[name].usage_complete} == set()
    assert {settled[name].status for name in in_flight} == {"incomplete"}
    assert {name for name in reached if not settled[name].cost_nano_usd} == set()


async def test_a_second_restart_adds_no_rows(tmp_path: Path) -> None:
    with provider() as fake:
        gate = Gateway(tmp_path, config_for(fake.url))
        try:
            gate.process.start()
            await gate.ready()
            key = await gate.make_key()
            task = asyncio.create_task(ask(gate, key, SAME[0], "once", "chunks=5 stall_after=3"))

            async def stalled() -> bool:
                return any(bill.end == "stalled" for bill in fake.bills("once"))

            await eventually(stalled, "the stream is under way")
            gate.process.kill()
            await task
            counts = []
            for _ in range(2):
                gate.process.start()
                await gate.ready()
                counts.append(len((await rows_by_call(gate, 1))["once"]))
                gate.process.kill()
        finally:
            gate.process.stop()
    assert counts == [1, 1]

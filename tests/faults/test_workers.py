"""Several workers of the real program: one socket, one set of limits, one ledger.

In: a Valkey server, two workers, a limit. Out: what one counts the other knows, a killed one comes back, all end.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.dialects import SAME
from tests.support.gateway import Gateway, Row, config_for
from tests.support.provider import provider
from tests.support.sse_client import Cut, call
from tests.support.valkey_server import ValkeyServer
from tests.support.waiting import eventually

LIMIT = 10


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway of two workers."""
    valkey = ValkeyServer(tmp_path)
    valkey.start()
    with provider() as fake:
        running = Gateway(tmp_path, config_for(fake.url), REDIS_URL=valkey.url)
        running.process.arguments += ["--workers", "2"]
        running.start()
        try:
            yield running
        finally:
            running.process.stop()
            valkey.stop()


def workers_of(gate: Gateway) -> list[int]:
    """The process ids of the workers."""
    children = Path(f"/proc/{gate.process.pid}/task/{gate.process.pid}/children").read_text()
    return [int(child) for child in children.split()]


async def ask(gate: Gateway, key: str, name: str) -> int:
    """The status of one call on a connection of its own; 0 where it was cut."""
    way = SAME[0]
    headers = {"authorization": f"Bearer {key}", "x-litellm-spend-logs-metadata": f'{{"call": "{name}"}}'}
    try:
        async with call("POST", gate.url + way.path, way.body("chunks=1"), headers) as answer:
            await answer.events()  # one who leaves before the end has no success
            return answer.status
    except (Cut, ConnectionError):
        return 0


async def statuses(gate: Gateway, key: str, names: list[str]) -> dict[str, int]:
    """Calls of these names, at once: how each ended."""
    return dict(zip(names, await asyncio.gather(*(ask(gate, key, name) for name in names)), strict=True))


async def rows_of(gate: Gateway, served: set[str]) -> list[Row]:
    """The rows of calls that were served, once each has one."""

    async def all_booked() -> list[Row]:
        rows = [row for row in await gate.rows() if row.name in served]
        return rows if {row.name for row in rows} == served else []

    return await eventually(all_booked, "the ledger holds what all of them served", within_seconds=30)


def this_minute() -> int:
    return time.time_ns() // 60_000_000_000


async def test_two_workers_keep_one_limit_and_one_comes_back(gate: Gateway) -> None:
    first, second = workers_of(gate)
    key = await gate.make_key(max_parallel_requests=1000, rpm_limit=LIMIT)
    began = this_minute()
    found = await statuses(gate, key, [f"limited-{number}" for number in range(4 * LIMIT)])
    minutes = this_minute() - began + 1
    served = {name for name, status in found.items() if status == 200}
    assert set(found.values()) == {200, 429}
    # On a machine that stands still the store may seem to be away: each worker then has its share beside it.
    was_away = "the store is away" in gate.process.output
    assert (1 if was_away else LIMIT) <= len(served) <= LIMIT * minutes * (2 if was_away else 1)
    os.kill(first, signal.SIGKILL)

    async def both_again() -> bool:
        return len(workers_of(gate)) == 2 and first not in workers_of(gate)

    await eventually(both_again, "the killed worker is started again", within_seconds=60)
    assert second in workers_of(gate)
    await gate.ready()
    names = [f"free-{number}" for number in range(LIMIT)]
    assert await statuses(gate, await gate.make_key(), names) == dict.fromkeys(names, 200)
    rows = await rows_of(gate, served | set(names))
    assert len(rows) == len(served) + LIMIT, "one row a call"
    # Who has read the last byte of an answer may be faster than the worker's note of it: a call of the killed one is
    # then booked from its intent, as one that was cut, and says so.
    cut = [row for row in rows if row.status != "success"]
    assert {(row.status, row.usage_complete, row.error_class) for row in cut} <= {("incomplete", False, "internal")}
    assert all(row.completion_tokens and row.cost_nano_usd for row in rows)
    assert {row.name for row in cut} <= served
    gate.process.signal(signal.SIGTERM)
    assert gate.process.wait(60) == 0
    assert "Traceback" not in gate.process.output

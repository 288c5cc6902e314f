"""Several workers of the real program: one socket, one set of limits, one ledger.

In: a Valkey server, two workers, a limit. Out: what one counts the other knows, a killed one comes back, all end.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.dialects import SAME
from tests.support.gateway import Gateway, config_for
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


async def ask(gate: Gateway, key: str) -> int:
    """The status of one call on a connection of its own; 0 where it was cut."""
    way = SAME[0]
    try:
        async with call(
            "POST", gate.url + way.path, way.body("chunks=1"), {"authorization": f"Bearer {key}"}
        ) as answer:
            await answer.events()  # one who leaves before the end has no success
            return answer.status
    except (Cut, ConnectionError):
        return 0


async def statuses(gate: Gateway, key: str, calls: int) -> dict[int, int]:
    """Status -> how many of so many calls at once had it."""
    found = await asyncio.gather(*(ask(gate, key) for _ in range(calls)))
    return {status: found.count(status) for status in set(found)}


async def test_two_workers_keep_one_limit_and_one_comes_back(gate: Gateway) -> None:
    first, second = workers_of(gate)
    key = await gate.make_key(max_parallel_requests=1000, rpm_limit=LIMIT)
    found = await statuses(gate, key, 4 * LIMIT)
    assert found[200] in {LIMIT, 2 * LIMIT}, "a clock's minute may begin in between"
    assert found[200] + found[429] == 4 * LIMIT
    os.kill(first, signal.SIGKILL)

    async def both_again() -> bool:
        return len(workers_of(gate)) == 2 and first not in workers_of(gate)

    await eventually(both_again, "the killed worker is started again")
    assert second in workers_of(gate)
    await gate.ready()
    other = await gate.make_key()
    assert await statuses(gate, other, LIMIT) == {200: LIMIT}

    async def all_booked() -> bool:
        return sum(row.status == "success" for row in await gate.rows()) == found[200] + LIMIT

    assert await eventually(all_booked, "the ledger holds what all of them served")
    gate.process.signal(signal.SIGTERM)
    assert gate.process.wait(20) == 0
    assert "Traceback" not in gate.process.output

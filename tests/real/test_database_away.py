"""PostgreSQL is killed in the middle of calls and stays away for ten thousand of them; then one gateway is killed too.

In: two gateways, Valkey, callers on kept connections. Out: known keys are served all the while; when everything is
back, each call has exactly one row, and spend, roll-ups and budget say what the rows say.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fleet import WAY, fleet, status_of
from tests.support.gateway import Gateway
from tests.support.postgres import PostgresServer
from tests.support.provider import provider
from tests.support.sse_client import get_json
from tests.support.valkey_server import ValkeyServer
from tests.support.waiting import eventually

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
CALLS = 10_000
BEFORE = 1_000
CONNECTIONS = 16
ROWS = "SELECT count(*), count(spend_logs_metadata), count(DISTINCT spend_logs_metadata), sum(cost_nano_usd) FROM calls"
#: What was added up beside the rows, in the same transactions: calls and what they cost.
ADDED_UP = """
SELECT (SELECT sum(calls) FROM usage_hours), (SELECT sum(calls) FROM usage_days),
       (SELECT sum(cost_nano_usd) FROM usage_hours), (SELECT sum(cost_nano_usd) FROM usage_days),
       (SELECT sum(spend_nano_usd) FROM keys)
"""


class Load:
    """Numbered calls with one key. `served` counts those that were answered well, `refused` lists all others."""

    def __init__(self, gates: list[Gateway], key: str) -> None:
        self.served = 0
        self.refused: list[bytes] = []
        self._gates = gates
        self._key = key
        self._numbers = itertools.count()

    async def run(self, until: int) -> None:
        """Until so many calls were begun in all."""
        every = [self._call_on(gate, until) for gate in self._gates for _ in range(CONNECTIONS)]
        await asyncio.gather(*every)

    async def _call_on(self, gate: Gateway, until: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
        body = json.dumps(WAY.body("chunks=1", stream=False)).encode()
        while (number := next(self._numbers)) < until:
            head = (
                f"POST {WAY.path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {self._key}\r\n"
                f"x-litellm-spend-logs-metadata: {number}\r\ncontent-length: {len(body)}\r\n\r\n"
            )
            writer.write(head.encode() + body)
            told = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = told.partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
            if told.startswith(b"http/1.1 200"):
                self.served += 1
            else:
                self.refused.append(told)
        writer.close()


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[PostgresServer, ValkeyServer]]:
    postgres, valkey = PostgresServer(), ValkeyServer(tmp_path)
    postgres.start()
    valkey.start()
    yield postgres, valkey
    valkey.stop()
    postgres.stop()


def test_ten_thousand_calls_without_a_database(stores: tuple[PostgresServer, ValkeyServer], tmp_path: Path) -> None:
    postgres, valkey = stores
    variables = {"DATABASE_URL": postgres.url(), "REDIS_URL": valkey.url}
    with provider() as fake, fleet(tmp_path, 2, fake.url, variables) as gates:
        asyncio.run(without_a_database(gates, postgres))


async def without_a_database(gates: list[Gateway], postgres: PostgresServer) -> None:
    key, unseen = await gates[0].make_key(max_budget=1_000), await gates[0].make_key()
    load = Load(gates, key)
    running = asyncio.create_task(load.run(BEFORE + CALLS))

    async def some_served() -> bool:
        return load.served >= BEFORE

    await eventually(some_served, "it is going well", within_seconds=60)
    await asyncio.to_thread(postgres.kill)
    began = load.served + len(gates) * CONNECTIONS  # the database has no more than these
    await running
    assert load.refused == [], "known keys are served on"
    assert await status_of(gates[0], unseen) == 529, "overloaded, in the words of Anthropic"
    gates[1].process.kill()
    await asyncio.to_thread(postgres.start)

    async def arrive() -> bool:
        return rows_of(postgres)[0] > began

    await eventually(arrive, "rows that were waiting arrive", within_seconds=30)
    await asyncio.to_thread(postgres.kill)  # while it catches up
    await asyncio.to_thread(postgres.start)
    gates[1].process.start()
    await gates[1].ready()

    async def all_there() -> bool:
        return rows_of(postgres)[0] > load.served  # and of the one that was refused

    await eventually(all_there, "every call has its row", within_seconds=60)
    assert rows_of(postgres)[:3] == [load.served + 1, load.served, load.served]
    await check_books(gates, key, postgres)
    assert await status_of(gates[0], unseen) == 200


def rows_of(postgres: PostgresServer) -> list[int]:
    """All calls, those with a number, how many different numbers, what they cost."""
    return [int(each or 0) for each in postgres.sql(ROWS).split("|")]


async def check_books(gates: list[Gateway], key: str, postgres: PostgresServer) -> None:
    """Whoever added up says what the rows say."""
    calls, _, _, cost = rows_of(postgres)
    assert postgres.sql(ADDED_UP) == f"{calls}|{calls}|{cost}|{cost}|{cost}"

    async def used() -> bool:
        shown = await get_json(f"{gates[0].url}/sekisho/v1/me", {"authorization": f"Bearer {key}"})
        (budget,) = shown["limits"]
        return round(float(budget["used"]) * 1e9) == cost

    assert await eventually(used, "the budget's counter says so too")

"""Two gateways share a budget, while the store of limits dies, and one of them.

In: twenty callers, some of whom hang up, until the budget refuses. Out: the ledger never says more than the budget, and
the counter says what the ledger says.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.gateway import MASTER_KEY, Gateway, config_for
from tests.support.postgres import PostgresServer
from tests.support.provider import provider
from tests.support.sse_client import Cut, call, get_json
from tests.support.valkey_server import ValkeyServer
from tests.support.waiting import eventually

BUDGET_USD = 0.12
CALLERS = 20
REFUSED = 429


class Pair:
    """Two gateways, and how the store of their limits dies and comes back."""

    def __init__(self, gates: list[Gateway], crash: Callable[[], None]) -> None:
        self.gates = gates
        self.crash = crash
        self.key = ""
        self._numbers = itertools.count()

    async def spent_usd(self) -> float:
        """By the ledger."""
        found = await get_json(
            f"{self.gates[0].url}/key/info?key={self.key}", {"authorization": f"Bearer {MASTER_KEY}"}
        )
        return float(found["info"]["spend"])

    async def until_refused(self, caller: int) -> None:
        """Call now the one, now the other; a refusal by the budget ends it."""
        turn, status = caller, 0
        while status != REFUSED:
            turn += 1
            try:
                status = await self.ask(self.gates[turn % 2], hang_up=turn % 7 == 0)
            except (Cut, OSError):
                await asyncio.sleep(0)

    async def ask(self, gate: Gateway, *, hang_up: bool) -> int:
        """The status of one call."""
        question = f"[fake: chunks={3 + next(self._numbers) % 5} delay_ms=1]"
        body = {
            "model": "claude-test",
            "max_tokens": 100,
            "stream": True,
            "messages": [{"role": "user", "content": question}],
        }
        headers = {"x-api-key": self.key, "anthropic-version": "2023-06-01"}
        async with call("POST", f"{gate.url}/v1/messages", body, headers) as answer:
            if not hang_up:
                await answer.body()
            return answer.status


@pytest.fixture(params=["valkey", "postgres"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    postgres, valkey = PostgresServer(), ValkeyServer(tmp_path)
    postgres.start()
    variables = {"DATABASE_URL": postgres.url()}
    counted_in: PostgresServer | ValkeyServer = postgres
    if request.param == "valkey":
        valkey.start()
        variables["REDIS_URL"], counted_in = valkey.url, valkey

    def crash() -> None:
        counted_in.kill()
        counted_in.start()

    with provider() as fake:
        gates = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            gates.append(Gateway(tmp_path / name, config_for(fake.url), **variables))
        try:
            for gate in gates:
                gate.start()
            yield Pair(gates, crash)
        finally:
            for gate in gates:
                gate.process.stop()
            valkey.stop()
            postgres.stop()


async def test_no_budget_is_overspent_whoever_dies(pair: Pair) -> None:
    pair.key = await pair.gates[0].make_key(max_budget=BUDGET_USD, budget_duration="1mo")
    callers = [asyncio.create_task(pair.until_refused(number)) for number in range(CALLERS)]

    async def is_spent(part: float) -> None:
        async def spent() -> bool:
            return await pair.spent_usd() >= part * BUDGET_USD

        await eventually(spent, f"{part} of the budget is spent", within_seconds=60)

    await is_spent(0.2)
    pair.crash()
    await is_spent(0.5)
    pair.gates[1].process.kill()
    pair.gates[1].process.start()
    await pair.gates[1].ready()
    await asyncio.wait_for(asyncio.gather(*callers), 90)
    spent = await pair.spent_usd()
    assert spent <= BUDGET_USD
    assert spent >= 0.8 * BUDGET_USD, "what nobody holds can be spent"

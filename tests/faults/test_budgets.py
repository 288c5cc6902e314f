"""Two gateways share a budget, while the store of limits dies, and one of them.

In: twenty callers, some of whom hang up, until the budget refuses; calls that are killed before they are sent. Out: the
ledger never says more than the budget; when nothing runs any more the counter says what the ledger says, to the
nano-USD, and what is left can be spent.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.caller import silence
from tests.support.gateway import MASTER_KEY, PROVIDER_KEY, Gateway, config_for
from tests.support.media_server import media_server
from tests.support.postgres import PostgresServer
from tests.support.provider import provider
from tests.support.sse_client import Cut, call, get_json
from tests.support.valkey_server import ValkeyServer
from tests.support.waiting import eventually

NANO = 1_000_000_000
BUDGET_USD = 0.12
BUDGET = round(BUDGET_USD * NANO)
CALLERS = 20
WAITING = 5
REFUSED = 429
#: How a refusal says what is used of the budget, and what the call needs of it.
AMOUNTS = re.compile(r"reserved by calls that run, are ([\d.]+) USD; this call may cost ([\d.]+) USD")
#: For all that has to happen at some time, on whatever machine.
PATIENCE_SECONDS = 120

pytestmark = pytest.mark.timeout(4 * PATIENCE_SECONDS)


class Pair:
    """Two gateways, and how the store of their limits dies and comes back."""

    def __init__(self, gates: list[Gateway], crash: Callable[[], None]) -> None:
        self.gates = gates
        self.crash = crash
        self.key = ""
        self._numbers = itertools.count()

    async def spent(self) -> int:
        """Nano-USD by the ledger."""
        found = await get_json(
            f"{self.gates[0].url}/key/info?key={self.key}", {"authorization": f"Bearer {MASTER_KEY}"}
        )
        return round(float(found["info"]["spend"]) * NANO)

    async def is_spent(self, part: float) -> None:
        """Wait until so much of the budget is."""

        async def enough() -> bool:
            return await self.spent() >= part * BUDGET

        await eventually(enough, f"{part} of the budget is spent", PATIENCE_SECONDS)

    async def used(self) -> list[float]:
        """What is used of each limit of the key, settled or reserved; money in USD. Nothing while that is not known."""
        async with call("GET", f"{self.gates[0].url}/sekisho/v1/me", None, {"x-api-key": self.key}) as answer:
            return [one["used"] for one in (await answer.json())["limits"]] if answer.status == 200 else []

    async def nothing_is_reserved(self) -> int:
        """Wait until the counter says what the ledger says; nano-USD."""

        async def the_same() -> list[int]:
            spent, used = await self.spent(), await self.used()
            return [spent] if used and round(used[0] * NANO) == spent else []

        (spent,) = await eventually(the_same, "the budget's counter says what the ledger says", PATIENCE_SECONDS)
        return spent

    async def until_refused(self, caller: int) -> None:
        """Call now the one, now the other; a refusal by the budget ends it."""
        turn, status = caller, 0
        while status != REFUSED:
            turn += 1
            try:
                status, _ = await self.ask(self.gates[turn % 2], hang_up=turn % 7 == 0)
            except (Cut, OSError):
                await silence(0.02)

    async def ask(
        self, gate: Gateway, asked: dict[str, Any] | None = None, *, hang_up: bool = False
    ) -> tuple[int, bytes]:
        """Status and body of one call; no body to one who hangs up."""
        question = f"[fake: chunks={3 + next(self._numbers) % 5} delay_ms=1]"
        body = {
            "model": "claude-test",
            "max_tokens": 100,
            "stream": True,
            "messages": [{"role": "user", "content": question}],
        }
        headers = {"x-api-key": self.key, "anthropic-version": "2023-06-01"}
        async with call("POST", f"{gate.url}/v1/messages", body | (asked or {}), headers) as answer:
            return answer.status, b"" if hang_up else await answer.body()


def config(provider_url: str) -> dict[str, Any]:
    """The models of all tests, and one whose provider fetches no pictures: the gateway does, after it has reserved."""
    made = config_for(provider_url)
    params = {"model": "gemini/gemini-2.5-flash", "api_base": provider_url, "api_key": PROVIDER_KEY}
    made["model_list"].append({"model_name": "pictures", "litellm_params": params})
    return made | {"sekisho": {"media": {"allowed_hosts": ["127.0.0.1"], "timeout_seconds": PATIENCE_SECONDS}}}


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
            gates.append(Gateway(tmp_path / name, config(fake.url), **variables))
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
    await pair.is_spent(0.2)
    pair.crash()
    await pair.is_spent(0.5)
    pair.gates[1].process.kill()
    pair.gates[1].process.start()
    await pair.gates[1].ready()
    await asyncio.wait_for(asyncio.gather(*callers), PATIENCE_SECONDS)
    assert await pair.nothing_is_reserved() <= BUDGET
    status, body = 200, b""
    while status == 200:
        status, body = await pair.ask(pair.gates[0])
    assert status == REFUSED, body
    said = AMOUNTS.search(json.loads(body)["error"]["message"])
    assert said is not None, body
    used, needed = (int(Decimal(amount) * NANO) for amount in said.groups())
    assert used == await pair.nothing_is_reserved() <= BUDGET
    assert used + needed > BUDGET, "what nobody holds can be spent"


async def test_what_a_killed_gateway_reserved_and_never_sent_is_free_when_it_is_back(pair: Pair) -> None:
    """The calls have reserved and wait for a picture when their gateway dies: nobody was asked, nothing is booked."""
    pair.key = await pair.gates[0].make_key(max_budget=BUDGET_USD, max_parallel_requests=WAITING, rpm_limit=1_000)

    async def never(_writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with media_server({"/picture": never}) as pictures:
        picture = {"type": "image", "source": {"type": "url", "url": pictures.url("/picture")}}
        asked: dict[str, Any] = {"model": "pictures", "messages": [{"role": "user", "content": [picture]}]}
        calls = [asyncio.create_task(pair.ask(pair.gates[1], asked)) for _ in range(WAITING)]

        async def all_wait() -> bool:
            return len(pictures.heads) == WAITING

        await eventually(all_wait, "all calls wait for their picture", PATIENCE_SECONDS)
        held, *_ = await pair.used()
        assert held > 0
        pair.gates[1].process.kill()
        assert all(isinstance(end, Cut | OSError) for end in await asyncio.gather(*calls, return_exceptions=True))
    used = await pair.used()
    assert used[0] == held, "its process may come back and say what it was"
    pair.gates[1].process.start()
    await pair.gates[1].ready()

    async def all_is_free() -> bool:
        return await pair.used() == [0, 0, 0]

    await eventually(all_is_free, "all that was reserved is free", within_seconds=30)
    assert await pair.spent() == 0

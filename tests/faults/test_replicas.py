"""What four gateways on the same stores know of each other: who may call, and what is used of a limit.

In: a change at one of them, calls at all. Out: the change acts everywhere; together they let through what one would.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from tests.support.fleet import fleet, status_of
from tests.support.gateway import MASTER_KEY, Gateway
from tests.support.postgres import PostgresServer
from tests.support.provider import provider
from tests.support.sse_client import post_json
from tests.support.valkey_server import ValkeyServer
from tests.support.waiting import eventually

REPLICAS = 4
AUTH = {"authorization": f"Bearer {MASTER_KEY}"}
MINUTE_SECONDS = 60
RPM = 40
#: Tokens of each call, and how many of them a minute has room for; there is never room for part of one more.
INPUT, OUTPUT, CALLS = 10, 400, 20
TPM = CALLS * (INPUT + OUTPUT) + OUTPUT // 2
#: A gateway goes by what a model's answers used to take once it has seen so many.
TO_LEARN = 30


@pytest.fixture(scope="module", params=["valkey", "postgres"])
def gates(
    request: pytest.FixtureRequest, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Gateway]]:
    """Their limits are in Valkey, or in PostgreSQL with everything else."""
    folder, database = tmp_path_factory.mktemp("replicas"), f"replicas_{request.param}"
    postgres.sql(f"CREATE DATABASE {database}")
    valkey = ValkeyServer(folder)
    variables = {"DATABASE_URL": postgres.url(database)}
    try:
        if request.param == "valkey":
            valkey.start()
            variables["REDIS_URL"] = valkey.url
        with provider() as fake, fleet(folder, REPLICAS, fake.url, variables) as gates:
            yield gates
        postgres.sql(f"DROP DATABASE {database} WITH (FORCE)")
    finally:
        valkey.stop()


async def administer(gate: Gateway, path: str, **fields: Any) -> None:
    status, answer = await post_json(gate.url + path, fields, AUTH)
    assert status == 200, answer


CHANGES: dict[str, tuple[str, Callable[[str], dict[str, Any]]]] = {
    "block a key": ("/key/block", lambda key: {"key": key}),
    "delete a key": ("/key/delete", lambda key: {"keys": [key]}),
    "take its models": ("/key/update", lambda key: {"key": key, "models": ["gpt-test"]}),
    "lower its limit": ("/key/update", lambda key: {"key": key, "rpm_limit": 0}),
    "block its team": ("/team/block", lambda _: {"team_id": "changed"}),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_at_one_acts_on_all(gates: list[Gateway], change: str) -> None:
    path, fields = CHANGES[change]
    await post_json(f"{gates[0].url}/team/new", {"team_id": "changed"}, AUTH)
    key = await gates[0].make_key(team_id="changed", rpm_limit=1_000_000)
    assert [await status_of(gate, key) for gate in gates] == [200] * REPLICAS
    await administer(gates[0], path, **fields(key))
    assert await status_of(gates[0], key) != 200, "at once where it was made"

    async def refuse() -> bool:
        return 200 not in [await status_of(gate, key) for gate in gates]

    assert await eventually(refuse, f"all of them have heard: {change}")
    assert not [status for gate in gates for _ in range(3) if (status := await status_of(gate, key)) == 200]
    if path == "/team/block":
        await administer(gates[0], "/team/unblock", team_id="changed")

        async def serve() -> bool:
            return {await status_of(gate, key) for gate in gates} == {200}

        assert await eventually(serve, "all of them have heard that it is over")


async def within_a_minute(ask: Callable[[], Awaitable[list[int]]]) -> list[int]:
    """What `ask` gives when it lies in one minute of the clock, in which rates are counted."""
    while True:
        minute = time.time() // MINUTE_SECONDS
        found = await ask()
        if time.time() // MINUTE_SECONDS == minute:
            return found


async def test_together_they_let_through_the_requests_of_a_minute(gates: list[Gateway]) -> None:
    async def half_too_many() -> list[int]:
        key = await gates[0].make_key(rpm_limit=RPM)
        places = [gates[number % REPLICAS] for number in range(RPM + RPM // 2)]
        return await asyncio.gather(*(status_of(gate, key) for gate in places))

    found = await within_a_minute(half_too_many)
    assert (found.count(200), found.count(429)) == (RPM, RPM // 2)


async def test_together_they_let_through_the_tokens_of_a_minute(gates: list[Gateway]) -> None:
    script = f"chunks=1 input_tokens={INPUT} output_tokens={OUTPUT}"
    teacher = await gates[0].make_key()
    taught = await asyncio.gather(*(status_of(gate, teacher, script) for gate in gates for _ in range(TO_LEARN)))
    assert set(taught) == {200}

    async def each_until_refused() -> list[int]:
        key = await gates[0].make_key(tpm_limit=TPM)

        async def call_on(gate: Gateway) -> list[int]:
            statuses = [await status_of(gate, key, script)]
            while statuses[-1] == 200:
                statuses.append(await status_of(gate, key, script))
            return statuses

        return [status for each in await asyncio.gather(*map(call_on, gates)) for status in each]

    found = await within_a_minute(each_until_refused)
    assert (found.count(200), found.count(429)) == (CALLS, REPLICAS)

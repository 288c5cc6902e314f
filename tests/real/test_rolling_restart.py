"""Three gateways behind haproxy, one of them with two workers, are restarted in turn under 500 streams.

In: PostgreSQL, Valkey, a scripted provider, callers who begin a stream whenever their last one ended. Out: every stream
that began has its proper end, was asked of the provider once, and has one complete row; nothing stays reserved.
"""

from __future__ import annotations

import asyncio
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.dialects import SAME, ends_well
from tests.support.gateway import Gateway, config_for
from tests.support.haproxy import Haproxy
from tests.support.postgres import PostgresServer
from tests.support.provider import RunningProvider, provider
from tests.support.sse_client import Cut, call, get_json
from tests.support.valkey_server import ValkeyServer
from tests.support.waiting import eventually

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
STREAMS = 500
#: However slow the machine is, no stream is as long as the drain.
STOP = {"notice_seconds": 3, "drain_seconds": 240}
#: haproxy takes as many connections as it may open files, two each.
OPEN_FILES = 8_192
#: Some seconds each, of different length.
SCRIPT = "delay_ms=300 input_tokens=100 output_tokens=20"


class Replicas:
    """The gateways, haproxy in front, the stores and the provider behind."""

    def __init__(self, folder: Path, fake: RunningProvider, postgres: PostgresServer, valkey: ValkeyServer) -> None:
        self.fake = fake
        self.postgres = postgres
        self.gates = []
        for name, workers in (("one", "1"), ("two", "1"), ("three", "2")):
            (folder / name).mkdir()
            config = config_for(fake.url, sekisho={"stop": STOP})
            gate = Gateway(folder / name, config, DATABASE_URL=postgres.url(), REDIS_URL=valkey.url)
            gate.process.arguments += ["--workers", workers]
            self.gates.append(gate)
        self.haproxy = Haproxy(folder, [gate.port for gate in self.gates])

    async def restart_all(self) -> list[int]:
        """One after the other; their exit codes."""
        codes = []
        for gate in self.gates:
            gate.process.signal(signal.SIGTERM)

            async def ended(gate: Gateway = gate) -> bool:
                return gate.process.exit_code() is not None

            await eventually(ended, "the gateway has ended", within_seconds=120)
            codes.append(gate.process.exit_code() or 0)
            gate.process.start()
            await gate.ready()
            await self.haproxy.all_up()
        return codes


class Callers:
    """Each begins a stream whenever its last one has ended, until it is over."""

    def __init__(self, url: str, key: str) -> None:
        self.over = False
        self.begun: list[str] = []
        self.troubles: list[str] = []
        self._url = url
        self._headers = {"authorization": f"Bearer {key}"}

    async def call_on(self, number: int) -> None:
        """One caller."""
        turn = 0
        while not self.over:
            turn += 1
            await self._stream(number, f"{number}-{turn}")

    async def _stream(self, number: int, name: str) -> None:
        way = SAME[number % len(SAME)]
        body = way.body(f"id={name} chunks={3 + number % 8} {SCRIPT}")
        headers = self._headers | {"x-litellm-spend-logs-metadata": name}
        self.begun.append(name)
        try:
            async with call("POST", self._url + way.path, body, headers) as answer:
                events = await answer.events()
                if answer.status != 200 or not ends_well(way.caller, events):
                    self.troubles.append(f"{name}: {answer.status} {events[-1:]} {answer.headers}")
        except (Cut, OSError) as error:
            self.troubles.append(f"{name}: {error!r}")


@pytest.fixture
def open_files() -> Iterator[None]:
    """Enough of them, here and in what is started here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < OPEN_FILES:
        pytest.skip(f"needs {OPEN_FILES} open files, and {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, OPEN_FILES), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def replicas(open_files: None, tmp_path: Path) -> Iterator[Replicas]:  # noqa: ARG001 - what it starts needs them
    postgres, valkey = PostgresServer(), ValkeyServer(tmp_path)
    with provider() as fake:
        every = Replicas(tmp_path, fake, postgres, valkey)
        try:
            postgres.start()
            valkey.start()
            for gate in every.gates:
                gate.start()
            every.haproxy.start()
            yield every
        finally:
            every.haproxy.stop()
            for gate in every.gates:
                gate.process.kill()
            valkey.stop()
            postgres.stop()


async def nothing_reserved(replicas: Replicas, key: str) -> list[dict[str, object]]:
    """The limits of a key, once none of its calls holds a slot."""

    async def limits() -> list[dict[str, object]]:
        shown = await get_json(f"{replicas.haproxy.url}/sekisho/v1/me", {"authorization": f"Bearer {key}"})
        found = {limit["measure"]: limit for limit in shown["limits"]}
        return list(shown["limits"]) if found["parallel"]["used"] == 0 else []

    return await eventually(limits, "every slot is given back")


async def test_a_rolling_restart_loses_no_stream(replicas: Replicas) -> None:
    await replicas.haproxy.all_up()
    key = await replicas.gates[0].make_key(max_parallel_requests=10 * STREAMS, max_budget=1_000)
    callers = Callers(replicas.haproxy.url, key)
    running = [asyncio.create_task(callers.call_on(number)) for number in range(STREAMS)]

    async def all_live() -> bool:
        return len(replicas.fake.app.book.calls) >= STREAMS

    await eventually(all_live, f"{STREAMS} streams have begun", within_seconds=60)
    codes = await replicas.restart_all()
    callers.over = True
    await asyncio.gather(*running)
    assert callers.troubles == []
    assert set(codes) <= {0, -signal.SIGTERM}
    bills = {name: [bill.end for bill in replicas.fake.bills(name)] for name in callers.begun}
    assert {name: ends for name, ends in bills.items() if ends != ["done"]} == {}
    limits = await nothing_reserved(replicas, key)
    rows = replicas.postgres.sql("SELECT spend_logs_metadata || status || usage_complete FROM calls").split()
    assert sorted(rows) == sorted(f"{name}successtrue" for name in callers.begun)
    spent = replicas.postgres.sql("SELECT sum(cost_nano_usd) FROM calls")
    (budget,) = [limit for limit in limits if limit["measure"] == "money"]
    assert round(float(str(budget["used"])) * 1e9) == int(spent)

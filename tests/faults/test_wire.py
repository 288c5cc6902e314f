"""The connection to the provider breaks at any byte, not only between events; or it is slow, or closes one way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.faults.dialects import SHORT, WAYS, Way, check_error, ends_well, stream_error, text_in
from tests.support.fault_proxy import Fault, fault_proxy
from tests.support.gateway import Gateway, config_for, gateway
from tests.support.ports import free_port
from tests.support.provider import RunningProvider
from tests.support.sse_client import call

TEXT = "word1 word2 word3 word4 "


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, str, int]]:
    """A gateway whose provider is at a port where each test puts a proxy."""
    port = free_port()
    with gateway(tmp_path_factory.mktemp("proxied"), config_for(f"http://127.0.0.1:{port}", **SHORT)) as gate:
        yield gate, asyncio.run(gate.make_key()), port


async def tell(way: Way, gate: Gateway, key: str) -> str:
    """What the caller sees: complete, error or refused. Fails when the answer is anything else."""
    async with call("POST", gate.url + way.path, way.body("chunks=4"), {"authorization": f"Bearer {key}"}) as answer:
        if answer.status != 200:
            check_error(way.caller, await answer.json())
            return "refused"
        events = await answer.events()
    if ends_well(way.caller, events):
        assert text_in(events) == TEXT
        return "complete"
    stream_error(way.caller, events)
    assert TEXT.startswith(text_in(events))
    return "error"


@pytest.mark.parametrize("kind", ["close", "reset", "half_close"])
@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_broken_at_any_byte(
    proxied: tuple[Gateway, str, int], fake: RunningProvider, way: Way, kind: str
) -> None:
    gate, key, port = proxied
    seen = set()
    async with fault_proxy(fake.port, port) as proxy:
        for after in [0, 1, 50, *range(150, 4_000, 173), 1_000_000]:
            proxy.fault = Fault(kind, after)  # type: ignore[arg-type]
            seen.add(await tell(way, gate, key))
    assert {"refused", "complete"} <= seen


@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_a_slow_road_is_no_fault(proxied: tuple[Gateway, str, int], fake: RunningProvider, way: Way) -> None:
    gate, key, port = proxied
    async with fault_proxy(fake.port, port) as proxy:
        proxy.fault = Fault("slow", bytes_per_turn=97, pause_seconds=0.002)
        assert await tell(way, gate, key) == "complete"


async def test_nobody_there_then_somebody(proxied: tuple[Gateway, str, int], fake: RunningProvider) -> None:
    gate, key, port = proxied
    assert await tell(WAYS[0], gate, key) == "refused"
    async with fault_proxy(fake.port, port):
        assert await tell(WAYS[0], gate, key) == "complete"

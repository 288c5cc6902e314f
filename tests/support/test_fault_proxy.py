from __future__ import annotations

import asyncio

import pytest

from tests.support.fault_proxy import Fault, fault_proxy
from tests.support.replay import Replay, replay
from tests.support.sse_client import Cut, call

BODY = b"data: one\n\ndata: two\n\n"


async def test_without_a_fault_everything_passes() -> None:
    async with (
        replay(Replay(BODY, offsets=(1, 5, 12))) as behind,
        fault_proxy(behind.port) as proxy,
        call("POST", f"{proxy.url}/x", {"a": 1}, {"x-y": "z"}) as answer,
    ):
        assert await answer.body() == BODY
    [(path, headers, body)] = behind.requests
    assert (path, headers["x-y"], body) == ("/x", "z", b'{"a": 1}')


@pytest.mark.parametrize("kind", ["close", "reset"])
@pytest.mark.parametrize("after", [0, 10, 100, 130])
async def test_the_answer_ends_after_so_many_bytes(kind: str, after: int) -> None:
    async with replay(Replay(BODY)) as behind, fault_proxy(behind.port) as proxy:
        proxy.fault = Fault(kind, after)  # type: ignore[arg-type]
        with pytest.raises(Cut):
            async with call("POST", proxy.url, {}) as answer:
                await answer.body()


async def test_half_closed_the_way_back_stays_open() -> None:
    async with replay(Replay(BODY)) as behind, fault_proxy(behind.port) as proxy:
        proxy.fault = Fault("half_close", 100)
        with pytest.raises(Cut):
            async with call("POST", proxy.url, {}) as answer:
                await answer.body()
        assert proxy.connections == 1


async def test_stalled_it_says_nothing_more() -> None:
    async with replay(Replay(BODY)) as behind, fault_proxy(behind.port) as proxy:
        proxy.fault = Fault("stall", 110)
        async with call("POST", proxy.url, {}) as answer:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(answer.body(), 0.1)


async def test_slowly_everything_passes() -> None:
    async with replay(Replay(BODY)) as behind, fault_proxy(behind.port) as proxy:
        proxy.fault = Fault("slow", bytes_per_turn=7, pause_seconds=0.001)
        async with call("POST", proxy.url, {}) as answer:
            assert await answer.events() == [("", b"one"), ("", b"two")]

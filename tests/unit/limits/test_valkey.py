from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis.asyncio

from sekisho.core.clock import FakeClock, SystemClock
from sekisho.limits.limiter import Limiter, LimitsUnavailable, Seed, line_at
from sekisho.limits.rule import Measure, Rule
from sekisho.limits.valkey import ValkeyLimiter
from tests.support.limiter_contract import (
    CONTRACT,
    LEASE_SECONDS,
    Books,
    MakeLimiter,
    lines,
    money,
    name,
    now_us,
    rate,
    refused,
    slots,
    take,
    used,
)
from tests.support.valkey_server import ValkeyServer
from tests.support.waiting import eventually, stays


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    server = ValkeyServer(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


class Processes:
    """Limiters of as many processes as a test wants, on one server."""

    def __init__(self, url: str, namespace: str, books: Books) -> None:
        self.url = url
        self.namespace = namespace
        self.books = books
        self.flushes = 0
        self.all: list[ValkeyLimiter] = []

    def start(self, seed: Seed | None = None, *, patience_seconds: float = 5.0) -> ValkeyLimiter:
        limiter = ValkeyLimiter(
            self.url,
            clock=SystemClock(),
            seed=seed or self.books.seed,
            flushed=self.flushed,
            namespace=self.namespace,
            patience_seconds=patience_seconds,
            beat_seconds=0.02,
            grace_seconds=0.2,
            timeout_seconds=5.0,
        )
        limiter.link.pause_seconds = 0.05
        limiter.link.deadline_seconds = 0.5
        self.all.append(limiter)
        return limiter

    async def flushed(self) -> None:
        self.flushes += 1
        await asyncio.sleep(0)

    async def die(self, limiter: ValkeyLimiter) -> None:
        """As kill -9: nothing is said to the server any more."""
        limiter.link._waiting.clear()
        limiter.settle = lambda *_: None  # type: ignore[method-assign]
        await limiter.close()


@asynccontextmanager
async def processes(server: ValkeyServer) -> AsyncIterator[Processes]:
    every = Processes(server.url, name(), Books())
    try:
        yield every
    finally:
        for limiter in every.all:
            await limiter.close()


@pytest.mark.parametrize("check_that", CONTRACT, ids=lambda check: check.__name__)
async def test_contract(check_that: Callable[[MakeLimiter], Awaitable[None]], server: ValkeyServer) -> None:
    async with processes(server) as every:

        async def make(seed: Seed) -> Limiter:
            return every.start(seed)

        await check_that(make)


async def everybody_is_known(every: Processes) -> None:
    async def known() -> bool:
        return all(len(limiter.link.members) == len(every.all) for limiter in every.all)

    await eventually(known, "all processes hear of each other")


async def is_used(limiter: Limiter, expected: list[int], *rules: Rule) -> None:
    async def as_expected() -> bool:
        return await used(limiter, *rules) == expected

    await eventually(as_expected, f"{expected} used")


async def test_processes_share_what_there_is(server: ValkeyServer) -> None:
    async with processes(server) as every:
        one, two = every.start(), every.start()
        budget, running = money(100), slots(10)
        answers = await asyncio.gather(
            *(
                limiter.reserve(name(), lines((budget, 7), (running, 1)), 60)
                for limiter in (one, two)
                for _ in range(12)
            )
        )
        assert answers.count(None) == 10
        assert await used(one, budget, running) == await used(two, budget, running) == [70, 10]
        assert len(every.books.asked) <= 2


async def test_a_dead_process_gives_back_its_slots_and_later_its_money(server: ValkeyServer) -> None:
    async with processes(server) as every:
        dead, alive = every.start(), every.start()
        budget, running = money(100), slots(1)
        await dead.reserve("lost", lines((budget, 60), (running, 1)), 0.1)
        await dead.reserve("booked later", lines((budget, 10)), 0.1)
        await every.die(dead)
        assert await refused(alive, (running, 1)) == (running, 1)
        await is_used(alive, [70, 0], budget, running)
        await is_used(alive, [0, 0], budget, running)
        every.start().settle("booked later", [4])
        await is_used(alive, [4, 0], budget, running)


async def test_a_call_is_booked_by_the_process_that_recovers_it(server: ValkeyServer) -> None:
    async with processes(server) as every:
        dead = every.start()
        budget, tokens, running = money(100), rate(Measure.TOKENS, 1_000), slots(1)
        await dead.reserve("cut", lines((budget, 60), (tokens, 500), (running, 1)), 60)
        await every.die(dead)
        again = every.start()
        again.settle("cut", [25])
        again.settle("cut", [25])
        assert await used(again, budget, tokens, running) == [25, 500, 0]


async def test_a_living_process_keeps_what_it_holds(server: ValkeyServer) -> None:
    async with processes(server) as every:
        one, two = every.start(), every.start()
        running = slots(1)
        await one.reserve("long", lines((running, 1)), 0.1)
        await stays(lambda: "long" in one._open, for_seconds=0.5)
        assert await refused(two, (running, 1)) == (running, 1)
        one.settle("long", [])
        await is_used(two, [0], running)


async def test_a_server_that_lost_its_memory_hears_what_is_held_and_was_spent(tmp_path: Path) -> None:
    server = ValkeyServer(tmp_path)
    server.start()
    async with processes(server) as every:
        one, two = every.start(), every.start()
        budget, tokens, running = money(100), rate(Measure.TOKENS, 100), slots(2)
        kept = await take(one, (budget, 30), (tokens, 30), (running, 1))
        await take(two, (budget, 20), (running, 1))
        one.settle(await take(one, (budget, 10)), [10])
        assert await used(one, budget) == [60]
        await everybody_is_known(every)
        server.kill()
        with pytest.raises(LimitsUnavailable):
            await one.reserve(name(), lines((budget, 1)), LEASE_SECONDS)
        every.books.spent = 10
        server.start()
        assert await refused(one, (budget, 41)) == (budget, 60)
        assert await refused(two, (running, 1)) == (running, 2)
        await take(two, (budget, 40))
        one.settle(kept, [5, 6, 0])
        await is_used(two, [75, 6, 1], budget, tokens, running)
        assert len(every.books.asked) <= 4, "once a process, before and after"
    server.stop()


async def test_what_is_settled_while_the_server_is_away_counts_afterwards(tmp_path: Path) -> None:
    server = ValkeyServer(tmp_path)
    server.start()
    async with processes(server) as every:
        limiter = every.start()
        budget, running = money(100), slots(2)
        before = await take(limiter, (budget, 30), (running, 1))
        after = await take(limiter, (budget, 40), (running, 1))
        server.kill()
        limiter.settle(before, [7, 0])
        every.books.spent = 7  # by the time the server is back, its row is in the ledger
        server.start()
        assert await used(limiter, budget, running) == [47, 1]
        limiter.settle(after, [1, 0])
        assert await used(limiter, budget, running) == [8, 0]
    server.stop()


async def test_a_server_that_kept_its_data_may_have_lost_the_last_of_it(tmp_path: Path) -> None:
    server = ValkeyServer(tmp_path, persistent=True)
    server.start()
    async with processes(server) as every:
        limiter = every.start()
        budget = money(100)
        limiter.settle(await take(limiter, (budget, 60)), [60])
        assert await used(limiter, budget) == [60]
        epoch = limiter.link.epoch
        server.kill()
        every.books.spent = 61
        server.start()
        assert await used(limiter, budget) == [61]
        assert limiter.link.epoch != epoch
    server.stop()


async def test_nobody_waits_long_for_a_server_that_does_not_answer(tmp_path: Path) -> None:
    server = ValkeyServer(tmp_path)
    server.start()
    async with processes(server) as every:
        limiter = every.start(patience_seconds=0.2)
        budget, running = money(100), slots(1)
        await limiter.used([budget], now_us())
        server.freeze()
        began = time.monotonic()
        with pytest.raises(LimitsUnavailable):
            await limiter.reserve(name(), lines((budget, 50), (running, 1)), LEASE_SECONDS)
        assert time.monotonic() - began < 2
        server.thaw()
        await is_used(limiter, [0, 0], budget, running)
    server.stop()


async def test_scripts_that_were_forgotten_are_told_again(server: ValkeyServer) -> None:
    async with processes(server) as every:
        limiter = every.start()
        budget = money(100)
        call = await take(limiter, (budget, 60))
        client = redis.asyncio.Redis.from_url(server.url)
        await client.script_flush()
        await client.aclose()
        limiter.settle(call, [10])
        assert await used(limiter, budget) == [10]


async def test_a_wrong_clock_is_put_right(server: ValkeyServer) -> None:
    async with processes(server) as every:
        limiter = every.start()
        minute = Rule(scope_kind="key", scope_id=name(), measure=Measure.REQUESTS, limit=5, period="1h")
        await take(limiter, (minute, 1))
        ahead = FakeClock(now_us() + 86_400_000_000)
        wrong = every.start()
        wrong._clock = ahead

        async def is_noticed() -> bool:
            await wrong.used([minute], now_us())
            await wrong._beat_once()
            return abs(wrong._ahead_us + 86_400_000_000) < 60_000_000

        await eventually(is_noticed, "the server's time is known")
        tomorrow = [line_at(minute, 5, ahead.now_us())]
        refusal = await wrong.reserve(name(), tomorrow, LEASE_SECONDS)
        assert refusal is not None
        assert refusal.used == 1


async def test_no_budget_is_overspent_however_often_the_server_dies(tmp_path: Path) -> None:
    """Forty callers of two processes; the server loses all it knew, three times."""
    server = ValkeyServer(tmp_path)
    server.start()
    async with processes(server) as every:
        one, two = every.start(), every.start()
        every.books.spent = 0
        budget, running, limit = money(3_000), slots(100), 3_000
        calls = itertools.count()

        async def call_until_refused(limiter: ValkeyLimiter) -> None:
            while True:
                call = name()
                try:
                    refusal = await limiter.reserve(call, lines((budget, 10), (running, 1)), LEASE_SECONDS)
                except LimitsUnavailable:
                    continue
                if refusal is not None:
                    return
                for _ in range(next(calls) % 20):
                    await asyncio.sleep(0)
                spent = 5 + next(calls) % 6
                every.books.spent += spent
                limiter.settle(call, [spent, 0])

        callers = [asyncio.create_task(call_until_refused(limiter)) for limiter in (one, two) for _ in range(20)]
        await everybody_is_known(every)
        for part in (600, 1_200, 1_800):

            async def is_spent(part: int = part) -> bool:
                return every.books.spent >= part

            await eventually(is_spent, f"{part} spent", within_seconds=20)
            server.kill()
            server.start()
        await asyncio.wait_for(asyncio.gather(*callers), 30)
        used_of, runs = await used(one, budget, running)
        assert every.books.spent <= used_of <= limit
        assert every.books.spent >= limit * 0.9, "what nobody holds can be spent"
        assert runs == 0
    server.stop()

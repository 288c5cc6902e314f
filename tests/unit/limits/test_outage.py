from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest

from sekisho.core.clock import SystemClock
from sekisho.limits.limiter import Limiter, LimitsUnavailable, Seed
from sekisho.limits.outage import OutageLimiter
from sekisho.limits.rule import Measure, Rule
from tests.support.limiter_contract import (
    CONTRACT,
    LEASE_SECONDS,
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
from tests.support.limiter_processes import Processes, everybody_is_known, is_used, over_valkey
from tests.support.valkey_server import ValkeyServer
from tests.support.waiting import eventually


@pytest.fixture
async def every(mortal: ValkeyServer) -> AsyncIterator[Processes]:
    async with over_valkey(mortal.url) as processes:
        yield processes


@pytest.fixture
async def limiter(every: Processes) -> AsyncIterator[OutageLimiter]:
    made = OutageLimiter(every.start(), SystemClock(), ask_seconds=0.02)
    yield made
    await made.close()


async def is_back(limiter: OutageLimiter) -> None:
    async def back() -> bool:
        return not limiter.away

    await eventually(back, "the store is back")


@pytest.mark.parametrize("check_that", CONTRACT, ids=lambda check: check.__name__)
async def test_contract(check_that: Callable[[MakeLimiter], Awaitable[None]], valkey: ValkeyServer) -> None:
    made: list[OutageLimiter] = []
    async with over_valkey(valkey.url) as processes:

        async def make(seed: Seed) -> Limiter:
            made.append(OutageLimiter(processes.start(seed), SystemClock()))
            return made[-1]

        await check_that(make)
    assert not any(limiter.away for limiter in made)


async def test_budgets_refuse_by_name_while_the_store_is_away(mortal: ValkeyServer, limiter: OutageLimiter) -> None:
    budget = money(100)
    await take(limiter, (budget, 10))
    mortal.kill()
    for _ in range(3):
        with pytest.raises(LimitsUnavailable, match="money limit of this key"):
            await limiter.reserve(name(), lines((slots(5), 1), (budget, 10)), LEASE_SECONDS)
    with pytest.raises(LimitsUnavailable):
        await used(limiter, budget)
    assert (limiter.refused_without, limiter.admitted_without) == (3, 0)
    await take(limiter, (budget, 0), (slots(5), 1))


async def test_rates_hold_by_share_while_the_store_is_away(mortal: ValkeyServer, every: Processes) -> None:
    one, other = every.start(), every.start()
    limiter = OutageLimiter(one, SystemClock(), ask_seconds=0.02)
    minute, running, single = rate(Measure.REQUESTS, 7), slots(4), slots(1)
    await take(limiter, (minute, 1))
    await used(other, minute)
    await everybody_is_known(every)
    mortal.kill()
    calls = [await take(limiter, (minute, 1)) for _ in range(3)]
    assert await refused(limiter, (minute, 1)) == (minute, 3)
    held = [await take(limiter, (running, 1)) for _ in range(2)]
    assert (await refused(limiter, (running, 1)))[1] == 2
    limiter.settle(held[0], [0])
    await take(limiter, (running, 1))
    await take(limiter, (single, 1))
    assert limiter.admitted_without == 7
    mortal.start()
    await is_back(limiter)
    for call in calls:
        limiter.settle(call, [1])
    await take(limiter, (minute, 1))
    await limiter.close()


async def test_an_open_budget_lets_calls_through(mortal: ValkeyServer, limiter: OutageLimiter) -> None:
    budget: Rule = msgspec.structs.replace(money(100), on_outage="open")
    mortal.kill()
    limiter.settle(await take(limiter, (budget, 1_000)), [1_000])
    assert limiter.admitted_without == 1


async def test_nobody_waits_for_a_store_that_is_known_to_be_away(mortal: ValkeyServer, limiter: OutageLimiter) -> None:
    minute = rate(Measure.REQUESTS, 100)
    await take(limiter, (minute, 1))
    mortal.freeze()
    limiter._store._patience_seconds = 0.2
    await take(limiter, (minute, 1))
    limiter._store._patience_seconds = 3_600.0  # who asked the store now would wait longer than this test may take
    for _ in range(20):
        await take(limiter, (minute, 1))
    mortal.thaw()
    await is_back(limiter)


async def test_a_call_that_began_before_the_outage_settles_in_the_store(
    mortal: ValkeyServer, every: Processes, limiter: OutageLimiter
) -> None:
    minute, tokens, running = rate(Measure.REQUESTS, 10), rate(Measure.TOKENS, 1_000), slots(2)
    call = await take(limiter, (minute, 1), (tokens, 500), (running, 1))
    within = await take(limiter, (minute, 1), (tokens, 500))
    mortal.kill()
    await take(limiter, (tokens, 700), (minute, 1), reservation=call)
    mortal.start()
    await is_back(limiter)
    limiter.settle(call, [80, 1])
    await is_used(limiter, [2, 580, 0], minute, tokens, running)
    limiter.settle(within, [1, 0])
    await is_used(limiter, [2, 80, 0], minute, tokens, running)
    assert every.books.asked == []


async def test_a_call_that_began_in_the_outage_goes_on_in_the_store(
    mortal: ValkeyServer, limiter: OutageLimiter
) -> None:
    tokens = rate(Measure.TOKENS, 1_000)
    mortal.kill()
    call = await take(limiter, (tokens, 300))
    mortal.start()
    await is_back(limiter)
    await take(limiter, (tokens, 400), reservation=call)
    assert await used(limiter, tokens) == [400]
    limiter.settle(call, [50])
    assert await used(limiter, tokens) == [50]
    assert await limiter._local.used([tokens], now_us()) == [0]


async def test_an_outage_is_told_once(
    mortal: ValkeyServer, limiter: OutageLimiter, caplog: pytest.LogCaptureFixture
) -> None:
    minute = rate(Measure.REQUESTS, 10)
    with caplog.at_level(logging.WARNING):
        mortal.kill()
        for _ in range(3):
            await take(limiter, (minute, 1))
        mortal.start()
        await is_back(limiter)
    told = [record.getMessage() for record in caplog.records if record.name == "sekisho.limits"]
    assert len(told) == 2
    assert "away" in told[0]
    assert "3 calls were admitted and 0 refused" in told[1]

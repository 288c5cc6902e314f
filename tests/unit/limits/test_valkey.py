from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import redis.asyncio

from sekisho.core.clock import SystemClock
from sekisho.limits.limiter import Limiter, LimitsUnavailable, Seed
from sekisho.limits.rule import Measure
from sekisho.limits.shared import SharedLimiter
from sekisho.limits.valkey import Valkey, valkey_limiter
from tests.support.fault_proxy import Fault, fault_proxy
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
from tests.support.limiter_processes import (
    check_no_budget_is_overspent,
    everybody_is_known,
    flushed,
    is_used,
    over_valkey,
)
from tests.support.valkey_server import ValkeyServer
from tests.support.waiting import eventually


@pytest.mark.parametrize("check_that", CONTRACT, ids=lambda check: check.__name__)
async def test_contract(check_that: Callable[[MakeLimiter], Awaitable[None]], valkey: ValkeyServer) -> None:
    async with over_valkey(valkey.url) as every:

        async def make(seed: Seed) -> Limiter:
            return every.start(seed)

        await check_that(make)


def epoch_of(limiter: SharedLimiter) -> str:
    assert isinstance(limiter._store, Valkey)
    return limiter._store.epoch


async def test_a_server_that_lost_its_memory_hears_what_is_held_and_was_spent(mortal: ValkeyServer) -> None:
    async with over_valkey(mortal.url) as every:
        one, two = every.start(), every.start()
        budget, tokens, running = money(100), rate(Measure.TOKENS, 100), slots(2)
        kept = await take(one, (budget, 30), (tokens, 30), (running, 1))
        await take(two, (budget, 20), (running, 1))
        one.settle(await take(one, (budget, 10)), [10])
        assert await used(one, budget) == [60]
        await everybody_is_known(every)
        mortal.kill()
        with pytest.raises(LimitsUnavailable):
            await one.reserve(name(), lines((budget, 1)), LEASE_SECONDS)
        every.books.spent = 10
        mortal.start()
        assert await refused(one, (budget, 41)) == (budget, 60)
        assert await refused(two, (running, 1)) == (running, 2)
        await take(two, (budget, 40))
        one.settle(kept, [5, 6, 0])
        await is_used(two, [75, 6, 1], budget, tokens, running)
        assert len(every.books.asked) <= 4, "once a process, before and after"


async def test_what_is_settled_while_the_server_is_away_counts_afterwards(mortal: ValkeyServer) -> None:
    async with over_valkey(mortal.url) as every:
        limiter = every.start()
        budget, running = money(100), slots(2)
        before = await take(limiter, (budget, 30), (running, 1))
        after = await take(limiter, (budget, 40), (running, 1))
        mortal.kill()
        limiter.settle(before, [7, 0])
        every.books.spent = 7  # by the time the server is back, its row is in the ledger
        mortal.start()
        assert await used(limiter, budget, running) == [47, 1]
        limiter.settle(after, [1, 0])
        assert await used(limiter, budget, running) == [8, 0]


async def test_a_server_that_kept_its_data_may_have_lost_the_last_of_it(persistent: ValkeyServer) -> None:
    async with over_valkey(persistent.url) as every:
        limiter = every.start()
        budget = money(100)
        limiter.settle(await take(limiter, (budget, 60)), [60])
        assert await used(limiter, budget) == [60]
        epoch = epoch_of(limiter)
        persistent.kill()
        every.books.spent = 61
        persistent.start()
        assert await used(limiter, budget) == [61]
        assert epoch_of(limiter) != epoch


async def test_nobody_waits_long_for_a_server_that_does_not_answer(mortal: ValkeyServer) -> None:
    async with over_valkey(mortal.url, timeout_seconds=3_600.0) as every:
        limiter = every.start()
        budget, running = money(100), slots(1)
        await limiter.used([budget], now_us())
        mortal.freeze()
        limiter._patience_seconds = 0.2
        with pytest.raises(LimitsUnavailable):
            await limiter.reserve(name(), lines((budget, 50), (running, 1)), LEASE_SECONDS)
        mortal.thaw()
        await is_used(limiter, [0, 0], budget, running)


async def test_nobody_notices_that_a_connection_has_died_in_silence(valkey: ValkeyServer) -> None:
    async with fault_proxy(valkey.port) as proxy:
        proxy.fault = Fault("stall", after_bytes=20_000)
        store = Valkey(proxy.url.replace("http", "redis"), namespace=name())
        store.pause_seconds, store.deadline_seconds = 0.05, 0.5
        limiter = SharedLimiter(store, clock=SystemClock(), seed=Books().seed, flushed=flushed, hold=list[str]().append)
        store.holdings = limiter.holdings
        many, taken = slots(1_000_000), 0
        while proxy.connections < 2:
            await take(limiter, (many, 1))
            taken += 1
        assert await used(limiter, many) == [taken], "what was sent twice is taken once"
        await limiter.close()


async def test_scripts_that_were_forgotten_are_told_again(valkey: ValkeyServer) -> None:
    async with over_valkey(valkey.url) as every:
        limiter = every.start()
        budget = money(100)
        call = await take(limiter, (budget, 60))
        client = redis.asyncio.Redis.from_url(valkey.url)
        await client.script_flush()
        await client.aclose()
        limiter.settle(call, [10])
        assert await used(limiter, budget) == [10]


async def test_no_budget_is_overspent_however_often_the_server_loses_all_it_knew(mortal: ValkeyServer) -> None:

    def crash() -> None:
        mortal.kill()
        mortal.start()

    async with over_valkey(mortal.url) as every:
        await check_no_budget_is_overspent(every, crash)


async def test_the_limiter_of_a_process_bears_an_outage(mortal: ValkeyServer) -> None:
    books, held = Books(spent=40), list[str]()
    limiter = valkey_limiter(mortal.url, SystemClock(), seed=books.seed, flushed=flushed, hold=held.append)
    budget, minute = money(100), rate(Measure.REQUESTS, 10)

    async def is_there() -> bool:
        return (
            not limiter.away and await limiter.reserve("call", lines((budget, 10), (minute, 1)), LEASE_SECONDS) is None
        )

    await eventually(is_there, "the server answers in the time that a gateway gives it")
    assert await used(limiter, budget) == [50]
    mortal.kill()
    await take(limiter, (minute, 1))
    with pytest.raises(LimitsUnavailable):
        await limiter.reserve(name(), lines((budget, 10)), LEASE_SECONDS)
    limiter.settle("call", [1, 1])
    await limiter.close()

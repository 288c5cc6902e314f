from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from sekisho.core.clock import FakeClock
from sekisho.core.errors import OperatorError
from sekisho.limits.limiter import line_at
from sekisho.limits.rule import Measure, Rule
from tests.support.limiter_contract import LEASE_SECONDS, lines, money, name, now_us, rate, refused, slots, take, used
from tests.support.limiter_processes import Processes, is_used, over_postgres, over_valkey
from tests.support.waiting import eventually, stays


@pytest.fixture(params=["valkey", "postgres"])
async def every(request: pytest.FixtureRequest) -> AsyncIterator[Processes]:
    """Processes over each kind of store."""
    if request.param == "valkey":
        async with over_valkey(request.getfixturevalue("valkey").url) as processes:
            yield processes
    else:
        async with over_postgres(request.getfixturevalue("postgres").url()) as processes:
            yield processes


async def test_processes_share_what_there_is(every: Processes) -> None:
    one, two = every.start(), every.start()
    budget, running = money(100), slots(10)
    answers = await asyncio.gather(
        *(limiter.reserve(name(), lines((budget, 7), (running, 1)), 60) for limiter in (one, two) for _ in range(12))
    )
    assert answers.count(None) == 10
    assert await used(one, budget, running) == await used(two, budget, running) == [70, 10]
    assert len(every.books.asked) <= 2


async def test_a_dead_process_gives_back_its_slots_after_the_lease(every: Processes) -> None:
    dead, alive = every.start(), every.start()
    budget, running, long = money(100), slots(1), slots(1)
    await dead.reserve("lost", lines((budget, 60), (running, 1)), 0.1)
    await dead.reserve("not yet lost", lines((long, 1)), 3_600)
    await every.die(dead)
    await is_used(alive, [60, 0], budget, running)
    assert await refused(alive, (long, 1)) == (long, 1)


async def test_and_its_money_after_the_grace(every: Processes) -> None:
    dead, alive = every.start(), every.start(grace_seconds=0.05)
    budget, running = money(100), slots(1)
    await dead.reserve("lost", lines((budget, 60), (running, 1)), 0.1)
    await dead.reserve("booked later", lines((budget, 10)), 0.1)
    await every.die(dead)
    await is_used(alive, [0, 0], budget, running)
    every.start().settle_recovered("booked later", {Measure.MONEY: 4})
    await is_used(alive, [4, 0], budget, running)


async def test_a_call_is_booked_by_the_process_that_recovers_it(every: Processes) -> None:
    dead = every.start()
    budget, tokens, running = money(100), rate(Measure.TOKENS, 1_000), slots(1)
    await dead.reserve("cut", lines((budget, 60), (tokens, 500), (running, 1)), 60)
    await every.die(dead)
    again = every.start()
    again.settle("cut", [99])
    for _ in range(2):
        again.settle_recovered("cut", {Measure.MONEY: 25, Measure.REQUESTS: 1})
    assert await used(again, budget, tokens, running) == [25, 500, 0]


async def test_what_was_never_sent_is_free_again_when_its_process_is_back(every: Processes) -> None:
    """Whatever the store had heard of it when the process died: it was announced before."""
    dead, budget, running = every.start(), money(100), slots(2)
    taken = await take(dead, (budget, 60), (running, 1))
    asking = asyncio.create_task(take(dead, (budget, 30), (running, 1), reservation="asked for"))
    await asyncio.sleep(0)
    assert every.held == [taken, "asked for"]
    asking.cancel()
    await every.die(dead)
    again = every.start()
    for reservation in every.held:
        again.settle_recovered(reservation, dict.fromkeys(Measure, 0))
    await take(again, (budget, 100), (running, 1), (running, 1))


async def test_what_cannot_be_announced_is_not_reserved(every: Processes) -> None:
    def disk_full(_reservation: str) -> None:
        raise OperatorError("the disk is full")

    limiter, running = every.start(hold=disk_full), slots(1)
    with pytest.raises(OperatorError):
        await take(limiter, (running, 1))
    assert await used(limiter, running) == [0]


async def test_a_living_process_keeps_what_it_holds(every: Processes) -> None:
    one, two = every.start(), every.start()
    running = slots(1)
    await one.reserve("long", lines((running, 1)), 1.5)  # a sign of life every half second
    await stays(lambda: "long" in one._open, for_seconds=2.5)
    assert await refused(two, (running, 1)) == (running, 1)
    one.settle("long", [])
    await is_used(two, [0], running)


async def test_a_wrong_clock_is_put_right(every: Processes) -> None:
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
    tomorrow = line_at(minute, 5, ahead.now_us())
    refusal = await wrong.reserve(name(), [tomorrow], LEASE_SECONDS)
    assert refusal is not None
    assert refusal.used == 1
    less = msgspec.structs.replace(tomorrow, amount=4, limit=tomorrow.limit - 1)
    refusal = await wrong.reserve(name(), [less], LEASE_SECONDS)
    assert refusal is not None
    assert (refusal.used, refusal.line.limit) == (1, 4), "what the call itself leaves free, it leaves free by any clock"

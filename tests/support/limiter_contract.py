"""What every back end of the limits must do.

In: a way to make limiters that share their counters, given a ledger to begin from. Out: assertions. Each check uses
scopes of its own, so that they may share one server; time is the machine's, and no check waits for it.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable

import pytest

from sekisho.limits.limiter import Limiter, Line, Seed, line_at
from sekisho.limits.rule import Measure, Rule

LEASE_SECONDS = 60.0
MakeLimiter = Callable[[Seed], Awaitable[Limiter]]


def now_us() -> int:
    return time.time_ns() // 1_000


class Books:
    """A ledger that says what was spent before, and notes who asked."""

    def __init__(self, spent: int = 0) -> None:
        self.spent = spent
        self.asked: list[tuple[str, int, int]] = []
        self.away = False

    async def seed(self, rule: Rule, starts_us: int, ends_us: int) -> int:
        self.asked.append((rule.counter, starts_us, ends_us))
        await asyncio.sleep(0)
        if self.away:
            raise ConnectionError("the database is away")
        return self.spent


def money(limit: int, period: str = "", scope_id: str | None = None) -> Rule:
    """A budget of a scope that nothing else uses."""
    return Rule(
        scope_kind="key",
        scope_id=scope_id or uuid.uuid4().hex,
        measure=Measure.MONEY,
        limit=limit,
        period=period,
        on_outage="closed",
    )


def rate(measure: Measure, limit: int) -> Rule:
    return Rule(scope_kind="key", scope_id=uuid.uuid4().hex, measure=measure, limit=limit, period="1d")


def slots(limit: int) -> Rule:
    return Rule(scope_kind="key", scope_id=uuid.uuid4().hex, measure=Measure.PARALLEL, limit=limit)


def lines(*each: tuple[Rule, int]) -> list[Line]:
    return [line_at(rule, amount, now_us()) for rule, amount in each]


def name() -> str:
    return uuid.uuid4().hex


async def take(limiter: Limiter, *each: tuple[Rule, int], reservation: str = "") -> str:
    """Reserve what must have room; the reservation's name."""
    reservation = reservation or name()
    assert await limiter.reserve(reservation, lines(*each), LEASE_SECONDS) is None
    return reservation


async def refused(limiter: Limiter, *each: tuple[Rule, int], reservation: str = "") -> tuple[Rule, int]:
    """Reserve what must have no room; the rule that refused, and what was used of it."""
    refusal = await limiter.reserve(reservation or name(), lines(*each), LEASE_SECONDS)
    assert refusal is not None
    return refusal.line.rule, refusal.used


async def used(limiter: Limiter, *rules: Rule) -> list[int]:
    return await limiter.used(rules, now_us())


async def check_all_lines_or_none(make: MakeLimiter) -> None:
    limiter = await make(Books().seed)
    budget, minute, running = money(100), rate(Measure.REQUESTS, 5), slots(1)
    await take(limiter, (budget, 60), (minute, 1), (running, 1))
    assert await refused(limiter, (budget, 10), (minute, 1), (running, 1)) == (running, 1)
    assert await used(limiter, budget, minute, running) == [60, 1, 1]
    assert await refused(limiter, (budget, 41), (minute, 1)) == (budget, 60)
    assert await used(limiter, budget, minute, running) == [60, 1, 1]
    await take(limiter, (budget, 40))


async def check_settling_books_what_was_used(make: MakeLimiter) -> None:
    limiter = await make(Books().seed)
    budget, tokens, running = money(100), rate(Measure.TOKENS, 1_000), slots(1)
    one = await take(limiter, (budget, 90), (tokens, 800), (running, 1))
    limiter.settle(one, [30, 200, 0])
    assert await used(limiter, budget, tokens, running) == [30, 200, 0]
    await take(limiter, (budget, 70), (tokens, 800), (running, 1))


async def check_a_reservation_settles_once(make: MakeLimiter) -> None:
    limiter = await make(Books().seed)
    budget, running = money(100), slots(2)
    one = await take(limiter, (budget, 40), (running, 1))
    await take(limiter, (budget, 40), (running, 1))
    for _ in range(3):
        limiter.settle(one, [10, 0])
    assert await used(limiter, budget, running) == [50, 1]
    limiter.settle(one, [99, 0])
    limiter.settle("never heard of", [99])
    assert await used(limiter, budget, running) == [50, 1]


async def check_what_is_not_said_stays_reserved(make: MakeLimiter) -> None:
    limiter = await make(Books().seed)
    budget, tokens = money(100), rate(Measure.TOKENS, 100)
    limiter.settle(await take(limiter, (budget, 40), (tokens, 30)), [10])
    limiter.settle(await take(limiter, (budget, 5), (tokens, 5)), [])
    limiter.settle(await take(limiter, (budget, 1)), [2, 1_000])
    running = slots(1)
    limiter.settle(await take(limiter, (budget, 0), (running, 1)), [])
    assert await used(limiter, budget, tokens, running) == [17, 35, 0]


async def check_the_next_attempt_replaces_the_lines(make: MakeLimiter) -> None:
    limiter = await make(Books().seed)
    budget, other, running = money(100), money(100), slots(1)
    call = await take(limiter, (budget, 60), (running, 1))
    await take(limiter, (budget, 90), (running, 1), reservation=call)
    assert await used(limiter, budget, running) == [90, 1]
    await take(limiter, (other, 20), (running, 1), reservation=call)
    assert await used(limiter, budget, other, running) == [0, 20, 1]
    limiter.settle(call, [7, 0])
    assert await used(limiter, budget, other, running) == [0, 7, 0]


async def check_a_refused_attempt_keeps_the_earlier_lines(make: MakeLimiter) -> None:
    limiter = await make(Books().seed)
    budget, other = money(100), money(10)
    call = await take(limiter, (budget, 60))
    assert await refused(limiter, (budget, 101), reservation=call) == (budget, 0)
    assert await refused(limiter, (budget, 70), (other, 11), reservation=call) == (other, 0)
    assert await used(limiter, budget, other) == [60, 0]
    limiter.settle(call, [50])
    assert await used(limiter, budget, other) == [50, 0]


async def check_nothing_has_always_room(make: MakeLimiter) -> None:
    limiter = await make(Books().seed)
    budget, minute = money(0), rate(Measure.REQUESTS, 0)
    await take(limiter, (budget, 0), (minute, 0))
    assert await refused(limiter, (budget, 1)) == (budget, 0)
    assert await refused(limiter, (minute, 1)) == (minute, 0)
    limiter.settle(await take(limiter, (budget, 0)), [5])
    await take(limiter, (budget, 0))
    assert await refused(limiter, (budget, 1)) == (budget, 5)


async def check_more_than_was_reserved_counts(make: MakeLimiter) -> None:
    limiter = await make(Books().seed)
    budget = money(100)
    limiter.settle(await take(limiter, (budget, 10)), [150])
    assert await refused(limiter, (budget, 1)) == (budget, 150)


async def check_periods_are_counted_apart(make: MakeLimiter) -> None:
    limiter = await make(Books().seed)
    budget, at_us = money(100, "1d"), now_us()
    tomorrow = line_at(budget, 100, at_us + 86_400_000_000)
    assert await limiter.reserve(name(), [line_at(budget, 100, at_us)], LEASE_SECONDS) is None
    assert await limiter.reserve(name(), [tomorrow], LEASE_SECONDS) is None
    assert await limiter.used([budget], at_us) == [100]
    assert await limiter.used([budget], tomorrow.starts_us) == [100]


async def check_two_lines_of_one_count_add_up(make: MakeLimiter) -> None:
    limiter = await make(Books().seed)
    budget = money(100)
    assert (await refused(limiter, (budget, 60), (budget, 60)))[0] == budget
    assert await used(limiter, budget) == [0]
    limiter.settle(await take(limiter, (budget, 50), (budget, 50)), [1, 2])
    assert await used(limiter, budget) == [3]


async def check_money_begins_with_the_ledger(make: MakeLimiter) -> None:
    books = Books(spent=95)
    limiter = await make(books.seed)
    budget, tokens = money(100, "1d"), rate(Measure.TOKENS, 10)
    assert await refused(limiter, (tokens, 10), (budget, 6)) == (budget, 95)
    limiter.settle(await take(limiter, (tokens, 10), (budget, 5)), [0, 1])
    assert await used(limiter, budget, tokens) == [96, 0]
    line = line_at(budget, 0, now_us())
    assert books.asked == [(budget.counter, line.starts_us, line.ends_us)]


async def check_use_is_known_before_anything_is_reserved(make: MakeLimiter) -> None:
    limiter = await make(Books(spent=95).seed)
    budget = money(100)
    assert await used(limiter, budget, slots(3), rate(Measure.REQUESTS, 1)) == [95, 0, 0]
    assert await refused(limiter, (budget, 6)) == (budget, 95)


async def check_money_is_not_admitted_without_the_ledger(make: MakeLimiter) -> None:
    books = Books(spent=95)
    limiter = await make(books.seed)
    budget, running = money(100), slots(1)
    books.away = True
    with pytest.raises(ConnectionError):
        await limiter.reserve(name(), lines((running, 1), (budget, 1)), LEASE_SECONDS)
    with pytest.raises(ConnectionError):
        await used(limiter, budget)
    books.away = False
    await take(limiter, (running, 1), (budget, 5))
    assert await used(limiter, budget) == [100]


async def check_the_ledger_may_be_asked_anew(make: MakeLimiter) -> None:
    """An administrator has set what was spent; what runs is still reserved."""
    books = Books(spent=95)
    limiter = await make(books.seed)
    budget, tokens, other = money(100), rate(Measure.TOKENS, 10), money(100)
    call = await take(limiter, (budget, 5), (tokens, 5))
    books.spent = 20
    await limiter.reseed([budget, tokens, other], now_us())
    assert await used(limiter, budget, tokens, other) == [25, 5, 20]
    limiter.settle(call, [1, 1])
    assert await used(limiter, budget, tokens) == [21, 1]


async def check_many_at_once_take_what_there_is(make: MakeLimiter) -> None:
    books = Books(spent=30)
    limiter = await make(books.seed)
    budget, running = money(100), slots(50)
    answers = await asyncio.gather(
        *(limiter.reserve(name(), lines((running, 1), (budget, 5)), LEASE_SECONDS) for _ in range(60))
    )
    assert answers.count(None) == 14
    assert len(books.asked) == 1
    assert await used(limiter, budget, running) == [100, 14]


async def check_who_gives_up_leaves_nothing_behind(make: MakeLimiter) -> None:
    limiter = await make(Books().seed)
    budget, running = money(100), slots(20)
    calls = [asyncio.create_task(take(limiter, (budget, 5), (running, 1))) for _ in range(20)]
    for turn, call in enumerate(calls):
        if turn % 2:
            call.cancel()
        await asyncio.sleep(0)
    done = await asyncio.gather(*calls, return_exceptions=True)
    kept = sum(isinstance(result, str) for result in done)
    assert await used(limiter, budget, running) == [5 * kept, kept]


async def check_large_amounts_are_exact(make: MakeLimiter) -> None:
    much = 4_000_000_000_000_001
    limiter = await make(Books(spent=much).seed)
    budget = money(2 * much)
    limiter.settle(await take(limiter, (budget, much)), [much - 7])
    assert await refused(limiter, (budget, 8)) == (budget, 2 * much - 7)
    await take(limiter, (budget, 7))


async def check_any_text_names_a_scope(make: MakeLimiter) -> None:
    limiter = await make(Books().seed)
    unique = name()
    odd = [f"{unique}{text}" for text in ("", " ", "a:b", "{x}", "東京", "\n", "'; DROP TABLE", "%", "x" * 500)]
    rules = [money(100, scope_id=text) for text in odd]
    for amount, rule in enumerate(rules):
        await take(limiter, (rule, amount))
    assert await used(limiter, *rules) == list(range(len(odd)))


#: Each takes a way to make limiters.
CONTRACT: tuple[Callable[[MakeLimiter], Awaitable[None]], ...] = (
    check_all_lines_or_none,
    check_settling_books_what_was_used,
    check_a_reservation_settles_once,
    check_what_is_not_said_stays_reserved,
    check_the_next_attempt_replaces_the_lines,
    check_a_refused_attempt_keeps_the_earlier_lines,
    check_nothing_has_always_room,
    check_more_than_was_reserved_counts,
    check_periods_are_counted_apart,
    check_two_lines_of_one_count_add_up,
    check_money_begins_with_the_ledger,
    check_use_is_known_before_anything_is_reserved,
    check_money_is_not_admitted_without_the_ledger,
    check_the_ledger_may_be_asked_anew,
    check_many_at_once_take_what_there_is,
    check_who_gives_up_leaves_nothing_behind,
    check_large_amounts_are_exact,
    check_any_text_names_a_scope,
)

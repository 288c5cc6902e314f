"""Gateways that share a store of counters, each with a limiter of its own; any of them may die.

In: a way to reach the store. Out: limiters with short beats and graces, one ledger behind them.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sekisho.core.clock import SystemClock
from sekisho.core.secret import Secret
from sekisho.limits.limiter import Limiter, LimitsUnavailable, Seed
from sekisho.limits.postgres import Postgres
from sekisho.limits.rule import Rule
from sekisho.limits.sender import Sender
from sekisho.limits.shared import Hold, SharedLimiter
from sekisho.limits.valkey import Valkey
from sekisho.store.url import parse_url
from tests.support.limiter_contract import LEASE_SECONDS, Books, lines, money, name, slots, used
from tests.support.waiting import eventually


class Processes:
    """As many as a test wants."""

    def __init__(self, store: Callable[[], Sender]) -> None:
        self.books = Books()
        self.all: list[SharedLimiter] = []
        #: Reservations, in the order in which they were announced.
        self.held: list[str] = []
        self._store = store

    def start(
        self, seed: Seed | None = None, *, grace_seconds: float = 3_600.0, hold: Hold | None = None
    ) -> SharedLimiter:
        store = self._store()
        limiter = SharedLimiter(
            store,
            clock=SystemClock(),
            seed=seed or self.books.seed,
            flushed=flushed,
            hold=hold or self.held.append,
            patience_seconds=60.0,
            beat_seconds=0.02,
            grace_seconds=grace_seconds,
        )
        if isinstance(store, Valkey):
            store.holdings = limiter.holdings
        self.all.append(limiter)
        return limiter

    async def die(self, limiter: SharedLimiter) -> None:
        """As kill -9: nothing is said to the store any more."""
        limiter._store._waiting.clear()
        await limiter.close()


async def flushed() -> None:
    """The ledger of a test is always up to date."""
    await asyncio.sleep(0)


@asynccontextmanager
async def over_valkey(url: str, *, timeout_seconds: float = 30.0) -> AsyncIterator[Processes]:
    """Over a namespace of their own."""
    namespace = name()

    def store() -> Valkey:
        store = Valkey(url, namespace=namespace, timeout_seconds=timeout_seconds)
        store.pause_seconds, store.deadline_seconds = 0.05, 0.5
        return store

    every = Processes(store)
    try:
        yield every
    finally:
        for limiter in every.all:
            await limiter.close()


@asynccontextmanager
async def over_postgres(url: str) -> AsyncIterator[Processes]:
    """Over a database that has the tables."""
    every = Processes(lambda: Postgres(parse_url(Secret(url)), timeout_seconds=30.0))
    try:
        yield every
    finally:
        for limiter in every.all:
            await limiter.close()


async def everybody_is_known(every: Processes) -> None:
    """Wait until all processes have heard of each other."""

    async def known() -> bool:
        return all(len(limiter._store.members) == len(every.all) for limiter in every.all)

    await eventually(known, "all processes hear of each other")


async def is_used(limiter: Limiter, expected: list[int], *rules: Rule) -> None:
    """Wait until so much is used."""

    async def as_expected() -> bool:
        return await used(limiter, *rules) == expected

    await eventually(as_expected, f"{expected} used")


async def check_no_budget_is_overspent(every: Processes, crash: Callable[[], None], limit: int = 3_000) -> int:
    """Forty callers of two processes spend a budget, while the store dies three times; what is used in the end."""
    every.start()
    every.start()
    budget, running, calls = money(limit), slots(100), itertools.count()
    every.books.spent = 0

    async def call_until_refused(limiter: SharedLimiter) -> None:
        while True:
            call = name()
            try:
                refusal = await limiter.reserve(call, lines((budget, 10), (running, 1)), LEASE_SECONDS)
            except LimitsUnavailable:
                await asyncio.sleep(0)
                continue
            if refusal is not None:
                return
            for _ in range(next(calls) % 20):
                await asyncio.sleep(0)
            spent = 5 + next(calls) % 6
            every.books.spent += spent
            limiter.settle(call, [spent, 0])

    callers = [asyncio.create_task(call_until_refused(limiter)) for limiter in every.all for _ in range(20)]
    for part in (1, 2, 3):

        async def is_spent(part: int = part) -> bool:
            return every.books.spent >= limit * part // 5

        await eventually(is_spent, "part of the budget spent", within_seconds=60)
        crash()
    await asyncio.gather(*callers)
    used_of, runs = await used(every.all[0], budget, running)
    assert every.books.spent <= used_of <= limit
    # Whoever was refused last was so beside what the others had not given back yet: at most all their calls.
    assert every.books.spent > limit - 10 * len(callers), "what nobody holds can be spent"
    assert runs == 0
    return used_of

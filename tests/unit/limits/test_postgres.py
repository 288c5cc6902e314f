from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import asyncpg
import pytest

from sekisho.core.clock import SystemClock
from sekisho.core.secret import Secret
from sekisho.limits.limiter import Limiter, LimitsUnavailable, Seed
from sekisho.limits.postgres import Postgres, postgres_limiter
from sekisho.limits.sender import Answer, Command, CommandFailed
from sekisho.limits.shared import SharedLimiter
from sekisho.store.url import DatabaseUrl, parse_url
from tests.support.limiter_contract import (
    CONTRACT,
    LEASE_SECONDS,
    Books,
    MakeLimiter,
    lines,
    money,
    name,
    now_us,
    slots,
    take,
    used,
)
from tests.support.limiter_processes import Processes, check_no_budget_is_overspent, flushed, is_used, over_postgres
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer
from tests.support.waiting import eventually


@pytest.mark.parametrize("parameters", ["", "?pgbouncer=true"], ids=["direct", "pooled"])
@pytest.mark.parametrize("check_that", CONTRACT, ids=lambda check: check.__name__)
async def test_contract(
    check_that: Callable[[MakeLimiter], Awaitable[None]], postgres: PostgresServer, parameters: str
) -> None:
    async with over_postgres(postgres.url() + parameters) as every:

        async def make(seed: Seed) -> Limiter:
            return every.start(seed)

        await check_that(make)


async def test_no_budget_is_overspent_however_often_the_server_dies(postgres: PostgresServer) -> None:
    """What it has committed it keeps: nothing is counted twice, nothing is lost."""

    def crash() -> None:
        postgres.kill()
        postgres.start()

    async with over_postgres(postgres.url()) as every:
        assert await check_no_budget_is_overspent(every, crash) == every.books.spent


async def test_a_process_that_stands_still_holds_nobody_up_for_long(postgres: PostgresServer) -> None:
    async with over_postgres(postgres.url()) as every:
        limiter, budget = every.start(), money(100)
        await take(limiter, (budget, 1))
        other = await asyncpg.connect(postgres.url(), server_settings={"idle_in_transaction_session_timeout": "300ms"})
        await other.execute("BEGIN; UPDATE limit_counts SET held = held")
        await take(limiter, (budget, 1))
        assert await used(limiter, budget) == [2]
        other.terminate()


async def test_nobody_waits_long_for_a_server_that_is_away() -> None:
    async with over_postgres(f"postgresql://postgres@127.0.0.1:{free_port()}/none") as every:
        limiter = every.start()
        with pytest.raises(LimitsUnavailable):
            await limiter.reserve(name(), lines((slots(1), 1)), LEASE_SECONDS)


class Counting(Postgres):
    """Counts its transactions, and what went in them."""

    def __init__(self, url: DatabaseUrl) -> None:
        super().__init__(url, timeout_seconds=10.0)
        self.batches: list[int] = []

    async def _carry_out(self, batch: Sequence[Command]) -> Sequence[Answer | CommandFailed]:
        self.batches.append(sum(command.name != "beat" for command in batch))
        return await super()._carry_out(batch)


async def test_all_that_wait_for_one_budget_go_together(postgres: PostgresServer) -> None:
    """So that one hot row takes 2,000 reservations a second and more, where one by one it were some hundred."""
    stores: list[Counting] = []

    def store() -> Counting:
        stores.append(Counting(parse_url(Secret(postgres.url()))))
        return stores[-1]

    every, budget = Processes(store), money(10**15)
    limiters = [every.start() for _ in range(4)]

    async def calls(limiter: SharedLimiter) -> None:
        for _ in range(10):
            limiter.settle(await take(limiter, (budget, 2)), [1])

    await asyncio.gather(*(calls(limiter) for limiter in limiters for _ in range(16)))
    await is_used(limiters[0], [640], budget)
    for one in stores:
        busy = [size for size in one.batches if size]
        assert sum(busy) >= 320, "each of 16 callers reserves ten times and settles as often"
        assert sum(busy) / len(busy) >= 8, busy
    for limiter in limiters:
        await limiter.close()


async def test_processes_hear_of_each_other(postgres: PostgresServer) -> None:
    async with over_postgres(postgres.url()) as every:
        limiters = [every.start(), every.start()]
        for limiter in limiters:
            await limiter.used([], now_us())
            await limiter._beat_once()
        await limiters[0]._beat_once()
        assert [limiter.processes for limiter in limiters] == [2, 2]


async def test_what_is_over_leaves_the_tables(postgres: PostgresServer) -> None:
    async with over_postgres(postgres.url()) as every:
        limiter, budget = every.start(), money(100)
        limiter.settle(await take(limiter, (budget, 5)), [5])
        await is_used(limiter, [5], budget)
        postgres.sql("UPDATE limit_counts SET kept_until_us = 1")

        async def is_tidy() -> bool:
            return postgres.sql("SELECT count(*) FROM limit_counts WHERE held = 0 AND kept_until_us = 1") == "0"

        await eventually(is_tidy, "counts that are over are gone")
        every.books.spent = 5
        assert await used(limiter, budget) == [5]


async def test_a_budget_without_a_period_stays_while_it_is_spent(postgres: PostgresServer) -> None:
    """The ledger does not know yet what was settled just now."""
    async with over_postgres(postgres.url()) as every:
        limiter, budget = every.start(), money(100)
        running = await take(limiter, (budget, 7))
        postgres.sql("UPDATE limit_counts SET kept_until_us = 1")
        limiter.settle(running, [5])
        await is_used(limiter, [5], budget)
        await limiter._beat_once()
        assert await used(limiter, budget) == [5]


async def test_the_limiter_of_a_process_counts_in_the_database(postgres: PostgresServer) -> None:
    url, books, held = parse_url(Secret(postgres.url())), Books(spent=40), list[str]()
    limiter = postgres_limiter(url, SystemClock(), seed=books.seed, flushed=flushed, hold=held.append)
    budget = money(100)
    limiter.settle(await take(limiter, (budget, 10)), [7])
    assert await used(limiter, budget) == [47]
    await limiter.close()

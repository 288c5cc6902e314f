from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.limits.limiter import line_at
from sekisho.limits.periods import NEVER_US, period_at
from sekisho.limits.rule import Measure, Rule
from sekisho.limits.shared import _count
from sekisho.limits.stock import Count, Counted, Reservation, Stock, add_settled, counted, is_slot, stock_in
from sekisho.store.postgres import PostgresDatabase
from tests.support.limiter_contract import Books, money, now_us, rate, slots, take
from tests.support.limiter_processes import is_used, over_postgres
from tests.support.postgres import PostgresServer, open_postgres

names = st.text(max_size=12)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    server = PostgresServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def db(server: PostgresServer) -> Iterator[PostgresDatabase]:
    db = open_postgres(server)
    server.sql("TRUNCATE limit_counts, limit_reservations")
    yield db
    db.close()


@given(
    scope_id=names,
    model=names,
    measure=st.sampled_from(Measure),
    period=st.sampled_from([("", "UTC"), ("60s", "UTC"), ("1d", "Asia/Tokyo"), ("1mo", "America/New_York")]),
    at_us=st.integers(min_value=10**15, max_value=4 * 10**15),
)
def test_a_name_says_all_that_it_was_made_of(
    scope_id: str, model: str, measure: Measure, period: tuple[str, str], at_us: int
) -> None:
    duration, zone = period
    rule = Rule(
        scope_kind="team_member",
        scope_id=scope_id,
        measure=measure,
        limit=1,
        period=duration,
        time_zone=zone,
        model=model,
    )
    starts_us, ends_us = period_at(duration, zone, at_us)
    name = _count(line_at(rule, 1, at_us))
    what = counted(name)
    assert what == Counted("team_member", scope_id, measure, duration, zone, model, starts_us)
    assert what.ends_us == ends_us
    assert is_slot(name) == (measure is Measure.PARALLEL)
    assert ends_us == NEVER_US or duration


async def test_what_postgresql_holds(server: PostgresServer, db: PostgresDatabase) -> None:
    budget, running, tokens = money(1_000), slots(5), rate(Measure.TOKENS, 1_000)
    async with over_postgres(server.url()) as every:
        limiter = every.start(Books(7).seed)
        done = await take(limiter, (budget, 50), (running, 1), (tokens, 9))
        limiter.settle(done, [30, 0, 8])
        await is_used(limiter, [37, 0, 8], budget, running, tokens)
        call = await take(limiter, (budget, 50), (running, 1), (tokens, 9))
        stock = db.read(stock_in).result()
        by_scope = {(counted(name).scope_id, counted(name).measure): count for name, count in stock.counts.items()}
        assert by_scope == {
            (budget.scope_id, "money"): Count(37, 50),
            (running.scope_id, "parallel"): Count(0, 1),
            (tokens.scope_id, "tokens"): Count(8, 9),
        }
        assert {name: sorted(amount for _, amount in each.lines) for name, each in stock.reservations.items()} == {
            call: [1, 9, 50]
        }
        assert stock.unbalanced() == {}
        at_us = now_us()
        name = _count(line_at(budget, 0, at_us))
        db.write(lambda connection: add_settled(connection, {name: -10})).result()
        await is_used(limiter, [77], budget)


def test_a_reservation_whose_process_is_gone_holds_no_slots_any_more(db: PostgresDatabase) -> None:
    lines = '[["m:key:money::1:a::0",5],["t:key:parallel::1:a::0",1]]'
    db.write(
        lambda connection: connection.exec_driver_sql(
            "INSERT INTO limit_reservations VALUES "
            f"('runs', '{lines}', 0, 1), ('lost', '{lines}', 1, 1), ('over', '{lines}', 2, 1)"
        ).close()
    ).result()
    assert db.read(stock_in).result().reservations == {
        "runs": Reservation((("m:key:money::1:a::0", 5), ("t:key:parallel::1:a::0", 1))),
        "lost": Reservation((("m:key:money::1:a::0", 5),), lost=True),
    }


def test_counts_that_do_not_hold_what_their_reservations_do() -> None:
    stock = Stock({"a": Count(0, 5), "b": Count(0, 3), "c": Count(None, 0)}, {"x": Reservation((("a", 5), ("b", 1)))})
    assert stock.unbalanced() == {"b": 2}

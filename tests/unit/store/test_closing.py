from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from threading import Event
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Connection

from sekisho.ledger.rows import to_columns
from sekisho.store.booking import insert_calls
from sekisho.store.closing import GRACE_US, close_next, closed_ranges, differing, month_of, next_month
from sekisho.store.correct import Correction, Run, Wanted, correct_calls, hold_calls, portion
from sekisho.store.cube import Window, sums
from sekisho.store.db import Store
from sekisho.store.usage import DAY_US
from tests.support.ledger import NOW_US, row, run_sql
from tests.support.postgres import PostgresServer, open_postgres

#: 1 November 2023; calls are made on 75 days from 11 September on, but for two weeks.
NOVEMBER = 1_698_796_800_000_000
FIRST = NOVEMBER - 51 * DAY_US
DAYS = [day for day in range(75) if not 20 <= day < 34]
TODAY = FIRST + 75 * DAY_US + GRACE_US
EVER = (0, 10**18)
WINDOWS = (
    EVER,
    (FIRST + 3 * DAY_US, NOVEMBER + 4 * DAY_US),
    (NOVEMBER - 31 * DAY_US, NOVEMBER),
    (NOVEMBER, NOVEMBER + 1),
)


def call(day: int, number: int = 0) -> dict[str, Any]:
    """Of a few users in two teams, with two models."""
    who = {"user_id": f"u{number % 3}", "key_hash": f"k{number % 4}", "team_id": f"t{number % 2}"}
    what = {"routed_model": f"m{day % 2}", "tool": "codex", "tags": ("x",) if number else (), "organization_id": "o"}
    return who | what | {"started_us": FIRST + day * DAY_US + number, "cost_nano_usd": day + number}


def book(db: Store, *calls: dict[str, Any]) -> None:
    rows = [to_columns(row(**one)) for one in calls]
    db.write(lambda connection: insert_calls(connection, rows)).result()


def close_all(db: Store, now_us: int = TODAY) -> int:
    closed = 0
    while db.write(partial(close_next, now_us=now_us)).result():
        closed += 1
    return closed


def reports(db: Store) -> list[Any]:
    """By each kind of sums that there is, over several windows."""
    kinds = [("", "day"), *((name, other) for name in ("tag", "model", "team", "user", "key") for other in ("", "day"))]
    kinds += [("team", "model"), ("user", "model"), ("", "")]

    def read(connection: Any) -> list[Any]:
        return [
            sums(connection, Window(*window), [name for name in by if name], limit=10_000)
            for window in WINDOWS
            for by in kinds
        ]

    return db.read(read).result()


def ranges(db: Store, unit: str) -> list[tuple[int, int]]:
    return db.read(lambda connection: closed_ranges(connection, unit, *EVER)).result()


@pytest.fixture
def booked(db: Store) -> Store:
    book(db, *(call(day, number) for day in DAYS for number in range(5)))
    return db


def test_reports_are_the_same_when_days_and_months_are_closed(booked: Store) -> None:
    before = reports(booked)
    assert close_all(booked) == len(DAYS) + 2
    assert ranges(booked, "day") == [(FIRST, FIRST + 75 * DAY_US)]
    assert ranges(booked, "month") == [(NOVEMBER - 61 * DAY_US, NOVEMBER)]
    assert reports(booked) == before
    assert booked.read(lambda connection: list(differing(connection))).result() == []


@pytest.mark.parametrize("day", [5, 25, 70])
def test_a_late_call_opens_its_day_and_month_until_they_are_closed_anew(booked: Store, day: int) -> None:
    close_all(booked)
    book(booked, call(day, 1))
    at_us = FIRST + day * DAY_US
    assert all(not start <= at_us < end for unit in ("day", "month") for start, end in ranges(booked, unit))
    opened = reports(booked)
    assert sum(one["calls"] for one in opened[0]) == len(DAYS) * 5 + 1
    assert close_all(booked) >= 1
    assert reports(booked) == opened
    assert booked.read(lambda connection: list(differing(connection))).result() == []


def test_a_day_that_is_not_over_stays_open(booked: Store) -> None:
    close_all(booked, TODAY - 1)
    assert ranges(booked, "day") == [(FIRST, FIRST + 74 * DAY_US)]


def test_what_was_not_summed_up_rightly_is_told(booked: Store) -> None:
    close_all(booked)
    run_sql(booked, f"UPDATE usage_user_days SET calls = calls + 1 WHERE starts_us = {FIRST}")
    run_sql(booked, f"DELETE FROM usage_months WHERE starts_us = {NOVEMBER - 31 * DAY_US}")
    found = booked.read(lambda connection: list(differing(connection))).result()
    assert found == [("usage_user_days", FIRST), ("usage_months", NOVEMBER - 31 * DAY_US)]


def beside_closing(postgres: PostgresServer, db: Store, work: Callable[[Connection], object]) -> None:
    """Do something in a transaction that ends after a day was summed up and before it is marked, if it can be."""
    other = open_postgres(postgres, "stores")

    def waits(connection: Connection) -> bool:
        query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        return bool(connection.execute(text(query)).scalar())

    def working(connection: Connection) -> Future[bool]:
        work(connection)
        closing = other.write(partial(close_next, now_us=TODAY))
        while not (closing.done() or other.read_now(waits)):
            Event().wait(0.005)
        return closing

    db.write(working).result().result(timeout=30)
    other.close()


@pytest.mark.parametrize("db", ["postgresql"], indirect=True)
def test_a_day_that_is_priced_anew_while_it_is_summed_up_is_not_closed(db: Store, postgres: PostgresServer) -> None:
    book(db, call(0, 1) | {"provider": "p"})

    def correct(connection: Connection) -> None:
        hold_calls(connection)
        [found] = portion(connection, Wanted(FIRST, TODAY), (FIRST, ""))
        correct_calls(connection, Run("run", "somebody", NOW_US), [Correction(found, 1_000, "new")])

    beside_closing(postgres, db, correct)
    assert db.read(lambda connection: list(differing(connection))).result() == []
    close_all(db)
    assert [one["cost_nano_usd"] for one in reports(db)[0]] == [1_000]


@pytest.mark.parametrize("db", ["postgresql"], indirect=True)
def test_a_late_call_on_a_day_without_any_is_seen_at_once(db: Store, postgres: PostgresServer) -> None:
    book(db, call(0), call(3))
    late = to_columns(row(**call(1)))
    beside_closing(postgres, db, lambda connection: insert_calls(connection, [late]))
    assert sum(one["calls"] for one in reports(db)[0]) == 3


def test_a_call_that_is_booked_while_sums_are_compared_is_no_difference(db: Store, postgres: PostgresServer) -> None:
    other = db if db.local else open_postgres(postgres, "stores")
    book(db, call(0), call(1))
    close_all(db)
    run_sql(db, f"UPDATE usage_user_days SET calls = calls + 1 WHERE starts_us = {FIRST}")

    def compare(connection: Connection) -> list[tuple[str, int]]:
        found = differing(connection)
        first = next(found)
        book(other, call(1, 1))
        return [first, *found]

    assert db.read(compare).result() == [("usage_user_days", FIRST)]
    if other is not db:
        other.close()


def test_nothing_used_is_nothing_to_close(db: Store) -> None:
    assert close_all(db) == 0


def test_months_are_those_of_the_calendar() -> None:
    assert month_of(NOW_US) == NOVEMBER
    assert (next_month(NOVEMBER) - NOVEMBER) // DAY_US == 30
    assert next_month(next_month(NOVEMBER)) == NOVEMBER + 61 * DAY_US

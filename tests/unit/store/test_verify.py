from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select

from sekisho.ledger.rows import to_columns
from sekisho.store.booking import insert_calls
from sekisho.store.days import drop_days
from sekisho.store.db import Store
from sekisho.store.schema import usage_days
from sekisho.store.usage import DAY_US, HOUR_US, count_anew
from sekisho.store.verify import TOLD_OF_A_DAY, Verified, verify_day
from tests.support.ledger import NOW_US, row, run_sql

DAY = NOW_US - NOW_US % DAY_US


@pytest.fixture
def db(db: Store) -> Store:
    put(db, *({"user_id": f"u{n % 3}", "started_us": DAY + n * HOUR_US, "cost_nano_usd": n} for n in range(30)))
    return db


def put(db: Store, *changes: dict[str, Any]) -> None:
    rows = [to_columns(row(**each)) for each in changes]
    db.write(lambda connection: insert_calls(connection, rows)).result()


def verified(db: Store, day_us: int = DAY) -> Verified:
    return db.read(partial(verify_day, day_us=day_us)).result()


def test_books_that_agree_have_no_difference(db: Store) -> None:
    assert [verified(db, day) for day in (DAY, DAY + DAY_US, DAY + 2 * DAY_US)] == [
        Verified(DAY, 24, ()),
        Verified(DAY + DAY_US, 6, ()),
        Verified(DAY + 2 * DAY_US, 0, ()),
    ]


@pytest.mark.parametrize(
    ("damage", "table", "measures"),
    [
        (
            f"UPDATE usage_hours SET cost_nano_usd = 9 WHERE starts_us = {DAY + HOUR_US}",
            "usage_hours",
            {"cost_nano_usd": 1},
        ),
        (f"DELETE FROM usage_hours WHERE starts_us = {DAY}", "usage_hours", {"calls": 1}),
        (
            f"UPDATE usage_days SET calls = calls + 1 WHERE starts_us = {DAY} AND user_id = 'u1'",
            "usage_days",
            {"calls": 8},
        ),
    ],
)
def test_what_differs_is_told_with_its_row(db: Store, damage: str, table: str, measures: dict[str, int]) -> None:
    run_sql(db, damage)
    [difference] = [each for each in verified(db).differences if each.table == table]
    assert difference.by_rows.items() >= measures.items()
    assert difference.dimensions["user_id"].startswith("u")
    assert "instead of" in str(difference)
    db.write(partial(count_anew, day_us=DAY)).result()
    assert verified(db).differences == ()
    assert verified(db, DAY + DAY_US).calls == 6


def test_calls_that_nobody_counted_and_counts_without_calls(db: Store) -> None:
    run_sql(db, "DELETE FROM calls WHERE user_id = 'u2'")
    told = verified(db).differences
    assert len(told) == 8 + 1
    run_sql(db, "DELETE FROM usage_hours")
    assert len(verified(db).differences) == TOLD_OF_A_DAY


def test_a_day_whose_calls_are_given_up_meanwhile_keeps_its_roll_ups(db: Store) -> None:
    differs = f"UPDATE usage_hours SET cost_nano_usd = 9 WHERE starts_us = {DAY + HOUR_US}"
    run_sql(db, differs)
    drop_days(db, DAY + DAY_US, DAY + DAY_US)
    assert verified(db) == Verified(DAY, 0, ())
    assert not db.write(partial(count_anew, day_us=DAY)).result()
    kept = db.read(lambda connection: connection.execute(select(func.sum(usage_days.c.calls))).scalar()).result()
    assert kept == 30

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from sekisho.ledger.rows import to_columns
from sekisho.store.booking import insert_calls
from sekisho.store.days import PORTION, drop_days, drop_portion, ensure_days, table_of_day
from sekisho.store.db import Store
from sekisho.store.postgres import PostgresDatabase
from sekisho.store.schema import calls, usage_days
from sekisho.store.usage import DAY_US, days_with_calls
from tests.support.ledger import NOW_US, row

#: 2001-02-03: a day that no other test has calls of.
DAY = 11_356 * DAY_US
PARTS = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'calls'::regclass AND inhrelid::regclass::text LIKE "


def put(db: Store, *days: int) -> None:
    rows = [to_columns(row(call_id=f"{day}", started_us=DAY + day * DAY_US, cost_nano_usd=1)) for day in days]
    db.write(lambda connection: insert_calls(connection, rows)).result()


def left(db: Store) -> list[str]:
    query = select(calls.c.call_id).order_by(calls.c.started_us)
    return list(db.read(lambda connection: connection.execute(query).scalars().all()).result())


def parts(db: Store, like: str) -> int:
    return int(db.read(lambda connection: connection.exec_driver_sql(f"{PARTS} '{like}'").scalar_one()).result())


def test_a_days_table_is_named_by_its_day() -> None:
    assert [table_of_day(DAY), table_of_day(DAY + DAY_US - 1), table_of_day(0)] == [
        "calls_20010203",
        "calls_20010203",
        "calls_19700101",
    ]


def test_days_leave_whole_and_what_was_counted_stays(db: Store) -> None:
    put(db, 0, 1, 2)
    assert drop_days(db, DAY + 2 * DAY_US + 5, NOW_US) >= 2
    assert left(db) == ["2"]
    counted = db.read(lambda connection: connection.execute(select(usage_days.c.calls)).scalars().all()).result()
    assert list(counted) == [1, 1, 1]
    put(db, 0)
    assert left(db) == ["0", "2"]


def test_a_day_and_the_next_have_their_tables_before_their_first_call(db: Store) -> None:
    if not isinstance(db, PostgresDatabase):
        pytest.skip("SQLite has one table for all days")
    put(db, 30, 40)
    assert parts(db, "calls_200103%") == 3  # 5, 15 and 16 March
    both = [db.write(lambda connection: ensure_days(connection, [DAY + 60 * DAY_US])) for _ in range(8)]
    for each in both:
        each.result()
    assert parts(db, "calls_200104%") == 2


def test_no_calls_need_no_tables(db: Store) -> None:
    def nothing(connection: Any) -> None:
        ensure_days(connection, [])

    db.write(nothing).result()
    assert left(db) == []


def test_a_day_that_is_not_over_stays_whatever_is_asked(db: Store) -> None:
    put(db, 0, 1)
    drop_days(db, DAY + 9 * DAY_US, now_us=DAY + DAY_US + 5)
    assert left(db) == ["1"]


def test_days_that_were_given_up_are_not_compared_any_more(db: Store) -> None:
    put(db, 0, 1, 2)
    assert db.read(days_with_calls).result() == [DAY, DAY + DAY_US, DAY + 2 * DAY_US]
    drop_days(db, DAY + DAY_US, NOW_US)
    put(db, 0)  # settled late
    assert db.read(days_with_calls).result() == [DAY + DAY_US, DAY + 2 * DAY_US]


def test_one_table_of_calls_loses_them_some_at_a_time(db: Store) -> None:
    if isinstance(db, PostgresDatabase):
        pytest.skip("PostgreSQL drops the table of a day")
    rows = [to_columns(row(call_id=f"{number}", started_us=DAY + number)) for number in range(PORTION + 5)]
    db.write(lambda connection: insert_calls(connection, rows)).result()
    gone = [db.write(partial(drop_portion, before_us=DAY + DAY_US, now_us=NOW_US)).result() for _ in range(3)]
    assert gone == [PORTION, 5, 0]

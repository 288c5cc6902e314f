from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from sekisho.ledger.rows import to_columns
from sekisho.store.booking import insert_calls
from sekisho.store.days import drop_days, ensure_days, table_of_day
from sekisho.store.db import Store
from sekisho.store.postgres import PostgresDatabase
from sekisho.store.schema import calls, usage_days
from sekisho.store.usage import DAY_US
from tests.support.ledger import row

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
    gone = db.write(lambda connection: drop_days(connection, DAY + 2 * DAY_US + 5)).result()
    assert gone >= 2
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

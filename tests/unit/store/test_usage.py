from __future__ import annotations

from functools import partial
from typing import Any

from sqlalchemy import Table, select

from sekisho.ledger.rows import to_columns
from sekisho.store.booking import insert_calls
from sekisho.store.db import Store
from sekisho.store.schema import USAGE_DIMENSIONS, usage_days, usage_hours
from sekisho.store.usage import DAY_US, HOUR_US, count_anew, days_with_calls, usage_id
from tests.support.ledger import NOW_US, row, run_sql

HOUR = NOW_US - NOW_US % HOUR_US
DAY = NOW_US - NOW_US % DAY_US


def put(db: Store, *changes: dict[str, Any]) -> None:
    rows = [to_columns(row(**each)) for each in changes]
    db.write(lambda connection: insert_calls(connection, rows)).result()


def rows_of(db: Store, table: Table) -> list[dict[str, Any]]:
    query = select(table).order_by(table.c.starts_us, table.c.cost_nano_usd, table.c.usage_id)
    return db.read(lambda connection: [dict(found) for found in connection.execute(query).mappings()]).result()


def test_calls_alike_are_one_row_an_hour_and_one_a_day(db: Store) -> None:
    alike = {"user_id": "u", "key_hash": "k", "routed_model": "m", "requested_model": "asked", "tags": ("b", "a", "b")}
    put(
        db,
        {"started_us": HOUR, "ended_us": HOUR + 5, "cost_nano_usd": 1, "input_tokens": 2} | alike,
        {"started_us": HOUR + 1, "ended_us": HOUR, "status": "failure", "output_tokens": 3} | alike,
        {"started_us": HOUR + 2, "ended_us": HOUR + 9, "status": "incomplete", "cost_nano_usd": 4} | alike,
    )
    put(db, {"started_us": HOUR + HOUR_US, "ended_us": HOUR + HOUR_US, "cost_nano_usd": 8} | alike)
    first, second = rows_of(db, usage_hours)
    measured = {"calls": 3, "errors": 1, "incomplete": 1, "unpriced": 1, "input_tokens": 2, "output_tokens": 3}
    assert first.items() >= (measured | {"cost_nano_usd": 5, "latency_us": 12, "starts_us": HOUR}).items()
    assert (first["user_id"], first["model"], first["tags"], first["region"]) == ("u", "m", '["a","b"]', "")
    assert (second["starts_us"], second["calls"], second["cost_nano_usd"]) == (HOUR + HOUR_US, 1, 8)
    [day] = rows_of(db, usage_days)
    assert (day["starts_us"], day["calls"], day["cost_nano_usd"], day["usage_id"]) == (DAY, 4, 13, first["usage_id"])


def test_calls_that_differ_in_anything_are_apart(db: Store) -> None:
    columns = [name for name in USAGE_DIMENSIONS if name not in {"tags", "model"}]
    put(db, *({"routed_model": "m", name: "other"} for name in columns), {"tags": ("t",)}, {"routed_model": "n"}, {})
    assert [found["calls"] for found in rows_of(db, usage_hours)] == [1] * (len(columns) + 3)


def test_names_that_no_deployment_serves_are_not_told_apart(db: Store) -> None:
    put(db, *({"requested_model": f"made up {number}", "status": "failure"} for number in range(5)))
    assert [(found["calls"], found["requested_model"]) for found in rows_of(db, usage_hours)] == [(5, "")]


def test_roll_ups_made_anew_are_what_they_were(db: Store) -> None:
    put(db, *({"started_us": NOW_US + number * HOUR_US, "user_id": f"u{number % 2}"} for number in range(40)))
    before = rows_of(db, usage_hours), rows_of(db, usage_days)
    run_sql(db, "UPDATE usage_hours SET calls = 9")
    run_sql(db, "DELETE FROM usage_days")
    days = db.read(days_with_calls).result()
    assert days == sorted({at // DAY_US * DAY_US for at in (NOW_US + number * HOUR_US for number in range(40))})
    for day_us in days:
        db.write(partial(count_anew, day_us=day_us)).result()
    assert (rows_of(db, usage_hours), rows_of(db, usage_days)) == before


def test_the_name_of_a_row_is_the_same_in_every_release() -> None:
    assert usage_id(("k", "u", "")) == "aa73ee901ae6a7ae7ce4f5d576d7aeaa"
    assert len({usage_id(dimensions) for dimensions in (("a", ""), ("", "a"), ('a","', ""))}) == 3

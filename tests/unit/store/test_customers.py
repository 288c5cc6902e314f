from __future__ import annotations

from typing import Any

import pytest

from sekisho.ledger.rows import to_columns
from sekisho.store.booking import insert_calls
from sekisho.store.cube import Window
from sekisho.store.customers import count_customer_calls, customer_sums
from sekisho.store.db import Store
from sekisho.store.schema import USAGE_MEASURES, calls
from tests.support.ledger import NOW_US, row

DAY_US = 86_400_000_000
MIDNIGHT_US = NOW_US - NOW_US % DAY_US
ALL = Window(0, 10**18)


@pytest.fixture(autouse=True)
def used(db: Store) -> None:
    made: list[dict[str, Any]] = [
        {"end_user": "e", "routed_model": "m", "cost_nano_usd": 5, "input_tokens": 2},
        {"end_user": "e", "routed_model": "n", "cost_nano_usd": 6, "status": "incomplete"},
        {"end_user": "f", "routed_model": "m", "cost_nano_usd": None, "status": "failure"},
        {"end_user": "f", "started_us": NOW_US + DAY_US, "ended_us": NOW_US + DAY_US + 10, "cost_nano_usd": 1},
        {"routed_model": "m", "cost_nano_usd": 100},
    ]
    rows = [to_columns(row(**call)) for call in made]
    db.write(lambda connection: insert_calls(connection, rows)).result()


def summed(db: Store, *by: str, window: Window = ALL, limit: int = 10) -> list[dict[str, Any]]:
    return db.read_now(lambda connection: customer_sums(connection, window, by, limit=limit))


def test_calls_that_name_an_end_user_are_summed_by_them_the_costliest_first(db: Store) -> None:
    first, second = summed(db, "end_user")
    assert set(first) == {"end_user", *USAGE_MEASURES}
    assert (first["end_user"], first["calls"], first["cost_nano_usd"], first["incomplete"]) == ("e", 2, 11, 1)
    assert (second["end_user"], second["calls"], second["cost_nano_usd"], second["errors"]) == ("f", 2, 1, 1)
    assert (first["input_tokens"], second["unpriced"], second["latency_us"]) == (2, 1, 1_500_010)
    assert {type(first[name]) for name in USAGE_MEASURES} == {int}
    assert summed(db, "end_user", limit=1) == [first]


def test_by_day_and_whatever_a_call_says(db: Store) -> None:
    rows = summed(db, "end_user", "day", "model", "model_group", "provider", "key")
    assert {(one["end_user"], one["day"] - MIDNIGHT_US, one["model"], one["key"]) for one in rows} == {
        ("e", 0, "m", ""),
        ("e", 0, "n", ""),
        ("f", 0, "m", ""),
        ("f", DAY_US, "", ""),
    }


def test_only_the_window_is_read(db: Store) -> None:
    window = Window(MIDNIGHT_US, MIDNIGHT_US + DAY_US)
    assert [one["calls"] for one in summed(db, window=window)] == [3]
    narrowed = [calls.c.end_user == "f"]
    assert db.read_now(lambda connection: count_customer_calls(connection, window, narrowed)) == 1
    assert db.read_now(lambda connection: count_customer_calls(connection, ALL)) == 4

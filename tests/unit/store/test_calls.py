from __future__ import annotations

from typing import Any

import pytest

from sekisho.ledger.rows import to_columns
from sekisho.store.booking import insert_calls
from sekisho.store.calls import CallFilter, count_calls, find_calls, newest_from_us, spend_by_day
from sekisho.store.db import Store
from tests.support.ledger import NOW_US, row

DAY = 86_400_000_000
MIDNIGHT = NOW_US - NOW_US % DAY


def put(db: Store, *changes: dict[str, Any]) -> int:
    rows = [to_columns(row(**each)) for each in changes]
    return db.write(lambda connection: insert_calls(connection, rows)).result()


def ids(db: Store, wanted: CallFilter, **options: Any) -> list[str]:
    options = {"limit": 100} | options
    return [found["call_id"] for found in db.read_now(lambda connection: find_calls(connection, wanted, **options))]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (CallFilter(), ["3", "2", "1"]),
        (CallFilter(key_hash="k"), ["2", "1"]),
        (CallFilter(user_id="u"), ["3"]),
        (CallFilter(call_id="2"), ["2"]),
        (CallFilter(statuses=("failure", "incomplete")), ["3"]),
        (CallFilter(model="served"), ["2"]),
        (CallFilter(model="asked"), ["1"]),
        (CallFilter(http_status=500), ["3"]),
        (CallFilter(from_us=NOW_US + 1), ["3", "2"]),
        (CallFilter(until_us=NOW_US + 2), ["2", "1"]),
        (CallFilter(min_cost_nano_usd=5), ["2"]),
        (CallFilter(max_cost_nano_usd=4), ["1"]),
        (CallFilter(key_hash="k", user_id="u"), []),
    ],
)
def test_filters_hold_together(db: Store, wanted: CallFilter, found: list[str]) -> None:
    put(
        db,
        {"call_id": "1", "key_hash": "k", "requested_model": "asked", "cost_nano_usd": 4},
        {"call_id": "2", "key_hash": "k", "served_model": "served", "started_us": NOW_US + 1, "cost_nano_usd": 5},
        {"call_id": "3", "user_id": "u", "status": "failure", "http_status": 500, "started_us": NOW_US + 2},
    )
    assert ids(db, wanted) == found
    assert db.read_now(lambda connection: count_calls(connection, wanted)) == len(found)


def test_pages_are_cut_and_sorted(db: Store) -> None:
    put(db, *({"call_id": str(number), "started_us": NOW_US + number, "cost_nano_usd": -number} for number in range(5)))
    assert ids(db, CallFilter(), limit=2, offset=1) == ["3", "2"]
    assert ids(db, CallFilter(), limit=2, sort_by="spend") == ["0", "1"]
    assert ids(db, CallFilter(), limit=2, ascending=True) == ["0", "1"]


def test_spend_is_summed_by_day_key_user_and_model(db: Store) -> None:
    shared = {"key_hash": "k", "user_id": "u", "routed_model": "m"}
    put(
        db,
        {"started_us": MIDNIGHT, "cost_nano_usd": 1} | shared,
        {"started_us": MIDNIGHT + DAY - 1, "cost_nano_usd": 2} | shared,
        {"started_us": MIDNIGHT + DAY, "cost_nano_usd": 4} | shared,
    )
    days = db.read_now(lambda connection: spend_by_day(connection, CallFilter(), limit=10))
    assert [(day["day_us"], day["cost_nano_usd"]) for day in days] == [(MIDNIGHT, 3), (MIDNIGHT + DAY, 4)]


@pytest.mark.parametrize(("most", "from_us"), [(3, None), (2, NOW_US + 1), (1, NOW_US + 2)])
def test_only_so_many_of_the_newest_are_searched(db: Store, most: int, from_us: int | None) -> None:
    put(db, *({"call_id": f"{number}", "started_us": NOW_US + number, "user_id": "u"} for number in range(3)))
    wanted = CallFilter(user_id="u")
    assert db.read_now(lambda connection: newest_from_us(connection, wanted, most)) == from_us

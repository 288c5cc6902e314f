from __future__ import annotations

from typing import Any

import pytest

from sekisho.ledger.rows import to_columns
from sekisho.store.booking import insert_calls
from sekisho.store.cube import DIMENSIONS, Window, count_rows, sums, tagged, total_of
from sekisho.store.db import Store
from sekisho.store.schema import usage_days
from tests.support.ledger import NOW_US, row

HOUR_US, DAY_US = 3_600_000_000, 86_400_000_000
MIDNIGHT_US = NOW_US - NOW_US % DAY_US
ALL = Window(0, 10**18)


@pytest.fixture(autouse=True)
def used(db: Store) -> None:
    calls: list[dict[str, Any]] = [
        {"user_id": "a", "team_id": "t", "routed_model": "m", "tags": ("x", "y"), "cost_nano_usd": 5},
        {"user_id": "a", "team_id": "t", "routed_model": "n", "tags": ("x",), "cost_nano_usd": 7, "input_tokens": 3},
        {"user_id": "b", "routed_model": "m", "status": "failure", "cost_nano_usd": None, "tool": "codex"},
        {"user_id": "b", "routed_model": "m", "started_us": NOW_US + DAY_US, "ended_us": NOW_US + DAY_US + 10},
    ]
    rows = [to_columns(row(**call)) for call in calls]
    db.write(lambda connection: insert_calls(connection, rows)).result()


def summed(db: Store, *by: str, window: Window = ALL, limit: int = 100, **filters: Any) -> dict[Any, tuple[int, ...]]:
    def read(connection: Any) -> list[dict[str, Any]]:
        table = window.table
        conditions = [table.c[DIMENSIONS[name]] == value for name, value in filters.items()]
        return sums(connection, window, by, conditions, limit=limit)

    found = db.read_now(read)
    return {
        tuple(one[name] for name in by) if len(by) != 1 else one[by[0]]: (one["calls"], one["cost_nano_usd"])
        for one in found
    }


def test_all_together(db: Store) -> None:
    assert summed(db) == {(): (4, 12)}
    assert summed(db, window=Window(0, 1)) == {(): (0, 0)}


def test_by_one_dimension_and_by_two(db: Store) -> None:
    assert summed(db, "user") == {"a": (2, 12), "b": (2, 0)}
    assert summed(db, "user", "model") == {("a", "n"): (1, 7), ("a", "m"): (1, 5), ("b", "m"): (2, 0)}
    assert summed(db, "tool") == {"": (3, 12), "codex": (1, 0)}


def test_by_day_and_by_hour(db: Store) -> None:
    assert summed(db, "day") == {MIDNIGHT_US: (3, 12), MIDNIGHT_US + DAY_US: (1, 0)}
    hour = NOW_US - NOW_US % HOUR_US
    assert summed(db, "hour", window=Window(hour, hour + HOUR_US, hourly=True)) == {hour: (3, 12)}


def test_a_call_counts_under_each_of_its_tags(db: Store) -> None:
    assert summed(db, "tag") == {"x": (2, 12), "y": (1, 5), "": (2, 0)}
    assert summed(db, "tag", "user") == {("x", "a"): (2, 12), ("y", "a"): (1, 5), ("", "b"): (2, 0)}


def test_the_costliest_come_first_and_there_is_a_limit(db: Store) -> None:
    assert list(summed(db, "model", limit=1)) == ["n"]
    assert list(summed(db, "tag", limit=1)) == ["x"]


def test_only_what_meets_the_conditions_is_summed(db: Store) -> None:
    assert summed(db, user="a", team="t") == {(): (2, 12)}

    def read(connection: Any) -> int:
        found = sums(connection, ALL, (), tagged(usage_days, ["y", "no_such%"]), limit=1)
        return int(found[0]["calls"])

    assert db.read_now(read) == 1
    assert tagged(usage_days, []) == []


def test_the_groups_together_are_the_whole(db: Store) -> None:
    def read(connection: Any) -> tuple[dict[str, Any], dict[str, Any], int]:
        groups = sums(connection, ALL, ("user", "model", "day"), limit=100)
        return total_of(groups), sums(connection, ALL, (), limit=1)[0], count_rows(connection, ALL, ())

    together, whole, rows = db.read_now(read)
    assert together == whole
    assert rows == 4

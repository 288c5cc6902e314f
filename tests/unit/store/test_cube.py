from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sekisho.core.errors import MalformedRequest
from sekisho.ledger.rows import to_columns
from sekisho.store.booking import insert_calls
from sekisho.store.cube import DIMENSIONS, CubeQuery, CubeRow, usage_cube
from sekisho.store.db import Database
from sekisho.store.usage import DAY_US, HOUR_US
from tests.support.ledger import NOW_US, open_database, row

DAY = NOW_US - NOW_US % DAY_US
#: Cost -> what the call is.
CALLS: dict[int, dict[str, Any]] = {
    1: {"user_id": "u", "provider": "aws", "region": "eu", "tags": ("x", "y"), "output_tokens": 5},
    2: {"user_id": "v", "provider": "aws", "tags": ("x",), "status": "failure"},
    4: {"user_id": "v", "started_us": DAY + HOUR_US},
    8: {"user_id": "u", "started_us": DAY + DAY_US},
}


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = open_database(tmp_path)
    rows = [to_columns(row(**({"cost_nano_usd": cost, "started_us": DAY} | call))) for cost, call in CALLS.items()]
    db.write(lambda connection: insert_calls(connection, rows)).result()
    yield db
    db.close()


def ask(db: Database, **asked: Any) -> list[CubeRow]:
    query = CubeQuery(**({"from_us": DAY, "until_us": DAY + 2 * DAY_US} | asked))
    return db.read_now(lambda connection: usage_cube(connection, query))


def costs(db: Database, **asked: Any) -> dict[Any, int]:
    return {
        row.values if row.starts_us is None else ((row.starts_us - DAY) // HOUR_US, *row.values): row.measures[
            "cost_nano_usd"
        ]
        for row in ask(db, **asked)
    }


def test_everything_is_one_row(db: Database) -> None:
    [whole] = ask(db)
    wanted = {"calls": 4, "errors": 1, "output_tokens": 5, "cost_nano_usd": 15}
    assert whole.measures.items() >= wanted.items()
    assert ask(db, only={"user_id": ("nobody",)}) == []


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"by": ("user_id",)}, {("u",): 9, ("v",): 6}),
        ({"by": ("provider", "region")}, {("", ""): 12, ("aws", ""): 2, ("aws", "eu"): 1}),
        ({"each": "day"}, {(0,): 7, (24,): 8}),
        ({"each": "hour", "by": ("user_id",)}, {(0, "u"): 1, (0, "v"): 2, (1, "v"): 4, (24, "u"): 8}),
        ({"by": ("tag",)}, {("",): 12, ("x",): 3, ("y",): 1}),
        ({"by": ("tag", "user_id")}, {("", "u"): 8, ("", "v"): 4, ("x", "u"): 1, ("x", "v"): 2, ("y", "u"): 1}),
        ({"by": ("tag",), "only": {"tag": ("y",)}}, {("y",): 1}),
        ({"only": {"tag": ("x",)}}, {(): 3}),
        ({"only": {"tag": ("", "y")}}, {(): 13}),
        ({"only": {"region": ("",), "user_id": ("u", "v")}}, {(): 14}),
        ({"until_us": DAY + HOUR_US}, {(): 3}),
        ({"from_us": DAY + HOUR_US + 5, "until_us": DAY + HOUR_US + 6}, {(): 4}),
    ],
)
def test_any_dimension_over_any_hours(db: Database, asked: dict[str, Any], found: dict[Any, int]) -> None:
    assert costs(db, **asked) == found


def test_the_dearest_come_first_and_the_rest_is_cut(db: Database) -> None:
    assert list(costs(db, by=("user_id",), limit=1)) == [("u",)]
    assert list(costs(db, by=("tag",), limit=2)) == [("",), ("x",)]


@pytest.mark.parametrize("name", DIMENSIONS)
def test_every_dimension_may_be_asked_for(db: Database, name: str) -> None:
    assert sum(costs(db, by=(name,)).values()) >= 15
    assert costs(db, only={name: ("none has this",)}) == {}


@pytest.mark.parametrize(
    "asked",
    [
        {"by": ("moons",)},
        {"by": ("user_id; DROP TABLE calls",)},
        {"by": ("user_id", "user_id")},
        {"only": {"cost_nano_usd": ("1",)}},
        {"each": "year"},
        {"from_us": DAY, "until_us": DAY},
        {"from_us": -1},
        {"limit": 0},
        {"limit": 10**9},
    ],
)
def test_what_cannot_be_asked_is_said(db: Database, asked: dict[str, Any]) -> None:
    with pytest.raises(MalformedRequest):
        ask(db, **asked)

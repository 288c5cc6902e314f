from __future__ import annotations

from typing import Any

import pytest

from tests.support.admin import Admin
from tests.support.directory import HOME, key_of
from tests.support.usage import use

PATH = "/sekisho/v1/usage"
DAYS = {"start_date": "2023-11-01", "end_date": "2023-11-30"}


@pytest.fixture
def used(world: Admin) -> Admin:
    return use(world)


async def test_the_whole_is_exact(used: Admin) -> None:
    reply = await used.get(PATH, **DAYS)
    assert reply.json == {
        "start": "2023-11-01T00:00:00.000000Z",
        "end": "2023-12-01T00:00:00.000000Z",
        "by": [],
        "rows": [reply.json["total"]],
        "total": {
            "calls": 4,
            "errors": 1,
            "incomplete": 0,
            "unpriced": 0,
            "input_tokens": 40,
            "cache_read_tokens": 0,
            "cache_write_tokens": 0,
            "cache_write_1h_tokens": 0,
            "output_tokens": 0,
            "reasoning_tokens": 0,
            "cost_nano_usd": 6_000_000_000,
            "cost_usd": "6",
            "mean_latency_ms": 1500.0,
        },
        "truncated": False,
        "next": None,
    }


async def test_it_is_taken_apart_and_filtered(used: Admin) -> None:
    rows = (await used.get(PATH, by="team,day", **DAYS)).json["rows"]
    assert {(one["team"], one["day"], one["calls"]) for one in rows} == {
        ("t1", "2023-11-14T00:00:00.000000Z", 2),
        ("t2", "2023-11-14T00:00:00.000000Z", 1),
        (None, "2023-11-14T00:00:00.000000Z", 1),
    }
    assert (await used.get(PATH, team=["t1", "t2"], **DAYS)).json["total"]["calls"] == 3
    assert (await used.get(PATH, key=HOME.team_key, **DAYS)).json["total"]["calls"] == 1
    assert (await used.get(PATH, tag="y", **DAYS)).json["total"]["calls"] == 1
    rows = (await used.get(PATH, by="tag", **DAYS)).json["rows"]
    assert {one["tag"]: one["calls"] for one in rows} == {None: 3, "x": 1, "y": 1}
    short = (await used.get(PATH, by="key", limit=2, **DAYS)).json
    assert (len(short["rows"]), short["truncated"]) == (2, True)


@pytest.mark.parametrize("by", ["key", "user,model,tag", "team,day", "model,tool", "tag"])
async def test_the_pages_together_are_the_whole(used: Admin, by: str) -> None:
    whole = (await used.get(PATH, by=by, **DAYS)).json
    page = (await used.get(PATH, by=by, limit=1, **DAYS)).json
    rows = page["rows"]
    while page["truncated"]:
        page = (await used.get(PATH, by=by, limit=1, after=page["next"], **DAYS)).json
        rows += page["rows"]
        assert page["total"] == whole["total"]
    assert rows == whole["rows"]


async def test_the_ends_of_the_calendar_are_no_trap(used: Admin) -> None:
    reply = await used.get(PATH, start_date="0001-01-01", end_date="9999-12-31")
    assert (reply.status, reply.json["total"]["calls"]) == (200, 4)


async def test_an_hour_is_found_by_hours(used: Admin) -> None:
    window = {"start_date": "2023-11-14 22:00:00", "end_date": "2023-11-14 22:59:59"}
    rows = (await used.get(PATH, by="hour", **window)).json["rows"]
    assert [(one["hour"], one["calls"]) for one in rows] == [("2023-11-14T22:00:00.000000Z", 4)]


@pytest.mark.parametrize(
    ("person", "calls"), [("A", 4), ("V", 4), ("O", 2), ("T", 2), ("M", 1), ("S", 1), ("U", 1), ("W", 0)]
)
async def test_nobody_sees_sums_over_what_they_could_not_see(used: Admin, person: str, calls: int) -> None:
    assert (await used.get(PATH, token=key_of(person), **DAYS)).json["total"]["calls"] == calls
    foreign = (await used.get(PATH, token=key_of(person), team="t2", **DAYS)).json["total"]["calls"]
    assert foreign == (1 if person in "AV" else 0)


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"by": "weather"}, "by"),
        ({"by": "day,hour"}, "by"),
        ({"by": "user,team,key,model,tool,region"}, "by"),
        ({"start_date": "yesterday"}, "start_date"),
        ({"limit": 0}, "limit"),
        ({"limit": 1_001}, "limit"),
        ({"after": "1"}, "after"),
        ({"by": "hour"}, "end_date"),
    ],
)
async def test_what_cannot_be_answered_is_refused_by_name(used: Admin, query: Any, param: str) -> None:
    reply = await used.get(PATH, **(DAYS | query))
    assert (reply.status, reply.error["param"]) == (400, param)

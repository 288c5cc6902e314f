from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sekisho.api.admin.services import Bounds
from sekisho.api.admin.spend import DAY_US, time_us
from sekisho.core.clock import FakeClock
from sekisho.core.errors import MalformedRequest
from sekisho.identity.keys import token_hash
from sekisho.limits.periods import NEVER_US
from tests.support.admin import Admin
from tests.support.directory import key_of
from tests.support.ledger import NOW_US, row

WINDOW = {"start_date": "2023-11-01 00:00:00", "end_date": "2023-11-30 23:59:59"}


def book(admin: Admin, **changes: Any) -> None:
    admin.journal.settle(row(**changes))


async def test_a_call_is_shown_as_soon_as_it_has_ended(admin: Admin) -> None:
    book(admin, call_id="1", key_hash=token_hash("sk-a"), cost_nano_usd=1_500, spend_logs_metadata='{"exact_id":"x"}')
    book(admin, call_id="2", key_hash="other")
    for name in ("sk-a", token_hash("sk-a")):
        (shown,) = (await admin.get("/spend/logs", api_key=name)).json
        assert (shown["request_id"], shown["api_key"], shown["spend"]) == ("1", token_hash("sk-a"), 0.0000015)
        assert shown["metadata"]["spend_logs_metadata"] == {"exact_id": "x"}


async def test_logs_are_found_by_request_user_and_day(admin: Admin) -> None:
    book(admin, call_id="1", user_id="u")
    book(admin, call_id="2", started_us=NOW_US + DAY_US)
    assert [found["request_id"] for found in (await admin.get("/spend/logs")).json] == ["2", "1"]
    for query in ({"request_id": "1"}, {"user_id": "u"}, {"end_date": "2023-11-14"}):
        assert [found["request_id"] for found in (await admin.get("/spend/logs", **query)).json] == ["1"]
    assert [found["request_id"] for found in (await admin.get("/spend/logs", start_date="2023-11-15")).json] == ["2"]


async def test_one_call_is_shown_to_those_who_see_it(world: Admin) -> None:
    book(world, call_id="1", user_id="user-U", key_hash="k")
    assert (await world.get("/spend/logs/ui/1", start_date="2023-11-14")).json["request_id"] == "1"
    assert (await world.get("/spend/logs/ui/1", token=key_of("U"))).json["user"] == "user-U"
    for name, token in (("1", key_of("M")), ("2", key_of("A"))):
        reply = await world.get(f"/spend/logs/ui/{name}", token=token)
        assert (reply.status, reply.error["param"]) == (404, "request_id")


async def test_a_list_without_pages_has_a_limit_and_says_so(tmp_path: Path, clock: FakeClock) -> None:
    admin = Admin(tmp_path, clock, bounds=Bounds(calls=2))
    for number in range(3):
        book(admin, call_id=str(number), started_us=NOW_US + number)
    reply = await admin.get("/spend/logs")
    admin.close()
    assert [found["request_id"] for found in reply.json] == ["2", "1"]
    assert reply.headers["x-sekisho-truncated"].startswith("the newest 2")


async def test_two_days_give_sums(admin: Admin) -> None:
    shared = {"key_hash": "k", "user_id": "u", "routed_model": "m"}
    book(admin, cost_nano_usd=1_000_000_000, **shared)
    book(admin, cost_nano_usd=500_000_000, **shared)
    book(admin, cost_nano_usd=None, started_us=NOW_US + DAY_US, **shared)
    days = {"start_date": "2023-11-14", "end_date": "2023-11-15"}
    assert (await admin.get("/spend/logs", **days)).json == [
        {"k": 1.5, "startTime": "2023-11-14", "spend": 1.5, "users": {"u": 1.5}, "models": {"m": 1.5}},
        {"k": 0.0, "startTime": "2023-11-15", "spend": 0.0, "users": {"u": 0.0}, "models": {"m": 0.0}},
    ]
    assert len((await admin.get("/spend/logs", summarize="false", **days)).json) == 3


async def test_sums_of_too_many_keys_and_users_are_whole_and_leave_them_out(tmp_path: Path, clock: FakeClock) -> None:
    admin = Admin(tmp_path, clock, bounds=Bounds(groups=1))
    for user in ("u", "v"):
        book(admin, key_hash=f"key of {user}", user_id=user, routed_model="m", cost_nano_usd=1_000_000_000)
    reply = await admin.get("/spend/logs", start_date="2023-11-14", end_date="2023-11-14")
    admin.close()
    assert reply.headers["x-sekisho-truncated"] == "too many to show each: keys, users"
    assert reply.json == [{"": 2.0, "startTime": "2023-11-14", "spend": 2.0, "users": {"": 2.0}, "models": {"m": 2.0}}]


@pytest.mark.parametrize("path", ["/spend/logs/v2", "/spend/logs/ui"])
async def test_pages_are_counted(admin: Admin, path: str) -> None:
    for number in range(5):
        book(admin, call_id=str(number), started_us=NOW_US + number)
    page = (await admin.get(path, page=2, page_size=2, **WINDOW)).json
    assert [found["request_id"] for found in page.pop("data")] == ["2", "1"]
    assert page == {"total": 5, "page": 2, "page_size": 2, "total_pages": 3}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"api_key": "sk-a"}, ["1"]),
        ({"key_alias": "alias"}, ["1"]),
        ({"team_id": "t"}, ["2"]),
        ({"model": "m"}, ["2"]),
        ({"end_user": "e"}, ["2"]),
        ({"status_filter": "failure"}, ["3"]),
        ({"status_filter": "success"}, ["2", "1"]),
        ({"error_code": 504}, ["3"]),
        ({"min_spend": 0.5}, ["2"]),
        ({"max_spend": 0.25}, ["1"]),
        ({"sort_by": "spend", "sort_order": "asc", "status_filter": "success"}, ["1", "2"]),
        ({"start_date": "2023-11-15"}, []),
    ],
)
async def test_pages_are_filtered(admin: Admin, query: dict[str, Any], found: list[str]) -> None:
    book(admin, call_id="1", key_hash=token_hash("sk-a"), key_alias="alias", cost_nano_usd=250_000_000)
    book(
        admin,
        call_id="2",
        team_id="t",
        served_model="m",
        end_user="e",
        cost_nano_usd=500_000_000,
        started_us=NOW_US + 1,
    )
    book(admin, call_id="3", status="incomplete", http_status=504, started_us=NOW_US + 2)
    page = (await admin.get("/spend/logs/v2", **(WINDOW | query))).json
    assert [each["request_id"] for each in page["data"]] == found


@pytest.mark.parametrize(
    ("path", "query", "param"),
    [
        ("/spend/logs", {"start_date": "yesterday"}, "start_date"),
        ("/spend/logs", {"end_date": "2023-13-01"}, "end_date"),
        ("/spend/logs/v2", {}, "start_date"),
        ("/spend/logs/v2", WINDOW | {"page_size": 101}, "page_size"),
        ("/spend/logs/v2", WINDOW | {"sort_by": "metadata"}, "sort_by"),
        ("/spend/logs/v2", WINDOW | {"min_spend": "NaN"}, "min_spend"),
        ("/spend/logs/ui", WINDOW | {"status_filter": "odd"}, "status_filter"),
    ],
)
async def test_what_cannot_be_read_is_named(admin: Admin, path: str, query: dict[str, Any], param: str) -> None:
    reply = await admin.get(path, **query)
    assert (reply.status, reply.error["param"]) == (400, param)


async def test_a_key_sees_its_own_calls_only(admin: Admin) -> None:
    mine, other = [(await admin.post("/key/generate", {"user_id": name})).json for name in ("me", "you")]
    for key in (mine, other):
        admin.journal.settle(row(key_hash=key["token"], user_id=key["user_id"], cost_nano_usd=5))
    assert len((await admin.get("/spend/logs")).json) == 2
    assert [call["api_key"] for call in (await admin.get("/spend/logs", token=mine["key"])).json] == [mine["token"]]
    assert (await admin.get("/spend/logs", token=mine["key"], api_key=other["token"])).json == []
    days = {"start_date": "2023-11-01", "end_date": "2023-11-30"}
    assert (await admin.get("/spend/logs/v2", token=mine["key"], user_id="you", **days)).json["total"] == 0
    assert (await admin.get("/spend/logs", token=mine["key"], **days)).json[0]["spend"] == 5e-9


async def test_a_rotated_keys_calls_are_found_by_either_hash(admin: Admin) -> None:
    key = (await admin.post("/key/generate", {})).json
    admin.journal.settle(row(key_hash=key["token"]))
    new = (await admin.post("/key/regenerate", {"key": key["key"]})).json
    for name in (key["token"], new["token"], new["key"]):
        assert len((await admin.get("/spend/logs", api_key=name)).json) == 1


def test_times_are_utc_and_days_are_whole() -> None:
    day = time_us("2023-11-14", "start_date")
    assert time_us("2023-11-14", "end_date", end=True) == day + DAY_US
    assert time_us("2023-11-14 00:00:00", "start_date") == day
    assert time_us("2023-11-14T01:00:00+01:00", "start_date") == day
    assert time_us("2023-11-14 00:00:00", "end_date", end=True) == day + 1_000_000
    assert time_us("0001-01-01T00:00:00+14:00", "start_date") == 0
    assert time_us("9999-12-31", "end_date", end=True) == NEVER_US
    with pytest.raises(MalformedRequest, match="'start_date'"):
        time_us("10000-01-01", "start_date")


async def test_a_session_is_shown_from_its_beginning(admin: Admin) -> None:
    key = (await admin.post("/key/generate", {})).json
    for number in range(3):
        admin.journal.settle(row(key_hash=key["token"], session_id="s", started_us=NOW_US - number, ended_us=NOW_US))
    admin.journal.settle(row(session_id="other"))
    page = (await admin.get("/spend/logs/session/ui", session_id="s", page_size=2)).json
    assert (page["total"], page["total_pages"], len(page["data"])) == (3, 2, 2)
    assert page["data"][0]["startTime"] < page["data"][1]["startTime"]
    assert (await admin.get("/spend/logs/session/ui", session_id="s", token=key["key"])).json["total"] == 3
    assert (await admin.get("/spend/logs/session/ui", session_id="other", token=key["key"])).json["total"] == 0

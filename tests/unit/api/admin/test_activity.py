from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sekisho.api.admin.services import Bounds
from sekisho.core.clock import FakeClock
from sekisho.identity.keys import token_hash
from tests.support.admin import Admin
from tests.support.directory import HOME, key_of, populate
from tests.support.ledger import row
from tests.support.usage import use

DAYS = {"start_date": "2023-11-14", "end_date": "2023-11-14"}
METRICS = frozenset(
    {
        "spend",
        "prompt_tokens",
        "completion_tokens",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
        "total_tokens",
        "successful_requests",
        "failed_requests",
        "api_requests",
        "total_response_time_ms",
        "timed_requests",
    }
)


@pytest.fixture
def used(world: Admin) -> Admin:
    return use(world)


async def told(admin: Admin, whose: str, **query: Any) -> Any:
    reply = await admin.get(f"/{whose}/daily/activity", **(DAYS | query))
    assert reply.status == 200, reply.body
    return reply.json


async def test_a_day_is_taken_apart_by_model_provider_key_and_entity(used: Admin) -> None:
    shown = await told(used, "team")
    (day,) = shown["results"]
    assert day["date"] == "2023-11-14"
    assert set(day["metrics"]) == METRICS
    assert (day["metrics"]["spend"], day["metrics"]["prompt_tokens"], day["metrics"]["failed_requests"]) == (6.0, 40, 1)
    assert set(day["breakdown"]) == {
        "models",
        "model_groups",
        "providers",
        "mcp_servers",
        "endpoints",
        "api_keys",
        "entities",
    }
    teams = {name: group["metrics"]["api_requests"] for name, group in day["breakdown"]["entities"].items()}
    assert teams == {"t1": 2, "t2": 1, "": 1}
    model = day["breakdown"]["models"]["n"]
    assert (model["metrics"]["api_requests"], list(model["api_key_breakdown"])) == (1, [token_hash(key_of("U"))])
    key = day["breakdown"]["api_keys"][token_hash(HOME.team_key)]
    assert key["metadata"] == {
        "key_alias": None,
        "team_id": "t1",
        "user_id": "user-M",
        "user_email": None,
        "key_exists": True,
    }
    assert (shown["metadata"]["total_spend"], shown["metadata"]["total_api_requests"]) == (6.0, 4)
    assert (shown["metadata"]["page"], shown["metadata"]["total_pages"], shown["metadata"]["has_more"]) == (1, 1, False)


@pytest.mark.parametrize(
    ("whose", "query", "calls"),
    [
        ("team", {"team_ids": "t1,t3"}, 2),
        ("organization", {"organization_ids": "o2"}, 1),
        ("user", {"user_id": "user-U"}, 1),
        ("tag", {"tags": "y"}, 2),  # under x and under y
        ("user", {"model": "n"}, 1),
        ("user", {"api_key": HOME.team_key}, 1),
        ("user", {"start_date": "2023-11-15", "end_date": "2023-11-16"}, 0),
        ("user", {"page": 2}, 0),
    ],
)
async def test_it_is_filtered(used: Admin, whose: str, query: dict[str, Any], calls: int) -> None:
    assert (await told(used, whose, **query))["metadata"]["total_api_requests"] == calls


@pytest.mark.parametrize(("whose", "person", "calls"), [("user", "U", 1), ("team", "T", 2), ("organization", "O", 2)])
async def test_nobody_sees_activity_of_others(used: Admin, whose: str, person: str, calls: int) -> None:
    shown = await told(used, whose, token=key_of(person))
    assert shown["metadata"]["total_api_requests"] == calls


@pytest.mark.parametrize("path", ["customer", "end_user"])
async def test_customers_are_summed_from_their_calls(used: Admin, path: str) -> None:
    for end_user, model in (("e", "m"), ("e", "n"), ("f", "m")):
        used.journal.settle(row(end_user=end_user, routed_model=model, cost_nano_usd=10**9, key_hash="k", tags=("x",)))
    shown = await told(used, path)
    assert (shown["metadata"]["total_spend"], shown["metadata"]["total_api_requests"]) == (3.0, 3)
    entities = shown["results"][0]["breakdown"]["entities"]
    assert {name: one["metrics"]["spend"] for name, one in entities.items()} == {"e": 2.0, "f": 1.0}
    for query, calls in (
        ({"end_user_ids": "f,g"}, 1),
        ({"model": "n"}, 1),
        ({"api_key": "k"}, 3),
        ({"tags": "x"}, 3),
        ({"tags": "y"}, 0),
    ):
        assert (await told(used, path, **query))["metadata"]["total_api_requests"] == calls
    reply = await used.get(f"/{path}/daily/activity", start_date="2023-01-01", end_date="2023-12-31")
    assert (reply.status, reply.error["param"]) == (400, "start_date")


@pytest.mark.parametrize(
    ("bounds", "left_out"),
    [
        (Bounds(groups=3), "key"),
        (Bounds(groups=2), "key, team"),
        (Bounds(rows_for_keys=3), "key"),
        (Bounds(rows_for_keys=3, rows=3), "key, team"),
    ],
    ids=["groups of keys", "groups of teams", "rows for keys", "rows for teams"],
)
async def test_where_there_is_too_much_keys_go_first_and_sums_stay(
    tmp_path: Path, clock: FakeClock, bounds: Bounds, left_out: str
) -> None:
    admin = Admin(tmp_path, clock, bounds=bounds)
    populate(admin)
    reply = await use(admin).get("/team/daily/activity", **DAYS)
    admin.close()
    assert reply.headers["x-sekisho-truncated"] == f"too many to show each: {left_out}"
    assert reply.json["metadata"]["total_api_requests"] == 4
    assert reply.json["results"][0]["breakdown"]["api_keys"] == {}

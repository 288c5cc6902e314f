from __future__ import annotations

import pytest

from sekisho.identity.keys import token_hash
from tests.support.admin import Admin
from tests.support.directory import HOME, PERSONAL_KEY, key_of
from tests.support.ledger import row
from tests.support.usage import use

TODAY = "2023-11-14"


@pytest.fixture
def used(world: Admin) -> Admin:
    for cost, days in ((2, 0), (1, 0), (4, 40)):
        started_us = world.clock.now_us() - days * 86_400_000_000
        call = row(end_user="e", cost_nano_usd=cost * 10**9, started_us=started_us, ended_us=started_us + 1)
        world.journal.settle(call)
    return use(world)


async def test_by_day(used: Admin) -> None:
    assert (await used.get("/global/spend/logs")).json == [{"date": TODAY, "spend": 9.0}]
    name = token_hash(PERSONAL_KEY)
    of_one = (await used.get("/global/spend/logs", api_key=PERSONAL_KEY)).json
    assert of_one == [{"api_key": name, "date": TODAY, "spend": 1.5}]


async def test_by_key_and_model_the_costliest_first(used: Admin) -> None:
    keys = (await used.get("/global/spend/keys", limit=2)).json
    assert [(key["api_key"] == "", key["total_spend"]) for key in keys] == [(True, 3.0), (False, 1.5)]
    assert set(keys[1]) == {"api_key", "key_alias", "key_name", "total_spend"}
    assert keys[1]["key_name"] == "sk-..."
    models = (await used.get("/global/spend/models")).json
    assert models == [
        {"model": "m", "total_spend": 4.5},
        {"model": "", "total_spend": 3.0},
        {"model": "n", "total_spend": 1.5},
    ]


async def test_by_team(used: Admin) -> None:
    await used.post("/team/update", {"team_id": HOME.team, "team_alias": "payments"})
    told = (await used.get("/global/spend/teams")).json
    assert told["teams"] == ["Unassigned", "payments", "t2"]
    assert told["daily_spend"] == [{"date": TODAY, "Unassigned": 4.5, "payments": 3.0, "t2": 1.5}]
    assert told["total_spend_per_team"][1] == {"team_id": "payments", "total_spend": 3.0}


async def test_by_customer(used: Admin) -> None:
    assert (await used.post("/global/spend/end_users", {})).json == [
        {"end_user": "e", "total_count": 2, "total_spend": 3.0}
    ]
    body = {"startTime": "2023-10-01", "endTime": "2023-10-31"}
    assert (await used.post("/global/spend/end_users", body)).json[0]["total_spend"] == 4.0
    assert (await used.post("/global/spend/end_users", {"api_key": PERSONAL_KEY})).json == []
    reply = await used.post("/global/spend/end_users", {"startTime": "2020-01-01"})
    assert (reply.status, reply.error["param"]) == (400, "start_date")


async def test_by_provider_and_tag(used: Admin) -> None:
    assert (await used.get("/global/spend/provider", start_date=TODAY, end_date=TODAY)).json == [
        {"provider": "", "spend": 9.0}
    ]
    tags = (await used.get("/global/spend/tags")).json["spend_per_tag"]
    assert [(tag["name"], tag["spend"], tag["log_count"]) for tag in tags] == [("x", 1.5, 1), ("y", 1.5, 1)]
    assert [tag["name"] for tag in (await used.get("/global/spend/tags", tags="y")).json["spend_per_tag"]] == ["y"]
    assert (await used.get("/global/spend/all_tag_names")).json == {"tag_names": ["x", "y"]}


@pytest.mark.parametrize(("person", "spent"), [("A", 9.0), ("V", 9.0), ("O", 3.0), ("T", 3.0), ("U", 1.5), ("W", 0.0)])
async def test_everybody_sees_sums_of_what_they_could_see(used: Admin, person: str, spent: float) -> None:
    days = (await used.get("/global/spend/logs", token=key_of(person))).json
    assert sum(day["spend"] for day in days) == spent
    teams = (await used.get("/global/spend/teams", token=key_of(person))).json["total_spend_per_team"]
    assert sum(team["total_spend"] for team in teams) == spent
    customers = (await used.post("/global/spend/end_users", {}, token=key_of(person))).json
    assert bool(customers) is (person in "AV")

from __future__ import annotations

from pathlib import Path

import pytest

from sekisho.api.admin.services import Bounds
from sekisho.core.clock import FakeClock
from sekisho.identity.keys import token_hash
from tests.support.admin import Admin
from tests.support.directory import HOME, PERSONAL_KEY, key_of, populate
from tests.support.ledger import row
from tests.support.usage import use

DAYS = {"start_date": "2023-11-01", "end_date": "2023-11-30"}


@pytest.fixture
def used(world: Admin) -> Admin:
    return use(world)


async def test_keys_and_users_come_by_what_they_spent(used: Admin) -> None:
    keys = (await used.get("/spend/keys", limit=4)).json
    assert [key["spend"] for key in keys] == [1.5] * 4
    users = (await used.get("/spend/users")).json
    assert [user["spend"] for user in users[:4]] == [1.5, 1.5, 1.5, 0.0]
    assert [user["user_id"] for user in (await used.get("/spend/users", user_id="user-X")).json] == ["user-X"]


async def test_tags_are_summed(used: Admin) -> None:
    assert (await used.get("/spend/tags", **DAYS)).json == [
        {"individual_request_tag": "x", "log_count": 1, "total_spend": 1.5},
        {"individual_request_tag": "y", "log_count": 1, "total_spend": 1.5},
    ]


async def test_everything_is_summed(used: Admin) -> None:
    assert (await used.get("/global/spend")).json == {"spend": 6.0, "max_budget": 0.0}
    assert (await used.get("/global/activity", **DAYS)).json == {
        "daily_data": [{"date": "Nov 14", "api_requests": 4, "total_tokens": 40}],
        "sum_api_requests": 4,
        "sum_total_tokens": 40,
    }
    by_model = (await used.get("/global/activity/model", **DAYS)).json
    assert sum(one["sum_api_requests"] for one in by_model) == 4


async def test_a_report_by_team_and_day(used: Admin) -> None:
    (day,) = (await used.get("/global/spend/report", **DAYS)).json
    assert day["group_by_day"] == "2023-11-14"
    teams = {team["team_name"]: team["total_spend"] for team in day["teams"]}
    assert teams == {"t1": 3.0, "t2": 1.5, "Unassigned": 1.5}
    metadata = {team["team_name"]: team["metadata"] for team in day["teams"]}["t2"]
    assert (metadata[0]["model"], metadata[0]["spend"], metadata[0]["total_tokens"]) == ("m", 1.5, 10)
    assert (await used.get("/global/spend/report", team_id="t2", **DAYS)).json[0]["teams"][0]["team_name"] == "t2"


async def test_a_report_over_too_many_keys_is_of_teams_alone(tmp_path: Path, clock: FakeClock) -> None:
    admin = Admin(tmp_path, clock, bounds=Bounds(rows_for_keys=3))
    populate(admin)
    reply = await use(admin).get("/global/spend/report", **DAYS)
    admin.close()
    assert reply.headers["x-sekisho-truncated"] == "too many to show each: key"
    teams = {team["team_name"]: team for team in reply.json[0]["teams"]}
    assert (teams["t1"]["total_spend"], teams["t1"]["metadata"][0]["api_key"]) == (3.0, None)


async def test_a_report_by_key_and_model(used: Admin) -> None:
    rows = (await used.get("/global/spend/report", group_by="api_key", **DAYS)).json
    mine = {row["api_key"]: row for row in rows}[token_hash(PERSONAL_KEY)]
    assert mine == {
        "api_key": token_hash(PERSONAL_KEY),
        "total_cost": 1.5,
        "total_input_tokens": 10,
        "total_output_tokens": 0,
        "model_details": [
            {"model": "n", "total_cost": 1.5, "total_input_tokens": 10, "total_output_tokens": 0},
        ],
    }
    assert len((await used.get("/global/spend/report", api_key=HOME.team_key, **DAYS)).json) == 1
    assert len((await used.get("/global/spend/report", internal_user_id="user-X", **DAYS)).json) == 1


async def test_a_report_by_customer_and_day(used: Admin) -> None:
    used.journal.settle(row(end_user="e", routed_model="m", input_tokens=7, cost_nano_usd=2_000_000_000))
    reply = await used.get("/global/spend/report", group_by="customer", **DAYS)
    assert reply.status == 200, reply.body
    (day,) = reply.json
    assert day == {
        "group_by_day": "2023-11-14",
        "customers": [
            {
                "customer": "e",
                "total_spend": 2.0,
                "metadata": [{"model": "m", "spend": 2.0, "total_tokens": 7, "api_key": ""}],
            }
        ],
    }
    assert (await used.get("/global/spend/report", customer_id="f", **DAYS)).json == []
    reply = await used.get("/global/spend/report", group_by="customer", start_date="2023-01-01", end_date="2023-12-31")
    assert (reply.status, reply.error["param"]) == (400, "start_date")


async def test_a_report_is_of_a_window(used: Admin) -> None:
    assert (await used.get("/global/spend/report")).status == 400


@pytest.mark.parametrize(("person", "spent"), [("V", 6.0), ("O", 3.0), ("T", 3.0), ("M", 1.5), ("U", 1.5), ("W", 0.0)])
async def test_everybody_sees_sums_of_what_they_could_see(used: Admin, person: str, spent: float) -> None:
    token = key_of(person)
    assert (await used.get("/global/spend", token=token)).json["spend"] == spent
    days = (await used.get("/global/activity", token=token, **DAYS)).json
    assert days["sum_total_tokens"] == spent / 1.5 * 10
    report = (await used.get("/global/spend/report", token=token, **DAYS)).json
    assert sum(team["total_spend"] for day in report for team in day["teams"]) == spent
    tags = {tag["individual_request_tag"] for tag in (await used.get("/spend/tags", token=token)).json}
    assert tags == ({"x", "y"} if person in "VOTM" else set())


async def test_nobody_is_shown_keys_and_users_of_others(used: Admin) -> None:
    keys = (await used.get("/spend/keys", token=key_of("U"))).json
    assert [key["token"] for key in keys] == [token_hash(PERSONAL_KEY)]
    assert [user["user_id"] for user in (await used.get("/spend/users", token=key_of("U"))).json] == ["user-U"]
    assert (await used.get("/spend/users", user_id="user-X", token=key_of("U"))).json == []
    of_theirs = {user["user_id"] for user in (await used.get("/spend/users", token=key_of("O"))).json}
    assert of_theirs == {"user-M", "user-O"}
    assert (await used.get("/spend/users", token=HOME.service_key)).json == []

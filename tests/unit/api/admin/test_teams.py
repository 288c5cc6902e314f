from __future__ import annotations

from typing import Any

import pytest

from tests.support.admin import MASTER, Admin
from tests.support.directory import HOME, key_of
from tests.support.ledger import row

#: The fields of LiteLLM's team object.
TEAM_ROW = frozenset(
    {
        "team_id",
        "team_alias",
        "organization_id",
        "admins",
        "members",
        "members_with_roles",
        "team_member_permissions",
        "metadata",
        "tpm_limit",
        "rpm_limit",
        "max_budget",
        "soft_budget",
        "budget_duration",
        "budget_reset_at",
        "budget_limits",
        "max_parallel_requests",
        "models",
        "model_aliases",
        "blocked",
        "spend",
        "model_spend",
        "model_max_budget",
        "model_id",
        "litellm_model_table",
        "object_permission",
        "object_permission_id",
        "router_settings",
        "access_group_ids",
        "created_at",
        "created_by",
        "updated_at",
        "updated_by",
        "team_member_budget_table",
        "residency",
    }
)


async def made(admin: Admin, token: str = MASTER, **fields: Any) -> dict[str, Any]:
    reply = await admin.post("/team/new", fields, token=token)
    assert reply.status == 200, reply.body
    answer: dict[str, Any] = reply.json
    return answer


async def test_a_team_is_made_with_limits_and_members(world: Admin) -> None:
    team = await made(
        world,
        team_alias="web",
        organization_id="o1",
        max_budget=10,
        budget_duration="1d",
        models=["gpt-5"],
        members_with_roles=[{"role": "admin", "user_id": "user-U"}, {"role": "user", "user_email": "x@example.com"}],
        team_member_budget=2,
        team_member_rpm_limit=5,
        residency={"regions": ["eu-*"]},
        metadata={"a": 1},
    )
    assert set(team) == TEAM_ROW
    assert (team["max_budget"], team["models"], team["metadata"]) == (10.0, ["gpt-5"], {"a": 1})
    assert (team["residency"], team["team_member_budget_table"]["max_budget"]) == ({"regions": ["eu-*"]}, 2.0)
    assert {(one["role"], one["user_id"]) for one in team["members_with_roles"]} == {
        ("admin", "user-U"),
        ("user", "user-X"),
    }
    assert team["team_member_permissions"] == ["/key/info", "/key/health"]
    key = (await world.post("/key/generate", {"team_id": team["team_id"], "user_id": "user-U"})).json["key"]
    found = await world.ring.seek(key)
    assert found is not None
    assert {scope.kind: scope.limits.rpm_limit for scope in found.scopes}["team_member"] == 5
    assert found.residency == ({"regions": ["eu-*"]},)


async def test_an_update_touches_what_it_names_and_null_unsets(world: Admin) -> None:
    reply = await world.post("/team/update", {"team_id": "t1", "max_budget": 5, "tags": ["x"]})
    assert (reply.json["team_id"], reply.json["data"]["max_budget"]) == ("t1", 5.0)
    reply = await world.post("/team/update", {"team_id": "t1", "max_budget": None, "team_alias": "home"})
    data = reply.json["data"]
    assert (data["max_budget"], data["team_alias"], data["metadata"]) == (None, "home", {"tags": ["x"]})


async def test_a_blocked_team_is_refused_at_once(world: Admin) -> None:
    for path, blocked in (("/team/block", True), ("/team/unblock", False)):
        assert (await world.post(path, {"team_id": "t1"})).json["blocked"] is blocked
        found = await world.ring.seek(HOME.service_key)
        assert found is not None
        assert [scope.blocked for scope in found.scopes if scope.kind == "team"] == [blocked]


async def test_models_come_and_go_one_by_one(world: Admin) -> None:
    await world.post("/team/update", {"team_id": "t1", "models": ["a"]})
    assert (await world.post("/team/model/add", {"team_id": "t1", "models": ["b", "a"]})).json["models"] == ["a", "b"]
    assert (await world.post("/team/model/delete", {"team_id": "t1", "models": ["a"]})).json["models"] == ["b"]
    reply = await world.post("/team/model/delete", {"team_id": "t1", "models": ["b"]})
    assert (reply.status, reply.error["param"]) == (400, "models")
    assert (await world.post("/team/model/add", {"team_id": "t2", "models": ["b"]})).json["models"] == []


async def test_info_shows_a_team_with_its_keys_members_and_spend(world: Admin) -> None:
    world.journal.settle(row(key_hash="k", team_id="t1", user_id="user-M", cost_nano_usd=1_500_000))
    reply = await world.get("/team/info", team_id="t1")
    assert reply.json.keys() == {"team_id", "team_info", "keys", "team_memberships"}
    assert set(reply.json["team_info"]) == TEAM_ROW
    assert reply.json["team_info"]["spend"] == 0.0015
    assert len(reply.json["keys"]) == 2
    spend = {one["user_id"]: one["spend"] for one in reply.json["team_memberships"]}
    assert spend == {"user-M": 0.0015, "user-T": 0.0}
    assert (await world.get("/team/info", team_id="none")).status == 404
    assert (await world.get("/team/info", team_id="none", token=key_of("T"))).status == 403


async def test_a_list_is_bare_and_a_page_says_how_many(world: Admin) -> None:
    teams = (await world.get("/team/list")).json
    assert [team["team_id"] for team in teams] == ["t1", "t2"]
    assert set(teams[0]) == TEAM_ROW | {"keys", "team_memberships"}
    assert [team["team_id"] for team in (await world.get("/team/list", user_id="user-X")).json] == ["t2"]
    page = (await world.get("/v2/team/list", page_size=1, page=2, sort_by="team_id")).json
    assert (page["total"], page["page"], page["page_size"], page["total_pages"]) == (2, 2, 1, 2)
    assert (page["teams"][0]["team_id"], page["teams"][0]["members_count"], page["teams"][0]["keys_count"]) == (
        "t2",
        1,
        2,
    )
    assert (await world.get("/v2/team/list", organization_id="o1")).json["total"] == 1
    assert (await world.get("/v2/team/list", status="deleted")).status == 400


@pytest.mark.parametrize(("person", "teams"), [("O", ["t1"]), ("T", ["t1"]), ("M", ["t1"]), ("S", ["t1"]), ("U", [])])
async def test_a_list_holds_what_its_asker_reaches(world: Admin, person: str, teams: list[str]) -> None:
    for path in ("/team/list", "/v2/team/list"):
        reply = (await world.get(path, token=key_of(person))).json
        assert [team["team_id"] for team in (reply if path == "/team/list" else reply["teams"])] == teams


async def test_a_team_says_what_its_members_may_do(world: Admin) -> None:
    body = {"team_id": "t1", "team_member_permissions": ["/key/generate"]}
    reply = await world.post("/team/permissions_update", body, token=key_of("T"))
    assert reply.json["team_member_permissions"] == ["/key/generate"]
    reply = await world.get("/team/permissions_list", team_id="t1", token=key_of("M"))
    assert reply.json["team_member_permissions"] == ["/key/generate"]
    assert "/key/service-account/generate" in reply.json["all_available_permissions"]


async def test_a_member_sees_the_team_but_not_the_keys_and_spend_of_others(world: Admin) -> None:
    info = (await world.get("/team/info", team_id="t1", token=key_of("M"))).json
    listed = (await world.get("/team/list", token=key_of("M"))).json
    for shown in (info, listed[0]):
        assert {key["user_id"] for key in shown["keys"]} == {"user-M"}
        assert [one["user_id"] for one in shown["team_memberships"]] == ["user-M"]
    assert {one["user_id"] for one in info["team_info"]["members_with_roles"]} == {"user-M", "user-T"}
    service = (await world.get("/team/info", team_id="t1", token=HOME.service_key)).json
    assert ([key["user_id"] for key in service["keys"]], service["team_memberships"]) == ([None], [])
    led = (await world.get("/team/info", team_id="t1", token=key_of("T"))).json
    assert (len(led["keys"]), len(led["team_memberships"])) == (2, 2)


async def test_nobody_joins_a_team_by_themselves(world: Admin) -> None:
    assert (await world.get("/team/available", token=key_of("U"))).json == []

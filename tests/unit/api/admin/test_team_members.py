from __future__ import annotations

from typing import Any

import pytest

from tests.support.admin import Admin
from tests.support.directory import HOME, key_of


async def test_a_member_is_added_with_a_budget_of_their_own(world: Admin) -> None:
    body = {"team_id": "t1", "member": {"role": "user", "user_id": "user-U"}, "max_budget_in_team": 2.5}
    reply = await world.post("/team/member_add", body, token=key_of("T"))
    assert reply.status == 200, reply.body
    assert "user-U" in {one["user_id"] for one in reply.json["members_with_roles"]}
    assert [user["user_id"] for user in reply.json["updated_users"]] == ["user-U"]
    assert reply.json["updated_team_memberships"][0]["litellm_budget_table"]["max_budget"] == 2.5
    key = (await world.post("/key/generate", {"team_id": "t1", "user_id": "user-U"})).json["key"]
    found = await world.ring.seek(key)
    assert found is not None
    budgets = {scope.kind: scope.limits.max_budget_nano_usd for scope in found.scopes}
    assert budgets["team_member"] == 2_500_000_000


async def test_of_several_members_all_are_added_or_none(world: Admin) -> None:
    members = [{"user_id": "user-U"}, {"user_id": "user-M"}]
    reply = await world.post("/team/member_add", {"team_id": "t1", "member": members})
    assert (reply.status, reply.error["type"]) == (400, "team_member_already_in_team")
    shown = (await world.get("/team/info", team_id="t1")).json["team_info"]["members_with_roles"]
    assert "user-U" not in {one["user_id"] for one in shown}


async def test_of_a_bulk_each_stands_for_itself(world: Admin) -> None:
    body = {"team_id": "t1", "members": [{"user_id": "user-U"}, {"user_id": "user-M"}], "max_budget_in_team": 1}
    reply = (await world.post("/team/bulk_member_add", body)).json
    assert (reply["total_requested"], reply["successful_additions"], reply["failed_additions"]) == (2, 1, 1)
    assert [result["success"] for result in reply["results"]] == [True, False]
    assert reply["updated_team"]["team_id"] == "t1"
    assert (await world.post("/team/bulk_member_add", {"team_id": "t1"})).error["param"] == "members"


async def test_an_administrator_adds_everybody(world: Admin) -> None:
    body = {"team_id": "t1", "all_users": True, "max_budget_in_team": 1}
    assert (await world.post("/team/bulk_member_add", body, token=key_of("T"))).status == 403
    reply = (await world.post("/team/bulk_member_add", body)).json
    assert (reply["successful_additions"], reply["failed_additions"]) == (6, 0)
    assert len(reply["updated_team"]["members_with_roles"]) == 8
    assert (await world.post("/team/bulk_member_add", body)).json["total_requested"] == 0


async def test_an_address_that_nobody_has_becomes_a_user_where_an_administrator_says_it(world: Admin) -> None:
    body = {"team_id": "t1", "member": {"user_email": "new@example.com"}}
    assert (await world.post("/team/member_add", body, token=key_of("T"))).status == 400
    reply = await world.post("/team/member_add", body)
    assert reply.json["updated_users"][0]["user_email"] == "new@example.com"


async def test_a_members_limits_and_role_are_changed_and_unset(world: Admin) -> None:
    body = {"team_id": "t1", "user_id": "user-M", "max_budget_in_team": 3, "rpm_limit": 7, "role": "admin"}
    reply = await world.post("/team/member_update", body)
    assert reply.json == {
        "team_id": "t1",
        "user_id": "user-M",
        "user_email": None,
        "role": "admin",
        "max_budget_in_team": 3.0,
        "budget_duration": None,
        "tpm_limit": None,
        "rpm_limit": 7,
    }
    reply = await world.post("/team/member_update", {"team_id": "t1", "user_id": "user-M", "max_budget_in_team": None})
    assert (reply.json["max_budget_in_team"], reply.json["rpm_limit"], reply.json["role"]) == (None, 7, "admin")


async def test_who_leaves_a_team_leaves_no_key_in_it(world: Admin) -> None:
    assert await world.ring.seek(HOME.team_key) is not None
    reply = await world.post("/team/member_delete", {"team_id": "t1", "user_id": "user-M"}, token=key_of("T"))
    assert "user-M" not in {one["user_id"] for one in reply.json["members_with_roles"]}
    assert await world.ring.seek(HOME.team_key) is None
    assert await world.ring.seek(HOME.service_key) is not None
    assert await world.ring.seek(key_of("M")) is not None


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/team/member_add", {"team_id": "none", "member": {"user_id": "user-U"}}, 404),
        ("/team/member_add", {"team_id": "t1", "member": {}}, 400),
        ("/team/member_add", {"team_id": "t1", "member": []}, 400),
        ("/team/member_add", {"team_id": "t1", "member": {"user_id": "user-U"}, "max_budget_in_team": -1}, 400),
        ("/team/member_add", {"team_id": "t1", "member": {"user_id": "u", "role": "owner"}}, 400),
        ("/team/member_update", {"team_id": "t1", "user_id": "user-U"}, 404),
        ("/team/member_update", {"team_id": "t1"}, 404),
        ("/team/member_delete", {"team_id": "t1", "user_email": "nobody@example.com"}, 404),
    ],
)
async def test_a_member_of_no_team_and_no_member_of_a_team(world: Admin, path: str, body: Any, status: int) -> None:
    reply = await world.post(path, body)
    assert reply.status == status, reply.body
    assert len(reply.error["message"]) > 10

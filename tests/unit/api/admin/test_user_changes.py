from __future__ import annotations

from typing import Any

import pytest

from tests.support.admin import Admin
from tests.support.directory import HOME, key_of


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"user_id": "user-X"}, 409, "user_id"),
        ({"user_email": "x@example.com"}, 409, "user_email"),
        ({"user_email": "nowhere"}, 400, "user_email"),
        ({"user_role": "emperor"}, 400, "user_role"),
        ({"teams": ["none"]}, 400, "teams"),
        ({"organizations": ["none"]}, 400, "organizations"),
        ({"budget_duration": "soon"}, 400, "budget_duration"),
        ({"time_zone": "Mars/Base"}, 400, "time_zone"),
        ({"password": "secret-password"}, 400, "password"),
    ],
)
async def test_a_user_that_cannot_be_is_refused_and_leaves_nothing(
    world: Admin, body: Any, status: int, param: str
) -> None:
    before = (await world.get("/user/list")).json["total"]
    reply = await world.post("/user/new", body | {"key_alias": "of nobody"})
    assert (reply.status, reply.error["param"]) == (status, param)
    assert (await world.get("/user/list")).json["total"] == before


async def test_who_administers_an_organisation_makes_users_in_it(world: Admin) -> None:
    body: dict[str, Any] = {"organizations": ["o1"], "teams": [{"team_id": "t1", "max_budget_in_team": 3}]}
    user = (await world.post("/user/new", body, token=key_of("O"))).json
    shown = (await world.get("/user/info", user_id=user["user_id"])).json["user_info"]
    assert [one["organization_id"] for one in shown["organization_memberships"]] == ["o1"]
    for body in ({}, {"organizations": ["o2"]}, {"organizations": ["o1"], "teams": ["t2"]}):
        assert (await world.post("/user/new", body, token=key_of("O"))).status == 403
    body = {"organizations": ["o1"], "user_role": "proxy_admin"}
    assert (await world.post("/user/new", body, token=key_of("O"))).error["param"] == "user_role"


async def test_a_user_sets_their_own_name_and_nothing_else(world: Admin) -> None:
    mine = {"user_id": "user-U"}
    reply = await world.post("/user/update", mine | {"user_alias": "me"}, token=key_of("U"))
    assert reply.json["data"]["user_alias"] == "me"
    for change in ({"max_budget": 1e6}, {"user_role": "proxy_admin"}, {"models": ["m"]}, {"metadata": {"a": 1}}):
        assert (await world.post("/user/update", mine | change, token=key_of("U"))).status == 403
    for other in ({"user_id": "user-X"}, {"user_id": "none"}):
        assert (await world.post("/user/update", other | {"user_alias": "a"}, token=key_of("U"))).status == 403


async def test_a_deleted_user_leaves_no_key(world: Admin) -> None:
    assert (await world.post("/user/delete", {"user_ids": ["user-M", "none"]})).status == 404
    assert await world.ring.seek(HOME.team_key) is not None
    assert (await world.post("/user/delete", {"user_ids": ["user-M"]})).json == 1
    assert await world.ring.seek(HOME.team_key) is None
    assert (await world.get("/team/info", team_id="t1")).json["team_memberships"][0]["user_id"] == "user-T"


async def test_nobody_takes_the_name_that_the_master_key_acts_under(world: Admin) -> None:
    body = {"user_id": "default_user_id", "organizations": [HOME.organization]}
    assert (await world.post("/user/new", body, token=key_of("O"))).error["param"] == "user_id"
    made = await world.post("/user/new", body | {"user_id": "user-N"}, token=key_of("O"))
    assert made.json["user_id"] == "user-N"

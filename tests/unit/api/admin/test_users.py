from __future__ import annotations

from typing import Any

import pytest

from sekisho.identity.keys import token_hash
from tests.support.admin import MASTER, Admin
from tests.support.directory import FOREIGN_KEY, HOME, key_of
from tests.support.ledger import row

#: The fields of LiteLLM's user object.
USER_ROW = frozenset(
    {
        "user_id",
        "user_email",
        "user_alias",
        "user_role",
        "max_budget",
        "spend",
        "model_max_budget",
        "model_spend",
        "models",
        "tpm_limit",
        "rpm_limit",
        "max_parallel_requests",
        "teams",
        "organization_memberships",
        "sso_user_id",
        "budget_duration",
        "budget_reset_at",
        "metadata",
        "created_at",
        "updated_at",
        "object_permission",
    }
)


async def made(admin: Admin, token: str = MASTER, **fields: Any) -> dict[str, Any]:
    reply = await admin.post("/user/new", fields, token=token)
    assert reply.status == 200, reply.body
    answer: dict[str, Any] = reply.json
    return answer


async def test_a_user_comes_with_a_key_that_their_limits_bind(world: Admin) -> None:
    user = await made(
        world, user_id="hanako", user_email="h@example.com", max_budget=5, key_alias="h", duration="1d", teams=["t1"]
    )
    assert user.keys() >= USER_ROW | {"key", "token", "expires", "key_alias"}
    assert (user["max_budget"], user["teams"], user["user_role"]) == (5.0, ["t1"], "internal_user")
    assert user["token"] == token_hash(user["key"])
    found = await world.ring.seek(user["key"])
    assert found is not None
    assert {scope.kind: scope.limits.max_budget_nano_usd for scope in found.scopes} == {"key": None, "user": 5 * 10**9}


async def test_a_user_may_come_without_a_key(world: Admin) -> None:
    user = await made(world, user_role="proxy_admin_viewer", auto_create_key=False)
    assert (user["key"], user["user_role"]) == (None, "proxy_admin_viewer")
    assert len(user["user_id"]) == 36


async def test_an_update_by_id_or_address_touches_what_it_names(world: Admin) -> None:
    reply = await world.post("/user/update", {"user_id": "user-X", "max_budget": 3, "metadata": {"a": 1}})
    assert (reply.json["user_id"], reply.json["data"]["max_budget"]) == ("user-X", 3.0)
    reply = await world.post("/user/update", {"user_email": "x@example.com", "max_budget": None, "user_alias": "X"})
    data = reply.json["data"]
    assert (data["max_budget"], data["user_alias"], data["metadata"]) == (None, "X", {"a": 1})
    assert data["user_email"] == "x@example.com"
    for body, status in (({"user_id": "none"}, 404), ({"user_email": "none@example.com"}, 404), ({"spend": 1}, 400)):
        assert (await world.post("/user/update", body)).status == status


async def test_a_role_that_was_taken_away_is_gone_at_once(world: Admin) -> None:
    assert (await world.get("/user/list", token=key_of("A"))).status == 200
    await world.post("/user/update", {"user_id": "user-A", "user_role": "internal_user"})
    assert (await world.get("/user/list", token=key_of("A"))).status == 403


async def test_a_blocked_user_comes_in_by_no_key(world: Admin) -> None:
    await world.post("/user/update", {"user_id": "user-U", "blocked": True})
    assert (await world.get("/key/info", token=key_of("U"))).status == 401


async def test_of_several_updates_each_stands_for_itself(world: Admin) -> None:
    users = [{"user_id": "user-X", "max_budget": 1}, {"user_id": "none"}, {}]
    reply = (await world.post("/user/bulk_update", {"users": users})).json
    assert (reply["total_requested"], reply["successful_updates"], reply["failed_updates"]) == (3, 1, 2)
    assert reply["results"][0]["updated_user"]["max_budget"] == 1.0


async def test_all_users_are_updated_by_one_request(world: Admin) -> None:
    body = {"all_users": True, "user_updates": {"max_budget": 1, "budget_duration": "1d"}}
    reply = (await world.post("/user/bulk_update", body)).json
    everybody = (await world.get("/user/list", page_size=100)).json["users"]
    assert (reply["successful_updates"], reply["failed_updates"]) == (len(everybody), 0)
    assert {(user["max_budget"], user["budget_duration"]) for user in everybody} == {(1.0, "1d")}


@pytest.mark.parametrize(
    ("body", "param"), [({}, "users"), ({"users": []}, "users"), ({"all_users": True}, "user_updates")]
)
async def test_an_update_of_nobody_is_refused(world: Admin, body: dict[str, Any], param: str) -> None:
    assert (await world.post("/user/bulk_update", body)).error["param"] == param


async def test_who_chooses_a_user_finds_them_by_part_of_a_name(world: Admin) -> None:
    found = (await world.get("/user/filter/ui", user_email="X@EXAMPLE")).json
    assert found == [{"user_id": "user-X", "user_email": "x@example.com"}]
    assert [one["user_id"] for one in (await world.get("/user/filter/ui", user_id="user-", page_size=2)).json] == [
        "user-A",
        "user-M",
    ]
    theirs = (await world.get("/user/filter/ui", token=key_of("O"))).json
    assert {one["user_id"] for one in theirs} == {"user-M", "user-O"}
    assert (await world.get("/user/filter/ui", user_id="%")).json == []


async def test_no_licence_bounds_users_and_teams(world: Admin) -> None:
    told = (await world.get("/user/available_users")).json
    assert (told["total_users_used"], told["total_teams_used"]) == (8, 2)
    assert {told[f"total_{kind}{which}"] for kind in ("users", "teams") for which in ("", "_remaining")} == {None}


async def test_info_shows_a_user_with_keys_teams_and_spend(world: Admin) -> None:
    world.journal.settle(row(key_hash=token_hash(FOREIGN_KEY), user_id="user-X", cost_nano_usd=10**9))
    shown = (await world.get("/user/info", user_id="user-X")).json
    assert shown.keys() == {"user_id", "user_info", "keys", "teams"}
    assert shown["user_info"].keys() >= USER_ROW
    assert (shown["user_info"]["spend"], len(shown["keys"])) == (1.0, 2)
    assert [team["team_id"] for team in shown["teams"]] == ["t2"]
    flat = (await world.get("/v2/user/info", user_id="user-X")).json
    assert (flat["user_id"], flat["teams"], flat["spend"]) == ("user-X", ["t2"], 1.0)


async def test_without_a_name_info_is_about_the_caller(world: Admin) -> None:
    assert (await world.get("/user/info", token=key_of("M"))).json["user_info"]["user_id"] == "user-M"
    assert (await world.get("/user/info")).json == {
        "user_id": "default_user_id",
        "user_info": None,
        "keys": [],
        "teams": [],
    }
    assert (await world.get("/user/info", token=HOME.service_key)).json["user_info"] is None
    assert (await world.get("/user/info", user_id="user-X", token=key_of("M"))).status == 403
    assert (await world.get("/user/info", user_id="none")).status == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"role": "proxy_admin"}, {"user-A"}),
        ({"user_ids": "ser-X"}, {"user-X"}),
        ({"user_ids": "user-X, user-U"}, {"user-X", "user-U"}),
        ({"user_email": "X@EXAMPLE"}, {"user-X"}),
        ({"team": "t1"}, {"user-M", "user-T"}),
        ({"organization_ids": "o2,o3"}, {"user-X"}),
        ({"search": "example.com"}, {"user-X"}),
        ({"search": "100%"}, set()),
    ],
)
async def test_users_are_found(world: Admin, query: dict[str, str], found: set[str]) -> None:
    reply = (await world.get("/user/list", **query)).json
    assert {user["user_id"] for user in reply["users"]} == found
    assert reply["total"] == len(found)


async def test_users_are_listed_in_pages_with_their_keys_counted(world: Admin) -> None:
    page = (await world.get("/user/list", page=2, page_size=3, sort_by="user_id")).json
    assert (page["page"], page["page_size"], page["total_pages"], len(page["users"])) == (2, 3, 3, 3)
    assert page["users"][0]["key_count"] == 1
    mine = (await world.get("/user/list", token=key_of("O"))).json
    assert {user["user_id"] for user in mine["users"]} == {"user-M", "user-O"}


async def test_the_roles_are_explained(world: Admin) -> None:
    reply = (await world.get("/user/available_roles", token=key_of("U"))).json
    assert set(reply) == {"proxy_admin", "proxy_admin_viewer", "internal_user", "internal_user_viewer"}


async def test_info_by_a_key_of_a_team_shows_nothing_of_the_user_beyond_that_team(world: Admin) -> None:
    made = await world.post("/key/generate", {"team_id": HOME.team, "user_id": "user-X"})
    shown = (await world.get("/user/info", token=made.json["key"])).json
    assert [key["token"] for key in shown["keys"]] == [made.json["token"]]
    assert (shown["teams"], shown["user_info"]["teams"], shown["user_info"]["organization_memberships"]) == ([], [], [])
    assert (await world.get("/v2/user/info", token=made.json["key"])).json["teams"] == []


async def test_who_administers_an_organisation_sees_nothing_of_its_members_in_others(world: Admin) -> None:
    member = {"organization_id": HOME.organization, "member": {"user_id": "user-X"}}
    assert (await world.post("/organization/member_add", member)).status == 200
    shown = (await world.get("/user/info", user_id="user-X", token=key_of("O"))).json
    assert (shown["keys"], shown["teams"]) == ([], [])
    memberships = shown["user_info"]["organization_memberships"]
    assert [one["organization_id"] for one in memberships] == [HOME.organization]
    listed = (await world.get("/user/list", user_ids="user-X", token=key_of("O"))).json["users"]
    assert [(one["teams"], one["key_count"]) for one in listed] == [([], 0)]
    assert len((await world.get("/user/info", token=FOREIGN_KEY)).json["keys"]) == 2


@pytest.mark.parametrize("field", [{"key_type": "odd"}, {"allowed_routes": ["/v1/models"]}])
async def test_the_key_of_a_user_is_as_any_key(admin: Admin, field: dict[str, Any]) -> None:
    reply = await admin.post("/user/new", {"user_id": "u", **field})
    assert (reply.status, reply.error["param"]) == (400, next(iter(field)))
    assert (await admin.get("/user/info", user_id="u")).status == 404

from __future__ import annotations

from typing import Any

import pytest

from sekisho.identity.keys import token_hash
from sekisho.store.directory import KEYS, TEAMS
from tests.support.admin import MASTER, Admin
from tests.support.directory import ABROAD, FOREIGN_KEY, HOME, PERSONAL_KEY, key_of

LIMITS: dict[str, Any] = {"max_budget": 5.0, "budget_duration": "30d", "rpm_limit": 10, "model_rpm_limit": {"m": 1}}


async def made(admin: Admin, token: str = MASTER, **fields: Any) -> dict[str, Any]:
    reply = await admin.post("/key/generate", fields, token=token)
    assert reply.status == 200, reply.body
    answer: dict[str, Any] = reply.json
    return answer


async def test_limits_bind_at_once_and_null_takes_them_off(world: Admin) -> None:
    answer = await made(world, **LIMITS)
    assert (answer["max_budget"], answer["rpm_limit"], answer["model_rpm_limit"]) == (5.0, 10, {"m": 1})
    assert answer["budget_reset_at"] == "2023-12-01T00:00:00.000000Z"
    found = await world.ring.seek(answer["key"])
    assert found is not None
    assert found.scopes[0].limits.max_budget_nano_usd == 5_000_000_000
    reply = await world.post("/key/update", {"key": answer["key"], "max_budget": None, "model_rpm_limit": None})
    assert (reply.json["max_budget"], reply.json["rpm_limit"], reply.json["metadata"]) == (None, 10, {})
    found = await world.ring.seek(answer["key"])
    assert found is not None
    assert found.scopes[0].limits.max_budget_nano_usd is None


async def test_a_shared_budget_is_shown(world: Admin) -> None:
    answer = await made(world, budget_id="b1")
    assert answer["litellm_budget_table"]["budget_id"] == "b1"
    shown = (await world.get("/key/info", key=answer["key"])).json["info"]
    assert shown["litellm_budget_table"]["budget_id"] == "b1"


async def test_who_names_no_user_gets_a_key_of_their_own(world: Admin) -> None:
    assert (await made(world, key_of("U")))["user_id"] == "user-U"
    assert (await made(world))["user_id"] is None


@pytest.mark.parametrize("place", [{"user_id": "user-X"}, {"team_id": HOME.team}, {"organization_id": "o1"}])
async def test_nobody_makes_or_moves_a_key_into_a_foreign_place(world: Admin, place: dict[str, str]) -> None:
    assert (await world.post("/key/generate", place, token=key_of("U"))).status == 403
    moved = await world.post("/key/update", place | {"key": PERSONAL_KEY}, token=key_of("U"))
    assert moved.status == 403
    assert (await world.get("/key/info", key=PERSONAL_KEY)).json["info"]["user_id"] == "user-U"


@pytest.mark.parametrize(
    "change",
    [
        {"max_budget": 100},
        {"models": []},
        {"blocked": False},
        {"key_type": "management"},
        {"duration": "-1"},
        {"metadata": {}},
    ],
)
async def test_what_others_laid_on_a_key_its_holder_does_not_take_off(world: Admin, change: dict[str, Any]) -> None:
    laid: dict[str, Any] = {"models": ["m"], "max_budget": 1, "blocked": False, "key_type": "llm_api", "duration": "1d"}
    key = await made(world, user_id="user-U", metadata={"residency": {"regions": ["eu"]}}, **laid)
    await world.post("/key/block", {"key": key["key"]})
    reply = await world.post("/key/update", change | {"key": key["key"]}, token=key_of("U"))
    assert reply.status == 403, reply.body
    reply = await world.post("/key/update", {"key": key["key"], "key_alias": "mine"}, token=key_of("U"))
    assert (reply.status, reply.json["key_alias"]) == (200, "mine")


@pytest.mark.parametrize(
    ("laid", "change"),
    [
        ({"budget_id": "b1"}, {"budget_id": None}),
        ({"tags": ["g1"]}, {"tags": []}),
        ({"tags": ["g1"]}, {"metadata": {}}),
        ({"organization_id": HOME.organization}, {"organization_id": None}),
        ({"project_id": HOME.project}, {"project_id": None}),
    ],
)
async def test_a_holder_leaves_nothing_that_binds_the_key(
    world: Admin, laid: dict[str, Any], change: dict[str, Any]
) -> None:
    person = "M" if "project_id" in laid else "U"
    key = await made(world, user_id=f"user-{person}", **laid)
    reply = await world.post("/key/update", change | {"key": key["key"]}, token=key_of(person))
    assert reply.status == 403, reply.body


async def test_a_blocked_key_is_unblocked_by_its_holder_by_no_path(world: Admin) -> None:
    key = await made(world, key_of("U"))
    await world.post("/key/block", {"key": key["key"]})
    reply = await world.post("/key/update", {"key": key["key"], "blocked": False}, token=key_of("U"))
    assert reply.status == 403, reply.body


async def test_a_holder_changes_keys_of_their_own_making(world: Admin) -> None:
    key = await made(world, key_of("U"), max_budget=1)
    reply = await world.post("/key/update", {"key": key["key"], "max_budget": 2}, token=key_of("U"))
    assert (reply.status, reply.json["max_budget"]) == (200, 2.0)
    reply = await world.post("/key/update", {"key": key["key"], "spend": 0}, token=key_of("U"))
    assert reply.status == 403


async def test_a_key_made_in_somebodys_name_is_not_of_their_making(world: Admin) -> None:
    body = world.encoded({"user_id": "user-U", "max_budget": 1})
    named = [(b"litellm-changed-by", b"user-U")]
    answer = (await world.call("POST", "/key/generate", body, headers=named)).json
    assert answer["created_by"] == "default_user_id"
    reply = await world.post("/key/update", {"key": answer["key"], "max_budget": 1000}, token=key_of("U"))
    assert (reply.status, reply.error["param"]) == (403, "limits")
    (line,) = (await world.get("/audit", object_id=answer["token_id"], action="created")).json["audit_logs"]
    assert line["changed_by"] == "user-U"


async def test_a_service_account_belongs_to_a_team_and_to_nobody(world: Admin) -> None:
    path = "/key/service-account/generate"
    reply = await world.post(path, {"team_id": HOME.team, "key_alias": "ci"}, token=key_of("T"))
    assert (reply.status, reply.json["team_id"], reply.json["user_id"]) == (200, HOME.team, None)
    for body, param in (({}, "team_id"), ({"team_id": HOME.team, "user_id": "user-M"}, "user_id")):
        reply = await world.post(path, body, token=key_of("T"))
        assert (reply.status, reply.error["param"]) == (400, param)


@pytest.mark.parametrize("path", ["/key/regenerate", f"/key/{HOME.service_key}/regenerate"])
async def test_a_rotated_key_keeps_everything_but_its_secret(world: Admin, path: str) -> None:
    new = (await world.post(path, {"key": HOME.service_key, "grace_period": "1h"})).json
    assert (new["token"], new["token_id"]) == (token_hash(new["key"]), token_hash(HOME.service_key))
    assert (new["rotation_count"], new["team_id"], new["key_name"]) == (1, HOME.team, f"sk-...{new['key'][-4:]}")
    for key in (new["key"], HOME.service_key):
        found = await world.ring.seek(key)
        assert found is not None
        assert found.key_hash == token_hash(HOME.service_key)
        expires_us = world.clock.now_us() + 3_600_000_000
        assert found.expires_us == (None if key == new["key"] else expires_us)
    assert (await world.get("/key/info", key=new["key"])).json["info"]["rotation_count"] == 1


async def test_without_a_grace_period_the_former_secret_is_over_at_once(world: Admin) -> None:
    assert (await world.get("/key/info", token=HOME.service_key)).status == 200
    new = (await world.post("/key/regenerate", {"key": HOME.service_key, "new_key": "sk-chosen"})).json["key"]
    assert new == "sk-chosen"
    assert (await world.get("/key/info", token=HOME.service_key)).status == 401
    assert (await world.get("/key/info", token=new)).status == 200
    again = await world.post("/key/regenerate", {"key": new, "new_key": HOME.service_key})
    assert (again.status, again.error["param"]) == (400, "key")


async def test_spend_is_set_back_but_never_forward(world: Admin) -> None:
    key = await made(world, spend=2.5, max_budget=2)
    for too_much in (3, 2.2):
        assert (await world.post(f"/key/{key['token']}/reset_spend", {"reset_to": too_much})).status == 400
    reply = await world.post(f"/key/{key['token']}/reset_spend", {"reset_to": 1})
    assert reply.json == {
        "key_hash": key["token"],
        "spend": 1.0,
        "previous_spend": 2.5,
        "max_budget": 2.0,
        "budget_reset_at": None,
    }


async def test_of_several_updates_each_stands_for_itself(world: Admin) -> None:
    keys = [{"key": HOME.service_key, "max_budget": 3}, {"key": "sk-none", "tags": ["x"]}, {"tags": []}]
    reply = (await world.post("/key/bulk_update", {"keys": keys})).json
    assert (reply["total_requested"], len(reply["successful_updates"]), len(reply["failed_updates"])) == (3, 1, 2)
    assert reply["successful_updates"][0]["key_info"]["max_budget"] == 3.0
    assert "does not exist" in reply["failed_updates"][0]["failed_reason"]


async def test_of_keys_to_delete_all_go_or_none(world: Admin) -> None:
    own = await made(world, key_of("U"), key_alias="mine")
    for names in ([own["key"], FOREIGN_KEY], [own["key"], "sk-none"]):
        assert (await world.post("/key/delete", {"keys": names}, token=key_of("U"))).status == 403
    assert await world.ring.seek(own["key"]) is not None
    reply = await world.post("/key/delete", {"keys": [own["key"]], "key_aliases": ["mine"]}, token=key_of("U"))
    assert reply.status == 200
    assert await world.ring.seek(own["key"]) is None


async def test_a_foreign_key_and_none_are_told_alike_to_those_who_reach_neither(world: Admin) -> None:
    replies = [await world.get("/key/info", key=key, token=key_of("U")) for key in (FOREIGN_KEY, "sk-none")]
    assert [reply.status for reply in replies] == [403, 403]
    assert (await world.get("/key/info", key="sk-none", token=key_of("V"))).status == 404


async def test_a_member_does_what_the_team_permits(world: Admin) -> None:
    def permit(*paths: str) -> None:
        team = world.db.read_now(lambda connection: TEAMS.get(connection, HOME.team))
        assert team is not None
        columns = {"member_permissions": paths}
        assert world.db.write(lambda connection: TEAMS.update(connection, team, columns)).result()

    body = {"team_id": HOME.team}
    assert (await world.post("/key/generate", body, token=key_of("M"))).status == 403
    permit("/key/generate")
    answer = await made(world, key_of("M"), **body)
    assert (answer["user_id"], answer["team_id"]) == ("user-M", HOME.team)
    assert (await world.post("/key/generate", body | {"user_id": "user-T"}, token=key_of("M"))).status == 403
    assert (await world.post("/key/generate", {"team_id": ABROAD.team}, token=key_of("M"))).status == 403
    permit("/key/generate", "/key/update")
    assert (await made(world, key_of("M"), user_id=None, **body))["user_id"] == "user-M"
    reply = await world.post("/key/update", {"key": answer["key"], "user_id": None}, token=key_of("M"))
    assert reply.status == 403, "a key of nobody's would outlive their membership"


async def test_who_may_make_no_key_in_a_team_moves_none_into_it(world: Admin) -> None:
    key = await made(world, key_of("M"))
    body = {"key": key["key"], "team_id": HOME.team}
    reply = await world.post("/key/update", body, token=key_of("M"))
    assert reply.status == 403, "their team lets its members update keys only"
    assert (await world.post("/key/update", body)).json["team_id"] == HOME.team


async def test_every_change_of_a_key_names_who_made_it(world: Admin) -> None:
    key = await made(world, key_of("U"))
    await world.post("/key/update", {"key": key["key"], "key_alias": "a"})
    row = world.db.read_now(lambda connection: KEYS.get(connection, key["token"]))
    assert row is not None
    assert (row.created_by, row.updated_by) == ("user-U", "default_user_id")

from __future__ import annotations

from typing import Any

import pytest

from sekisho.store.directory import USERS
from tests.support.admin import Admin
from tests.support.directory import ABROAD, HOME, key_of


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"team_id": "none"}, "team_id"),
        ({"organization_id": "none"}, "organization_id"),
        ({"project_id": "none"}, "project_id"),
        ({"budget_id": "none"}, "budget_id"),
        ({"team_id": HOME.team, "organization_id": ABROAD.organization}, "organization_id"),
        ({"team_id": HOME.team, "project_id": ABROAD.project}, "project_id"),
    ],
)
async def test_what_a_key_refers_to_must_be_there(world: Admin, body: dict[str, Any], param: str) -> None:
    reply = await world.post("/key/generate", body | {"key": "sk-new"})
    assert (reply.status, reply.error["param"]) == (400, param)
    reply = await world.post("/key/update", body | {"key": HOME.service_key})
    assert (reply.status, reply.error["param"]) == (400, param)
    assert await world.ring.seek("sk-new") is None


@pytest.mark.parametrize("name", ["team_id", "project_id", "organization_id"])
async def test_who_reaches_nothing_is_not_told_what_is_there(world: Admin, name: str) -> None:
    there = {"team_id": "t2", "project_id": "p2", "organization_id": "o2"}
    replies = [await world.post("/key/generate", {name: value}, token=key_of("U")) for value in (there[name], "none")]
    assert [reply.status for reply in replies] == [403, 403]


async def test_a_project_brings_its_team(world: Admin) -> None:
    made = (await world.post("/key/generate", {"project_id": HOME.project})).json
    assert (made["team_id"], made["project_id"]) == (HOME.team, HOME.project)
    found = await world.ring.seek(made["key"])
    assert found is not None
    assert {"project", "team", "organization"} <= {scope.kind for scope in found.scopes}


async def test_an_administrator_makes_a_user_by_the_way_and_nobody_else_does(world: Admin) -> None:
    made = await world.post("/key/generate", {"user_id": "hanako"})
    assert made.status == 200
    user = world.db.read_now(lambda connection: USERS.get(connection, "hanako"))
    assert user is not None
    assert user.user_role == "internal_user"
    reply = await world.post("/key/generate", {"user_id": "taro", "team_id": HOME.team}, token=key_of("T"))
    assert (reply.status, reply.error["param"]) == (400, "user_id")


async def test_who_leads_a_team_makes_and_gives_its_keys_to_its_members_only(world: Admin) -> None:
    stranger = {"team_id": HOME.team, "user_id": "user-X"}
    for path, body in (("generate", stranger), ("update", {"key": HOME.service_key, "user_id": "user-X"})):
        reply = await world.post(f"/key/{path}", body, token=key_of("T"))
        assert (reply.status, reply.error["param"]) == (400, "user_id")
    assert (await world.post("/key/generate", stranger)).status == 200
    own = await world.post("/key/generate", {"team_id": HOME.team}, token=key_of("O"))
    assert own.json["user_id"] == "user-O", "who administers the organisation needs no membership for themselves"
    assert (await world.post("/key/generate", stranger, token=key_of("U"))).status == 403


async def test_who_administers_an_organisation_makes_keys_for_its_members_only(world: Admin) -> None:
    body = {"organization_id": HOME.organization, "user_id": "user-U"}
    reply = await world.post("/key/generate", body, token=key_of("O"))
    assert (reply.status, reply.error["param"]) == (400, "user_id")
    nobodys = await world.post("/key/generate", body | {"user_id": None}, token=key_of("O"))
    reply = await world.post("/key/update", {"key": nobodys.json["key"], "user_id": "user-U"}, token=key_of("O"))
    assert (reply.status, reply.error["param"]) == (400, "user_id")
    await world.post("/organization/member_add", body | {"member": {"user_id": "user-U"}})
    assert (await world.post("/key/generate", body, token=key_of("O"))).status == 200

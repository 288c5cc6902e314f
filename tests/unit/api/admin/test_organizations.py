from __future__ import annotations

from typing import Any

import pytest

from tests.support.admin import Admin
from tests.support.directory import HOME, key_of
from tests.support.ledger import row

#: The fields of LiteLLM's organisation object.
ORGANIZATION_ROW = frozenset(
    {
        "organization_id",
        "organization_alias",
        "budget_id",
        "models",
        "spend",
        "metadata",
        "created_by",
        "updated_by",
        "created_at",
        "updated_at",
        "litellm_budget_table",
    }
)


async def test_an_organisation_is_made_with_limits_or_a_shared_budget(world: Admin) -> None:
    body = {"organization_alias": "acme", "max_budget": 100, "budget_duration": "1mo", "models": ["m"]}
    made = (await world.post("/organization/new", body)).json
    assert made.keys() >= ORGANIZATION_ROW
    assert (made["max_budget"], made["litellm_budget_table"]["max_budget"], made["models"]) == (100.0, 100.0, ["m"])
    made = (await world.post("/organization/new", {"organization_alias": "b", "budget_id": "b1"})).json
    assert (made["budget_id"], made["litellm_budget_table"]["budget_id"]) == ("b1", "b1")


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_an_update_touches_what_it_names_and_null_unsets(world: Admin, method: str) -> None:
    async def update(body: bytes) -> dict[str, Any]:
        reply = await world.call(method, "/organization/update", body)
        assert reply.status == 200, reply.body
        answer: dict[str, Any] = reply.json
        return answer

    shown = await update(b'{"organization_id": "o1", "max_budget": 5, "residency": {"regions": ["eu-*"]}}')
    assert (shown["max_budget"], shown["residency"]) == (5.0, {"regions": ["eu-*"]})
    shown = await update(b'{"organization_id": "o1", "max_budget": null, "blocked": true}')
    assert (shown["max_budget"], shown["blocked"], shown["residency"]) == (None, True, {"regions": ["eu-*"]})
    found = await world.ring.seek(HOME.service_key)
    assert found is not None
    assert [scope.kind for scope in found.scopes if scope.blocked] == ["organization"]


async def test_info_shows_members_and_teams_to_who_administers_it(world: Admin) -> None:
    world.journal.settle(row(key_hash="k", team_id="t1", organization_id="o1", cost_nano_usd=2_000_000_000))
    shown = (await world.get("/organization/info", organization_id="o1", token=key_of("O"))).json
    assert shown["spend"] == 2.0
    assert {member["user_id"]: member["user_role"] for member in shown["members"]} == {
        "user-M": "internal_user",
        "user-O": "org_admin",
    }
    assert [team["team_id"] for team in shown["teams"]] == ["t1"]
    shown = (await world.get("/organization/info", organization_id="o1", token=key_of("M"))).json
    assert (shown["organization_id"], shown["members"], shown["teams"]) == ("o1", [], [])
    assert (await world.get("/organization/info", organization_id="o2", token=key_of("M"))).status == 403
    assert (await world.get("/organization/info", organization_id="none")).status == 404


@pytest.mark.parametrize(("person", "found"), [("A", {"o1", "o2"}), ("O", {"o1"}), ("M", {"o1"}), ("U", set())])
async def test_a_list_holds_what_its_asker_belongs_to(world: Admin, person: str, found: set[str]) -> None:
    reply = await world.get("/organization/list", token=key_of(person))
    assert {one["organization_id"] for one in reply.json} == found


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_an_empty_organisation_is_deleted(world: Admin, method: str) -> None:
    await world.post("/organization/new", {"organization_id": "o3", "organization_alias": "c"})
    reply = await world.call(method, "/organization/delete", b'{"organization_ids": ["o3"]}')
    assert [one["organization_id"] for one in reply.json] == ["o3"]


async def test_members_come_change_and_go(world: Admin) -> None:
    body = {"organization_id": "o1", "member": {"user_id": "user-U", "role": "org_admin"}}
    reply = await world.post("/organization/member_add", body | {"max_budget_in_organization": 4}, token=key_of("O"))
    membership = reply.json["updated_organization_memberships"][0]
    assert (membership["user_role"], membership["litellm_budget_table"]["max_budget"]) == ("org_admin", 4.0)
    assert reply.json["updated_users"][0]["user_id"] == "user-U"
    named = {"organization_id": "o1", "user_id": "user-U"}
    reply = await world.call(
        "PATCH", "/organization/member_update", b'{"organization_id":"o1","user_id":"user-U","role":"internal_user"}'
    )
    assert (reply.json["user_role"], reply.json["litellm_budget_table"]["max_budget"]) == ("internal_user", 4.0)
    assert (await world.post("/organization/member_delete", named)).status == 200
    assert (await world.post("/organization/member_delete", named)).status == 404


async def test_a_members_limits_bind_their_keys_of_the_organisations_teams_at_once(world: Admin) -> None:
    async def bound(token: str) -> dict[str, Any]:
        shown = (await world.get("/sekisho/v1/me", token=token)).json["limits"]
        return {one["measure"]: one for one in shown if one["scope"] == "organization_member"}

    assert await bound(HOME.team_key) == {}
    who = {"user_id": "user-M", "organization_id": "o1"}
    world.journal.settle(row(key_hash="k1", cost_nano_usd=1_000_000_000, **who))
    await world.post("/organization/member_update", who | {"max_budget_in_organization": 3, "rpm_limit": 7})
    world.journal.settle(row(key_hash="k2", cost_nano_usd=4_000_000_000, user_id="user-M"))  # not in the organisation
    found = await bound(HOME.team_key)
    assert (found["money"]["id"], found["money"]["limit"], found["money"]["used"]) == ("o1/user-M", 3.0, 1.0)
    assert found["requests"]["limit"] == 7
    assert await bound(key_of("M")) == {}
    await world.post("/organization/member_update", who | {"max_budget_in_organization": None})
    assert (await bound(HOME.team_key)).keys() == {"requests"}


async def test_an_organisation_may_be_named_in_the_path(world: Admin) -> None:
    reply = await world.call("PATCH", "/v2/organization/o1", b'{"max_budget": 3, "organization_id": "o2"}')
    assert (reply.json["organization_id"], reply.json["max_budget"]) == ("o1", 3.0)
    assert (await world.call("PATCH", "/v2/organization/none", b"{}")).status == 404

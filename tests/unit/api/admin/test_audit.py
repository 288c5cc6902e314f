from __future__ import annotations

from typing import Any

import pytest

from sekisho.identity.keys import token_hash
from sekisho.store.directory import KEYS, MODELS
from tests.support.admin import MASTER, Admin
from tests.support.directory import HOME, key_of


async def found(admin: Admin, **query: Any) -> list[dict[str, Any]]:
    reply = await admin.get("/audit", page_size=100, **query)
    assert reply.status == 200, reply.body
    rows: list[dict[str, Any]] = reply.json["audit_logs"]
    return rows


async def test_each_change_names_who_made_it_with_before_and_after(world: Admin) -> None:
    key = (await world.post("/key/generate", {"max_budget": 1}, token=key_of("U"))).json
    await world.post("/key/update", {"key": key["key"], "max_budget": 2})
    await world.post("/key/block", {"key": key["key"]})
    await world.post("/key/regenerate", {"key": key["key"]})
    await world.post("/key/delete", {"keys": [key["token"]]})
    rows = await found(world, object_id=key["token"])
    assert [(row["action"], row["changed_by"]) for row in rows] == [
        ("deleted", "default_user_id"),
        ("rotated", "default_user_id"),
        ("blocked", "default_user_id"),
        ("updated", "default_user_id"),
        ("created", "user-U"),
    ]
    updated = rows[3]
    assert updated["table_name"] == "LiteLLM_VerificationToken"
    budgets = [updated[side]["limits"]["max_budget_nano_usd"] for side in ("before_value", "updated_values")]
    assert budgets == [10**9, 2 * 10**9]
    assert (rows[4]["before_value"], rows[0]["updated_values"]) == (None, None)
    assert (await world.get(f"/audit/{updated['id']}")).json == updated
    assert (await world.get("/audit/none")).status == 404


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("/user/update", {"user_id": "user-U", "user_alias": "a"}, "LiteLLM_UserTable"),
        ("/team/block", {"team_id": "t1"}, "LiteLLM_TeamTable"),
        ("/team/member_update", {"team_id": "t1", "user_id": "user-M", "role": "admin"}, "LiteLLM_TeamMembership"),
        ("/project/update", {"project_id": "p1", "blocked": True}, "LiteLLM_ProjectTable"),
        ("/organization/update", {"organization_id": "o1", "blocked": True}, "LiteLLM_OrganizationTable"),
        ("/budget/update", {"budget_id": "b1", "rpm_limit": 1}, "LiteLLM_BudgetTable"),
        ("/customer/block", {"user_ids": ["e1"]}, "LiteLLM_EndUserTable"),
        ("/tag/update", {"name": "g1", "rpm_limit": 1}, "LiteLLM_TagTable"),
        ("/sekisho/v1/pools", {"pool_id": "p", "keys": [HOME.service_key]}, "pool"),
    ],
)
async def test_every_kind_of_object_is_watched(world: Admin, path: str, body: Any, kind: str) -> None:
    before = len(await found(world, table_name=kind))
    assert (await world.post(path, body)).status == 200
    assert len(await found(world, table_name=kind)) == before + 1


async def test_what_is_refused_leaves_no_trace(world: Admin) -> None:
    before = (await world.get("/audit")).json["total"]
    assert (await world.post("/key/update", {"key": HOME.service_key}, token=key_of("U"))).status == 403
    assert (await world.post("/team/new", {"team_id": "t9", "models": 5})).status == 400
    assert (await world.get("/audit")).json["total"] == before


async def test_changes_are_found_in_pages(world: Admin) -> None:
    first = (await world.get("/audit", page_size=5)).json
    assert (len(first["audit_logs"]), first["page"], first["total_pages"]) == (5, 1, -(-first["total"] // 5))
    by_member = await found(world, changed_by="user-M")
    assert {row["object_id"] for row in by_member} == {token_hash(key_of("M")), token_hash(HOME.team_key)}
    assert {row["action"] for row in await found(world, action="created")} == {"created"}
    assert await found(world, start_date="2024-01-01") == []
    assert len(await found(world, end_date="2023-11-14")) == min(100, first["total"])


async def test_an_administrator_may_act_in_anothers_name(world: Admin) -> None:
    headers = [(b"litellm-changed-by", b"hanako")]
    await world.call("POST", "/team/block", b'{"team_id": "t1"}', headers=headers)
    assert (await found(world, action="blocked"))[0]["changed_by"] == "hanako"


async def test_no_secret_is_in_the_audit(world: Admin) -> None:
    made = (await world.post("/key/generate", {"key": "sk-canary-of-the-audit"})).json
    rotated = (await world.post("/key/regenerate", {"key": made["key"]})).json["key"]
    world.add(MODELS, model_id="m", model_name="m", params="sealed-canary", root_id="r")
    text = (await world.get("/audit", page_size=100)).body
    for secret in (made["key"], rotated, "sealed-canary", MASTER):
        assert secret.encode() not in text
    assert world.db.read_now(lambda connection: KEYS.get(connection, made["token"])) is not None

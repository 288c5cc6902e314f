from __future__ import annotations

from typing import Any

import pytest

from sekisho.core.clock import FakeClock
from sekisho.identity.keys import token_hash
from sekisho.store.directory import TEAMS
from tests.support.admin import MASTER, Admin
from tests.support.ledger import NOW_US, add_key, row

#: The fields of LiteLLM's key object.
TOKEN_ROW = frozenset(
    {
        "token",
        "key_name",
        "key_alias",
        "spend",
        "soft_budget_cooldown",
        "expires",
        "models",
        "aliases",
        "config",
        "router_settings",
        "user_id",
        "team_id",
        "agent_id",
        "project_id",
        "organization_id",
        "budget_id",
        "object_permission_id",
        "permissions",
        "max_parallel_requests",
        "tpm_limit",
        "rpm_limit",
        "max_budget",
        "budget_duration",
        "budget_reset_at",
        "metadata",
        "blocked",
        "allowed_cache_controls",
        "allowed_routes",
        "policies",
        "access_group_ids",
        "model_spend",
        "model_max_budget",
        "soft_budget",
        "key_type",
        "budget_limits",
        "created_at",
        "created_by",
        "updated_at",
        "updated_by",
        "last_active",
        "rotation_count",
        "auto_rotate",
        "rotation_interval",
        "last_rotation_at",
        "key_rotation_at",
        "litellm_budget_table",
        "object_permission",
    }
)


async def made(admin: Admin, **fields: Any) -> dict[str, Any]:
    reply = await admin.post("/key/generate", fields)
    assert reply.status == 200, reply.body
    answer: dict[str, Any] = reply.json
    return answer


async def test_a_key_is_made_and_shown_once(admin: Admin) -> None:
    admin.add(TEAMS, team_id="x")
    answer = await made(
        admin,
        key_alias="ci",
        models=["gpt-4o"],
        metadata={"a": 1},
        tags=["t"],
        duration="30d",
        user_id="u",
        team_id="x",
    )
    assert answer.keys() >= TOKEN_ROW | {"key", "token_id", "key_name", "tags", "duration", "soft_budget"}
    assert answer["token"] == answer["token_id"] == token_hash(answer["key"])
    assert (answer["models"], answer["metadata"], answer["tags"]) == (["gpt-4o"], {"a": 1, "tags": ["t"]}, ["t"])
    assert (answer["expires"], answer["created_by"]) == ("2023-12-14T22:13:20.000000Z", "default_user_id")
    found = admin.ring.find(answer["key"])
    assert found is not None
    assert (found.models, found.tags, found.user_id, found.team_id) == (("gpt-4o",), ("t",), "u", "x")


async def test_nothing_at_all_makes_a_key_for_everything(admin: Admin) -> None:
    answer = await made(admin)
    assert (answer["models"], answer["expires"], answer["spend"], answer["blocked"]) == ([], None, 0.0, False)


async def test_a_caller_may_choose_the_key(admin: Admin) -> None:
    assert (await made(admin, key="sk-chosen-one"))["key"] == "sk-chosen-one"
    again = await admin.post("/key/generate", {"key": "sk-chosen-one"})
    assert (again.status, again.error["param"]) == (400, "key")
    assert "sk-chosen-one" not in again.error["message"]


async def test_unknown_fields_are_named_in_a_header(admin: Admin) -> None:
    reply = await admin.post("/key/generate", {"max_bugdet": 5, "zeta": 1, "bad name\r\n": 2, "tpm_limit": None})
    assert reply.status == 200
    assert reply.headers["x-sekisho-unknown-fields"] == "max_bugdet, zeta"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("guardrails", ["g"]),
        ("enforced_params", ["user"]),
        ("object_permission", {"mcp_servers": ["s"]}),
        ("auto_rotate", True),
        ("allowed_routes", ["/key/info"]),
        ("key_type", "other"),
    ],
)
@pytest.mark.parametrize("path", ["/key/generate", "/key/update"])
async def test_what_is_not_enforced_is_refused_by_name(admin: Admin, path: str, name: str, value: Any) -> None:
    key = (await made(admin))["key"]
    reply = await admin.post(path, {name: value} | ({"key": key} if path == "/key/update" else {}))
    assert reply.status == 400
    assert (reply.error["param"], reply.error["type"]) == (name, "bad_request_error")
    assert f"'{name}' is not enforced" in reply.error["message"]


async def test_a_setting_hidden_in_the_metadata_is_refused_too(admin: Admin) -> None:
    reply = await admin.post("/key/generate", {"metadata": {"guardrails": ["g"]}})
    assert (reply.status, reply.error["param"]) == (400, "metadata.guardrails")


async def test_what_is_not_enforced_may_be_empty(admin: Admin) -> None:
    empty: dict[str, Any] = {
        "max_budget": None,
        "guardrails": [],
        "model_max_budget": {},
        "budget_duration": "",
        "auto_rotate": False,
    }
    assert (await made(admin, **empty))["max_budget"] is None


async def test_a_key_for_model_calls_only_may_not_ask_for_itself(admin: Admin) -> None:
    key = (await made(admin, key_type="llm_api"))["key"]
    assert (await admin.get("/key/info", token=key)).status == 403


async def test_an_update_touches_what_it_names_and_null_unsets(admin: Admin) -> None:
    key = (await made(admin, key_alias="a", models=["m"], metadata={"x": 1}, tags=["t"], duration="1d"))["key"]
    reply = await admin.post("/key/update", {"key": key, "models": ["n"], "duration": None})
    assert reply.status == 200
    assert reply.json["key"] == key
    assert (reply.json["models"], reply.json["expires"], reply.json["key_alias"]) == (["n"], None, "a")
    assert reply.json["metadata"] == {"x": 1, "tags": ["t"]}
    reply = await admin.post("/key/update", {"key": token_hash(key), "key_alias": None, "tags": None, "models": None})
    assert (reply.json["key_alias"], reply.json["metadata"], reply.json["models"]) == (None, {"x": 1}, [])
    reply = await admin.post("/key/update", {"key": key, "metadata": {"y": 2}, "spend": 1.5, "blocked": True})
    assert (reply.json["metadata"], reply.json["spend"], reply.json["blocked"]) == ({"y": 2}, 1.5, True)
    found = admin.ring.find(key)
    assert found is not None
    assert (found.blocked, found.metadata) == (True, {"y": 2})


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/key/update", {"models": []}, 400),
        ("/key/update", {"key": "sk-none", "models": []}, 404),
        ("/key/block", {"key": "sk-none"}, 404),
        ("/key/block", {}, 400),
        ("/key/delete", {}, 400),
        ("/key/delete", {"keys": ["sk-none"]}, 404),
        ("/key/generate", {"duration": "soon"}, 400),
        ("/key/generate", {"models": "gpt-4o"}, 400),
        ("/key/generate", {"spend": -1}, 400),
        ("/key/generate", {"key_alias": 5}, 400),
        ("/key/generate", {"key_alias": "x" * 300}, 400),
        ("/key/generate", {"metadata": []}, 400),
        ("/key/generate", [1], 400),
        ("/key/generate", None, 400),
    ],
)
async def test_bad_requests_are_told_what_is_wrong(admin: Admin, path: str, body: Any, status: int) -> None:
    reply = await admin.post(path, body)
    assert reply.status == status
    assert len(reply.error["message"]) > 10


async def test_a_key_is_blocked_and_let_go_at_once(admin: Admin) -> None:
    key = (await made(admin))["key"]
    for path, blocked in (("/key/block", True), ("/key/unblock", False)):
        reply = await admin.post(path, {"key": key})
        assert reply.json.keys() >= TOKEN_ROW
        assert reply.json["blocked"] is blocked
        found = admin.ring.find(key)
        assert found is not None
        assert found.blocked is blocked


async def test_keys_are_deleted_by_any_name(admin: Admin) -> None:
    keys = [await made(admin, key_alias=name) for name in "abc"]
    reply = await admin.post("/key/delete", {"keys": [keys[0]["key"], keys[1]["token"]], "key_aliases": ["c"]})
    assert reply.json == {"deleted_keys": [keys[0]["key"], keys[1]["token"], "c"]}
    assert [admin.ring.find(key["key"]) for key in keys] == [None, None, None]


@pytest.mark.parametrize("named", ["keys", "key_aliases"])
async def test_the_list_that_is_not_meant_may_be_null(admin: Admin, named: str) -> None:
    key = await made(admin, key_alias="a")
    names = {"keys": [key["key"]], "key_aliases": ["a"]}[named]
    reply = await admin.post("/key/delete", {"keys": None, "key_aliases": None} | {named: names})
    assert reply.json == {"deleted_keys": names}


async def test_info_shows_everything_but_the_hash(admin: Admin) -> None:
    answer = await made(admin, key_alias="a")
    for name in (answer["key"], answer["token"]):
        reply = await admin.get("/key/info", key=name)
        assert reply.json["key"] == name
        assert set(reply.json["info"]) == TOKEN_ROW - {"token"}
        assert reply.json["info"]["key_alias"] == "a"
    assert (await admin.get("/key/info", key="sk-none")).error["type"] == "not_found_error"


async def test_info_shows_what_was_spent_a_moment_ago(admin: Admin) -> None:
    key = await made(admin)
    admin.journal.settle(row(key_hash=key["token"], cost_nano_usd=2_500_000))
    shown = (await admin.get("/key/info", key=key["key"])).json["info"]
    assert (shown["spend"], shown["last_active"]) == (0.0025, "2023-11-14T22:13:21.500000Z")


async def test_a_key_asks_for_itself_and_no_other(admin: Admin) -> None:
    key, other = await made(admin, key_alias="a"), await made(admin)
    assert (await admin.get("/key/info", token=key["key"])).json["info"]["key_alias"] == "a"
    assert (await admin.get("/key/info", token=key["key"], key=other["key"])).status == 403


async def test_keys_are_listed_in_pages(admin: Admin, clock: FakeClock) -> None:
    for number in range(12):
        clock.advance(1)
        await made(admin, key_alias=f"alias-{number}", user_id="u" if number % 2 else "v")
    first = (await admin.get("/key/list")).json
    assert (first["total_count"], first["current_page"], first["total_pages"], len(first["keys"])) == (12, 1, 2, 10)
    full = (await admin.get("/key/list", return_full_object="true", page=2, size=5, sort_order="asc")).json["keys"]
    assert [key["key_alias"] for key in full] == [f"alias-{number}" for number in range(5, 10)]
    assert full[0].keys() >= TOKEN_ROW
    assert (await admin.get("/key/list", user_id="u")).json["total_count"] == 6
    assert (await admin.get("/key/list", key_alias="alias-11")).json["total_count"] == 1
    assert (await admin.get("/key/list", key_hash=full[0]["token"])).json["keys"] == [full[0]["token"]]


@pytest.mark.parametrize(
    "query", [{"size": 101}, {"page": 0}, {"sort_by": "token"}, {"size": "x"}, {"status": "deleted"}]
)
async def test_a_list_that_cannot_be_given_is_refused(admin: Admin, query: dict[str, Any]) -> None:
    reply = await admin.get("/key/list", **query)
    assert (reply.status, reply.error["param"]) == (400, next(iter(query)))


async def test_no_answer_but_the_first_holds_the_key(admin: Admin) -> None:
    key = (await made(admin))["key"]
    for reply in (
        await admin.get("/key/list", return_full_object="true"),
        await admin.post("/key/block", {"key": token_hash(key)}),
        await admin.get("/key/info", token=key),
    ):
        assert key.encode() not in reply.body
        assert MASTER.encode() not in reply.body


async def test_a_key_made_elsewhere_is_shown(admin: Admin) -> None:
    add_key(admin.db, token_hash("sk-elsewhere"), expires_us=NOW_US)
    assert (await admin.get("/key/info", key="sk-elsewhere")).json["info"]["expires"] == "2023-11-14T22:13:20.000000Z"

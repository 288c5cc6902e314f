from __future__ import annotations

import pytest

from tests.support.admin import Admin
from tests.support.ledger import row


@pytest.mark.parametrize("prefix", ["/customer", "/end_user"])
async def test_a_customer_is_declared_changed_shown_and_forgotten(world: Admin, prefix: str) -> None:
    made = (await world.post(f"{prefix}/new", {"user_id": "acme", "alias": "Acme", "max_budget": 2})).json
    assert made == {
        "user_id": "acme",
        "alias": "Acme",
        "blocked": False,
        "spend": 0.0,
        "budget_id": None,
        "allowed_model_region": None,
        "default_model": None,
        "object_permission": None,
        "litellm_budget_table": made["litellm_budget_table"],
    }
    assert made["litellm_budget_table"]["max_budget"] == 2.0
    changed = (await world.post(f"{prefix}/update", {"user_id": "acme", "max_budget": None, "alias": None})).json
    assert (changed["alias"], changed["litellm_budget_table"]) == (None, None)
    world.journal.settle(row(end_user="acme", cost_nano_usd=3_000_000_000))
    assert (await world.get(f"{prefix}/info", end_user_id="acme")).json["spend"] == 3.0
    assert [one["user_id"] for one in (await world.get(f"{prefix}/list")).json] == ["acme", "e1"]
    assert (await world.post(f"{prefix}/delete", {"user_ids": ["acme", "none"]})).status == 404
    assert (await world.post(f"{prefix}/delete", {"user_ids": ["acme"]})).json["deleted_customers"] == 1


async def test_who_was_never_declared_is_blocked_all_the_same(world: Admin) -> None:
    reply = (await world.post("/customer/block", {"user_ids": ["e1", "new"]})).json
    assert [(one["user_id"], one["blocked"]) for one in reply["blocked_users"]] == [("e1", True), ("new", True)]
    assert (await world.post("/customer/unblock", {"user_ids": ["new"]})).json == {"blocked_users": []}
    assert (await world.get("/customer/info", end_user_id="new")).json["blocked"] is False


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"user_id": "e1"}, "user_id"),
        ({"user_id": "a", "budget_id": "b1", "max_budget": 1}, "budget_id"),
        ({"user_id": "a", "budget_id": "none"}, "budget_id"),
        ({"user_id": "a", "default_model": "m"}, "default_model"),
        ({"user_id": "a", "allowed_model_region": "eu"}, "allowed_model_region"),
        ({}, "user_id"),
    ],
)
async def test_a_customer_that_cannot_be_is_refused_by_name(world: Admin, body: object, param: str) -> None:
    reply = await world.post("/customer/new", body)
    assert (reply.status, reply.error["param"]) == (400, param)

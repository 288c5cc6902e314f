from __future__ import annotations

from typing import Any

from sekisho.identity.keys import token_hash
from tests.support.admin import MASTER, Admin
from tests.support.directory import HOME, key_of
from tests.support.ledger import row

PATH = "/sekisho/v1/me"


async def test_everything_that_binds_a_key_is_shown_with_its_use(world: Admin) -> None:
    await world.post("/team/update", {"team_id": "t1", "max_budget": 10, "budget_duration": "1d"})
    await world.post("/key/update", {"key": HOME.team_key, "rpm_limit": 5, "soft_budget": 1})
    calls: dict[str, Any] = {"key_hash": token_hash(HOME.team_key), "user_id": "user-M", "team_id": "t1"}
    world.journal.settle(row(cost_nano_usd=4_000_000_000, **calls))
    reply = (await world.get(PATH, token=HOME.team_key)).json
    assert (reply["user_id"], reply["role"], reply["team_id"]) == ("user-M", "internal_user", "t1")
    assert reply["teams"] == [{"team_id": "t1", "role": "user"}]
    assert reply["organizations"] == [{"organization_id": "o1", "role": "internal_user"}]
    assert {one["scope"] for one in reply["bound_by"]} == {
        "key",
        "team_member",
        "team",
        "organization",
        "organization_member",
    }
    limits = {(one["scope"], one["measure"]): one for one in reply["limits"]}
    assert limits["team", "money"] == {
        "scope": "team",
        "id": "t1",
        "name": "t1",
        "measure": "money",
        "model": None,
        "limit": 10.0,
        "soft_limit": None,
        "used": 4.0,
        "left": 6.0,
        "passed_by": 0.0,
        "period": "1d",
        "resets_at": "2023-11-15T00:00:00.000000Z",
    }
    soft = limits["key", "money"]
    assert (soft["limit"], soft["soft_limit"], soft["left"], soft["resets_at"]) == (None, 1.0, None, None)
    rate = limits["key", "requests"]
    assert (rate["limit"], rate["used"], rate["left"], rate["period"]) == (5, 0, 5, "60s")


async def test_every_key_that_works_may_ask_for_itself(world: Admin) -> None:
    made = (await world.post("/key/generate", {"key_type": "llm_api", "models": ["m"]})).json["key"]
    reply = await world.get(PATH, token=made)
    assert (reply.status, reply.json["models"], reply.json["limits"]) == (200, ["m"], [])
    assert (await world.get(PATH, token=MASTER)).json["role"] == "proxy_admin"
    assert (await world.get(PATH, token=key_of("W"))).json["role"] == "internal_user_viewer"
    assert (await world.get(PATH, token="sk-none")).status == 401

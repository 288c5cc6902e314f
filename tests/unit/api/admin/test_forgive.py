from __future__ import annotations

from typing import Any

import pytest

from sekisho.identity.keys import token_hash
from sekisho.limits.limiter import Line, Refusal, line_at
from sekisho.limits.rule import Measure
from sekisho.limits.rules import rules_of
from tests.support.admin import Admin
from tests.support.ledger import row

USD = 1_000_000_000
DAY_SECONDS = 86_400.0


async def make(admin: Admin, **limits: Any) -> str:
    return str((await admin.post("/key/generate", limits)).json["key"])


def spend(admin: Admin, key: str, usd: int, **more: Any) -> None:
    call = row(key_hash=token_hash(key), cost_nano_usd=usd * USD, started_us=admin.clock.now_us(), **more)
    admin.journal.settle(call)
    admin.journal.flush().result(30)


async def lines_of(admin: Admin, key: str, usd: int) -> list[Line]:
    found = await admin.ring.seek(key)
    assert found is not None
    rules = [rule for scope in found.scopes for rule in rules_of(scope) if rule.measure is Measure.MONEY]
    return [line_at(rule, usd * USD, admin.clock.now_us()) for rule in rules]


async def refusal(admin: Admin, key: str, usd: int, call: str = "call") -> Refusal | None:
    """A call that may cost so much."""
    return await admin.limiter.reserve(call, await lines_of(admin, key, usd), 60)


async def shown(admin: Admin, key: str) -> dict[str, tuple[float, float]]:
    """(used, left) of each budget, by its period."""
    limits = (await admin.get("/sekisho/v1/me", token=key)).json["limits"]
    return {f"{one['period'] or 'ever'} {one['model'] or ''}".strip(): (one["used"], one["left"]) for one in limits}


async def reset(admin: Admin, key: str, to: float = 0) -> None:
    reply = await admin.post(f"/key/{key}/reset_spend", {"reset_to": to})
    assert (reply.status, reply.json["spend"]) == (200, to)


async def test_a_key_that_has_spent_its_period_may_spend_it_again_at_once(admin: Admin) -> None:
    key = await make(admin, max_budget=10, budget_duration="30d")
    spend(admin, key, 10)
    full = await refusal(admin, key, 1)
    assert full is not None
    assert full.left == 0
    await reset(admin, key)
    assert await shown(admin, key) == {"30d": (0.0, 10.0)}
    assert await refusal(admin, key, 10) is None
    assert await refusal(admin, key, 1, "one more") is not None


async def test_what_runs_and_what_follows_is_counted_to_the_last_and_the_ledger_stays(admin: Admin) -> None:
    key = await make(admin, max_budget=10, budget_duration="1d")
    spend(admin, key, 6)
    assert await refusal(admin, key, 3, "runs") is None
    await reset(admin, key, 2)
    assert await shown(admin, key) == {"1d": (5.0, 5.0)}
    admin.limiter.settle("runs", [1 * USD])
    spend(admin, key, 1)
    assert await shown(admin, key) == {"1d": (3.0, 7.0)}
    for rule in [line.rule for line in await lines_of(admin, key, 0)]:
        assert await admin.limiter.used([rule], admin.clock.now_us()) == [7 * USD], "the counter is the ledger's"
    await reset(admin, key, 3)
    assert await shown(admin, key) == {"1d": (3.0, 7.0)}
    await reset(admin, key)
    assert await shown(admin, key) == {"1d": (0.0, 10.0)}


async def test_it_holds_for_its_period_and_for_counters_that_begin_anew(admin: Admin) -> None:
    key = await make(admin, max_budget=10, budget_duration="1d")
    spend(admin, key, 8)
    await reset(admin, key)
    assert await shown(admin, key) == {"1d": (0.0, 10.0)}
    spend(admin, key, 1)
    assert await shown(admin, key) == {"1d": (0.0, 10.0)}, "asked of the ledger before"
    admin.limiter._counts.clear()
    assert await shown(admin, key) == {"1d": (1.0, 9.0)}
    admin.clock.advance(DAY_SECONDS)
    spend(admin, key, 4)
    assert await shown(admin, key) == {"1d": (4.0, 6.0)}


async def test_every_budget_of_the_key_has_room(admin: Admin) -> None:
    key = await make(
        admin,
        max_budget=10,
        budget_duration="1d",
        budget_limits=[{"max_budget": 20, "budget_duration": "7d"}],
        model_max_budget={"m": {"max_budget": 5, "budget_duration": "1d"}},
    )
    spend(admin, key, 5, requested_model="m", model_group="m", routed_model="x")
    spend(admin, key, 2, requested_model="other")
    assert await shown(admin, key) == {"1d": (7.0, 3.0), "7d": (7.0, 13.0), "1d m": (5.0, 0.0)}
    await reset(admin, key, 4)
    assert await shown(admin, key) == {"1d": (4.0, 6.0), "7d": (4.0, 16.0), "1d m": (4.0, 1.0)}
    await admin.post("/key/update", {"key": key, "max_budget": 12})
    assert (await shown(admin, key))["1d"] == (4.0, 8.0), "another limit changes nothing of it"


async def test_a_budget_that_keys_share_is_set_back_for_one_of_them(admin: Admin) -> None:
    await admin.post("/budget/new", {"budget_id": "b", "max_budget": 5, "budget_duration": "1d"})
    one, other = [await make(admin, budget_id="b") for _ in range(2)]
    for key in (one, other):
        spend(admin, key, 5)
    await reset(admin, one)
    assert await shown(admin, one) == {"1d": (0.0, 5.0)}
    assert await shown(admin, other) == {"1d": (5.0, 0.0)}


async def test_the_audit_says_what_was_forgiven(admin: Admin) -> None:
    key = await make(admin, max_budget=10, budget_duration="1d")
    spend(admin, key, 8)
    await reset(admin, key, 3)
    told = (await admin.get("/audit", object_id=token_hash(key))).json["audit_logs"][0]
    assert "forgiven" not in str(told["before_value"])
    assert "'nano_usd': 5000000000" in str(told["updated_values"])


@pytest.mark.parametrize("budget", [{"max_budget": 5}, {"max_budget": 5, "budget_duration": "30d"}])
async def test_the_reset_of_all_gives_room_to_keys_and_teams(admin: Admin, budget: dict[str, Any]) -> None:
    await admin.post("/team/new", {"team_id": "t", **budget})
    key = await make(admin, team_id="t", **budget)
    spend(admin, key, 5, team_id="t")
    assert await refusal(admin, key, 1) is not None
    await admin.post("/global/spend/reset", {})
    assert await refusal(admin, key, 5) is None

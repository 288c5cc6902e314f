from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from sekisho.core.clock import FakeClock
from sekisho.limits.limiter import LimitsUnavailable
from sekisho.limits.memory import MemoryLimiter
from sekisho.limits.rule import Rule
from tests.support.admin import Admin


async def used(admin: Admin, key: str) -> dict[str, float]:
    """What is counted of each budget, by scope."""
    limits = (await admin.get("/sekisho/v1/me", token=key)).json["limits"]
    return {one["scope"]: one["used"] for one in limits if one["measure"] == "money"}


async def test_budgets_follow_what_an_administrator_sets(admin: Admin) -> None:
    await admin.post("/user/new", {"user_id": "u", "max_budget": 9, "spend": 4, "auto_create_key": False})
    made = (await admin.post("/key/generate", {"user_id": "u", "max_budget": 5, "spend": 3})).json
    key = made["key"]
    assert await used(admin, key) == {"key": 3.0, "user": 4.0}
    await admin.post(f"/key/{made['token']}/reset_spend", {"reset_to": 1})
    assert await used(admin, key) == {"key": 1.0, "user": 4.0}
    await admin.post("/key/update", {"key": key, "spend": 2})
    await admin.post("/user/update", {"user_id": "u", "spend": 0})
    assert await used(admin, key) == {"key": 2.0, "user": 0.0}
    await admin.post("/key/bulk_update", {"keys": [{"key": key, "spend": 4}, {"key": "sk-none", "spend": 1}]})
    await admin.post("/user/bulk_update", {"users": [{"user_id": "u", "spend": 6}]})
    assert await used(admin, key) == {"key": 4.0, "user": 6.0}


async def test_a_shared_budget_follows_too(admin: Admin) -> None:
    await admin.post("/budget/new", {"budget_id": "b", "max_budget": 5})
    made = (await admin.post("/key/generate", {"budget_id": "b", "spend": 3})).json
    assert await used(admin, made["key"]) == {"key": 3.0}
    await admin.post(f"/key/{made['token']}/reset_spend", {"reset_to": 0})
    assert await used(admin, made["key"]) == {"key": 0.0}


class AwayLimiter(MemoryLimiter):
    """Its shared store cannot be reached."""

    async def reseed(self, _rules: Iterable[Rule], _at_us: int) -> None:
        raise LimitsUnavailable("away")


async def test_counters_that_are_away_do_not_undo_it(
    tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    admin = Admin(tmp_path, clock, limiter=AwayLimiter)
    made = (await admin.post("/key/generate", {"max_budget": 5, "spend": 3})).json
    reply = await admin.post(f"/key/{made['token']}/reset_spend", {"reset_to": 0})
    admin.close()
    assert (reply.status, reply.json["spend"]) == (200, 0.0)
    assert "not counted anew" in caplog.text

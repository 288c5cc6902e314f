from __future__ import annotations

import pytest

from tests.support.admin import Admin
from tests.support.ledger import row


async def test_a_tag_is_declared_changed_shown_and_forgotten(world: Admin) -> None:
    body = {"name": "ci", "description": "builds", "models": ["m"], "max_budget": 5, "budget_duration": "7d"}
    made = (await world.post("/tag/new", body)).json
    assert (made["name"], made["max_budget"], made["tag"]["models"]) == ("ci", 5.0, ["m"])
    changed = (await world.post("/tag/update", {"name": "ci", "max_budget": None, "rpm_limit": 2})).json
    assert (changed["max_budget"], changed["rpm_limit"], changed["description"]) == (None, 2, "builds")
    world.journal.settle(row(tags=("ci",), cost_nano_usd=1_000_000_000))
    shown = (await world.post("/tag/info", {"names": ["ci", "none"]})).json
    assert (list(shown), shown["ci"]["spend"]) == (["ci"], 1.0)
    assert [tag["name"] for tag in (await world.get("/tag/list")).json] == ["ci", "g1"]
    assert (await world.post("/tag/delete", {"name": "ci"})).status == 200
    assert [tag["name"] for tag in (await world.get("/tag/list")).json] == ["g1"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/tag/new", {"name": "g1"}, 400),
        ("/tag/new", {"name": ""}, 400),
        ("/tag/new", {"name": "a", "budget_id": "none"}, 400),
        ("/tag/update", {"name": "none"}, 404),
        ("/tag/delete", {"name": "none"}, 404),
    ],
)
async def test_a_tag_that_cannot_be_is_refused(world: Admin, path: str, body: object, status: int) -> None:
    reply = await world.post(path, body)
    assert reply.status == status
    assert len(reply.error["message"]) > 10

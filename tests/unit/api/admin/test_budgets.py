from __future__ import annotations

import pytest

from tests.support.admin import Admin


async def test_a_budget_is_made_changed_shown_and_deleted(world: Admin) -> None:
    made = (await world.post("/budget/new", {"budget_id": "free", "max_budget": 1, "budget_duration": "1d"})).json
    assert (made["budget_id"], made["max_budget"], made["created_by"]) == ("free", 1.0, "default_user_id")
    assert made["budget_reset_at"] == "2023-11-15T00:00:00.000000Z"
    changed = (await world.post("/budget/update", {"budget_id": "free", "max_budget": None, "rpm_limit": 9})).json
    assert (changed["max_budget"], changed["rpm_limit"], changed["budget_duration"]) == (None, 9, "1d")
    shown = (await world.post("/budget/info", {"budgets": ["free", "none"]})).json
    assert [budget["budget_id"] for budget in shown] == ["free"]
    assert [budget["budget_id"] for budget in (await world.get("/budget/list")).json] == ["b1", "free"]
    fields = {
        one["field_name"]: one["field_value"] for one in (await world.get("/budget/settings", budget_id="free")).json
    }
    assert (fields["rpm_limit"], fields["max_budget"]) == (9, None)
    assert (await world.post("/budget/delete", {"id": "free"})).json["budget_id"] == "free"


async def test_a_change_binds_all_who_name_the_budget_at_once(world: Admin) -> None:
    key = (await world.post("/key/generate", {"budget_id": "b1"})).json["key"]
    await world.ring.seek(key)
    await world.post("/budget/update", {"budget_id": "b1", "rpm_limit": 3})
    found = await world.ring.seek(key)
    assert found is not None
    assert found.scopes[0].limits.rpm_limit == 3


@pytest.mark.parametrize("path", ["/key/generate", "/customer/new", "/tag/new", "/organization/new"])
async def test_a_budget_is_not_deleted_under_those_who_name_it(world: Admin, path: str) -> None:
    who = {"user_id": "u", "name": "n", "organization_alias": "a", "budget_id": "b1"}
    assert (await world.post(path, who)).status == 200
    reply = await world.post("/budget/delete", {"id": "b1"})
    assert (reply.status, reply.error["param"]) == (400, "id")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/budget/new", {"budget_id": "b1"}, 400),
        ("/budget/new", {"max_budget": -1}, 400),
        ("/budget/new", {"budget_duration": "never"}, 400),
        ("/budget/update", {"budget_id": "none"}, 404),
        ("/budget/delete", {"id": "none"}, 404),
        ("/budget/info", {"budgets": []}, 400),
    ],
)
async def test_a_budget_that_cannot_be_is_refused(world: Admin, path: str, body: object, status: int) -> None:
    reply = await world.post(path, body)
    assert reply.status == status
    assert len(reply.error["message"]) > 10

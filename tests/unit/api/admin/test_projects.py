from __future__ import annotations

import pytest

from tests.support.admin import Admin
from tests.support.directory import ABROAD, HOME, key_of


async def test_a_project_is_made_changed_and_deleted_by_who_leads_its_team(world: Admin) -> None:
    body = {"team_id": "t1", "project_alias": "site", "models": ["m"], "max_budget": 3}
    made = (await world.post("/project/new", body, token=key_of("T"))).json
    assert (made["team_id"], made["project_alias"], made["max_budget"]) == ("t1", "site", 3.0)
    key = (await world.post("/key/generate", {"project_id": made["project_id"]})).json["key"]
    found = await world.ring.seek(key)
    assert found is not None
    assert [scope.models for scope in found.scopes if scope.kind == "project"] == [("m",)]
    change = {"project_id": made["project_id"], "max_budget": None, "blocked": True}
    changed = (await world.post("/project/update", change, token=key_of("T"))).json
    assert (changed["max_budget"], changed["blocked"], changed["models"]) == (None, True, ["m"])
    assert (await world.post("/project/delete", {"project_ids": [made["project_id"]]})).status == 200
    assert await world.ring.seek(key) is None


@pytest.mark.parametrize(("person", "found"), [("A", {"p1", "p2"}), ("O", {"p1"}), ("M", {"p1"}), ("U", set())])
async def test_projects_are_shown_to_their_teams(world: Admin, person: str, found: set[str]) -> None:
    listed = (await world.get("/project/list", token=key_of(person))).json
    assert {project["project_id"] for project in listed} == found
    for name in (HOME.project, ABROAD.project, "none"):
        reply = await world.get("/project/info", project_id=name, token=key_of(person))
        assert (reply.status == 200) == (name in found)
    assert {one["project_id"] for one in (await world.get("/project/list", team_id="t2")).json} == {"p2"}


async def test_a_project_stays_in_its_team(world: Admin) -> None:
    reply = await world.post("/project/update", {"project_id": "p1", "team_id": "t2"})
    assert (reply.status, reply.error["param"]) == (400, "team_id")
    reply = await world.post("/project/new", {"project_alias": "a"})
    assert (reply.status, reply.error["param"]) == (400, "team_id")
    reply = await world.post("/project/new", {"project_id": "p1", "team_id": "t1"})
    assert (reply.status, reply.error["param"]) == (400, "project_id")

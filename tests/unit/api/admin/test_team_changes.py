from __future__ import annotations

from typing import Any

import pytest

from tests.support.admin import Admin
from tests.support.directory import ABROAD, HOME, key_of


async def test_who_makes_a_team_in_their_organisation_administers_it(world: Admin) -> None:
    team = (await world.post("/team/new", {"organization_id": "o1"}, token=key_of("O"))).json
    assert [(one["role"], one["user_id"]) for one in team["members_with_roles"]] == [("admin", "user-O")]
    for place in ({"organization_id": "o2"}, {}):
        assert (await world.post("/team/new", place, token=key_of("O"))).status == 403


@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        ({"team_alias": "ours"}, True),
        ({"team_member_budget": 1}, True),
        ({"team_member_permissions": ["/key/generate"]}, True),
        ({"max_budget": 1000}, False),
        ({"models": ["everything"]}, False),
        ({"blocked": True}, False),
        ({"residency": {"regions": ["us-*"]}}, False),
        ({"organization_id": None}, False),
        ({"metadata": {"a": 1}}, False),
    ],
)
async def test_a_teams_administrator_sets_what_is_the_teams_own(world: Admin, change: Any, allowed: Any) -> None:
    reply = await world.post("/team/update", change | {"team_id": "t1"}, token=key_of("T"))
    assert (reply.status == 200, reply.status == 403) == (allowed, not allowed)
    assert (await world.post("/team/update", change | {"team_id": "t1"}, token=key_of("O"))).status == (
        403 if change == {"organization_id": None} else 200
    )


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"team_id": "t1"}, 400, "team_id"),
        ({"organization_id": "none"}, 400, "organization_id"),
        ({"team_member_permissions": ["/user/new"]}, 400, "team_member_permissions"),
        ({"members_with_roles": [{"role": "user"}]}, 400, "member"),
        ({"model_aliases": {"a": "b", "b": "a"}}, 400, "aliases"),
        ({"residency": {"region": "eu"}}, 400, "residency.region"),
        ({"guardrails": ["g"]}, 400, "guardrails"),
    ],
)
async def test_a_team_that_cannot_be_is_refused(world: Admin, body: Any, status: int, param: str) -> None:
    reply = await world.post("/team/new", body)
    assert (reply.status, reply.error["param"]) == (status, param)
    assert len((await world.get("/team/list")).json) == 2


async def test_a_deleted_team_leaves_no_key(world: Admin) -> None:
    reply = await world.post("/team/delete", {"team_ids": ["t1", "none"]})
    assert reply.status == 404
    assert await world.ring.seek(HOME.service_key) is not None
    assert (await world.post("/team/delete", {"team_ids": ["t1"]})).json == {"deleted_teams": ["t1"]}
    assert await world.ring.seek(HOME.service_key) is None
    assert await world.ring.seek(ABROAD.service_key) is not None

from __future__ import annotations

from typing import Any

import pytest

from tests.support.admin import Admin
from tests.support.directory import HOME, key_of


@pytest.mark.parametrize(
    ("path", "body", "status", "param"),
    [
        ("/organization/new", {}, 400, "organization_alias"),
        ("/organization/new", {"organization_alias": "alias of o1"}, 400, "organization_alias"),
        ("/organization/new", {"organization_alias": "a", "organization_id": "o1"}, 400, "organization_id"),
        ("/organization/new", {"organization_alias": "a", "budget_id": "none"}, 400, "budget_id"),
        ("/organization/new", {"organization_alias": "a", "max_budget": -1}, 400, "max_budget"),
        ("/organization/update", {"organization_id": "o2", "organization_alias": "alias of o1"}, 400, None),
        ("/organization/update", {"organization_id": "none"}, 404, "organization_id"),
        ("/organization/member_add", {"organization_id": "o1", "member": {"user_id": "user-M"}}, 400, "member"),
        ("/organization/member_add", {"organization_id": "o1", "member": {}}, 400, "member"),
        ("/organization/member_update", {"organization_id": "o1", "user_id": "user-U"}, 404, "user_id"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(
    world: Admin, path: str, body: Any, status: int, param: str | None
) -> None:
    reply = await world.post(path, body)
    assert (reply.status, reply.error["param"]) == (status, param or "organization_alias")


async def test_an_organisation_in_use_stays(world: Admin) -> None:
    reply = await world.post("/organization/delete", {"organization_ids": ["o1"]})
    assert (reply.status, reply.error["param"]) == (400, "organization_ids")
    await world.post("/team/delete", {"team_ids": ["t1"]})
    assert (await world.post("/organization/delete", {"organization_ids": ["o1"]})).status == 200
    assert (await world.get("/key/info", token=key_of("M"))).status == 200


async def test_who_leaves_an_organisation_loses_their_keys_in_it(world: Admin) -> None:
    named = {"organization_id": "o1", "user_id": "user-M"}
    assert (await world.post("/organization/member_delete", named, token=key_of("O"))).status == 200
    assert await world.ring.seek(HOME.team_key) is None
    assert await world.ring.seek(key_of("M")) is not None
    assert await world.ring.seek(HOME.service_key) is not None


async def test_only_the_gateways_administrators_change_an_organisation_itself(world: Admin) -> None:
    for body in ({"organization_id": "o1", "max_budget": 1e6}, {"organization_id": "o1", "residency": None}):
        assert (await world.post("/organization/update", body, token=key_of("O"))).status == 403

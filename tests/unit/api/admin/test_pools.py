from __future__ import annotations

import pytest

from sekisho.identity.keys import token_hash
from tests.support.admin import Admin
from tests.support.directory import FOREIGN_KEY, HOME

PATH = "/sekisho/v1/pools"


async def bound(admin: Admin, key: str) -> list[str]:
    found = await admin.ring.seek(key)
    assert found is not None
    return [scope.id for scope in found.scopes if scope.kind == "pool"]


async def test_keys_that_join_a_pool_are_bound_by_it_at_once(world: Admin) -> None:
    assert await bound(world, HOME.service_key) == []
    body = {"pool_id": "team-days", "max_budget": 5, "keys": [HOME.service_key, token_hash(FOREIGN_KEY)]}
    made = (await world.post(PATH, body)).json
    assert (made["max_budget"], set(made["keys"])) == (5.0, {token_hash(HOME.service_key), token_hash(FOREIGN_KEY)})
    assert await bound(world, HOME.service_key) == await bound(world, FOREIGN_KEY) == ["team-days"]
    reply = await world.call("PATCH", f"{PATH}/team-days", b'{"keys": [], "max_budget": null, "rpm_limit": 3}')
    assert (reply.json["keys"], reply.json["max_budget"], reply.json["rpm_limit"]) == ([], None, 3)
    assert await bound(world, HOME.service_key) == []


async def test_a_change_of_something_else_leaves_the_keys(world: Admin) -> None:
    await world.post(PATH, {"pool_id": "a", "keys": [HOME.service_key]})
    reply = await world.call("PATCH", f"{PATH}/a", b'{"pool_alias": "A"}')
    assert reply.json["keys"] == [token_hash(HOME.service_key)]
    assert (await world.call("DELETE", f"{PATH}/a")).json == {"deleted": "a"}
    assert await bound(world, HOME.service_key) == []


async def test_pools_are_listed_with_their_keys(world: Admin) -> None:
    await world.post(PATH, {"pool_id": "a", "keys": [HOME.service_key]})
    page = (await world.get(PATH, size=1)).json
    assert (page["total_count"], page["total_pages"], page["pools"][0]["keys"]) == (
        2,
        2,
        [token_hash(HOME.service_key)],
    )


async def test_who_put_which_key_into_a_pool_stands_in_the_audit(world: Admin) -> None:
    one, other = token_hash(HOME.service_key), token_hash(FOREIGN_KEY)
    await world.post(PATH, {"pool_id": "a", "keys": [HOME.service_key]})
    await world.call("PATCH", f"{PATH}/a", world.encoded({"keys": [FOREIGN_KEY]}))
    await world.call("DELETE", f"{PATH}/a")
    told = (await world.get("/audit", table_name="pool_key", sort_order="asc")).json["audit_logs"]
    changes = [(line["action"], line["object_id"].split("/")[0], line["changed_by"]) for line in told]
    who = "default_user_id"
    assert sorted(changes) == sorted(
        [("created", one, who), ("deleted", one, who), ("created", other, who), ("deleted", other, who)]
    )


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", PATH, b'{"pool_id": "pool1"}', 400),
        ("POST", PATH, b'{"keys": ["sk-none"]}', 400),
        ("POST", PATH, b'{"max_budget": -1}', 400),
        ("PATCH", f"{PATH}/none", b"{}", 404),
        ("DELETE", f"{PATH}/none", b"", 404),
    ],
)
async def test_a_pool_that_cannot_be_is_refused(world: Admin, method: str, path: str, body: bytes, status: int) -> None:
    reply = await world.call(method, path, body)
    assert reply.status == status
    assert (await world.get(PATH)).json["total_count"] == 1

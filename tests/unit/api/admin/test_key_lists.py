from __future__ import annotations

import pytest

from sekisho.identity.keys import token_hash
from sekisho.store.directory import KEYS
from sekisho.store.keys import KeyRow
from tests.support.admin import Admin
from tests.support.directory import ABROAD, FOREIGN_KEY, HOME, PERSONAL_KEY, key_of

#: Keys of the world by short names.
NAMED = {
    token_hash(key): name
    for name, key in {
        "member's": HOME.team_key,
        "service": HOME.service_key,
        "personal": PERSONAL_KEY,
        "foreign": FOREIGN_KEY,
        "foreign member's": ABROAD.team_key,
    }.items()
}


async def listed(admin: Admin, person: str, **query: str) -> set[str]:
    reply = await admin.get("/key/list", token=key_of(person), size=100, **query)
    assert reply.status == 200, reply.body
    return {NAMED[token] for token in reply.json["keys"] if token in NAMED}


@pytest.mark.parametrize(
    ("person", "own", "of_the_team"),
    [
        ("A", set(NAMED.values()), {"member's", "service"}),
        ("V", set(NAMED.values()), {"member's", "service"}),
        ("O", set(), {"member's", "service"}),
        ("T", set(), {"member's", "service"}),
        ("M", {"member's"}, {"member's"}),
        ("S", {"service"}, {"service"}),
        ("U", {"personal"}, set()),
    ],
)
async def test_a_list_holds_what_its_asker_reaches(
    world: Admin, person: str, own: set[str], of_the_team: set[str]
) -> None:
    assert await listed(world, person) == own
    assert await listed(world, person, team_id=HOME.team) == of_the_team
    if person not in "AV":
        assert await listed(world, person, team_id=ABROAD.team) == set()
        assert await listed(world, person, user_id="user-X") == set()


async def test_team_keys_come_with_ones_own_where_they_are_asked_for(world: Admin) -> None:
    assert await listed(world, "T", include_team_keys="true") == {"member's", "service"}


async def test_the_user_of_a_key_is_shown_beside_it(world: Admin) -> None:
    reply = await world.get("/key/list", expand="user", team_id=HOME.team)
    users = {key["token"]: key["user"] for key in reply.json["keys"]}
    assert users[token_hash(HOME.team_key)]["user_id"] == HOME.member
    assert users[token_hash(HOME.service_key)] is None


async def test_several_keys_are_shown_at_once_by_any_of_their_names(world: Admin) -> None:
    new = (await world.post("/key/regenerate", {"key": HOME.service_key})).json["key"]
    names = [HOME.team_key, token_hash(HOME.team_key), new, FOREIGN_KEY, "sk-none"]
    reply = await world.post("/v2/key/info", {"keys": names}, token=key_of("T"))
    assert reply.json["key"] == names
    shown = {NAMED[key["token"]] for key in reply.json["info"]}
    assert shown == {"member's", "service"}


async def test_aliases_are_listed_and_searched(world: Admin) -> None:
    for alias in ("web-1", "web-2", "batch"):
        await world.post("/key/generate", {"key_alias": alias}, token=key_of("U"))
    await world.post("/key/generate", {"key_alias": "foreign"})
    reply = (await world.get("/key/aliases", token=key_of("U"), search="web", size=1)).json
    assert reply == {"aliases": ["web-1"], "total_count": 2, "current_page": 1, "total_pages": 2, "size": 1}
    assert (await world.get("/key/aliases")).json["aliases"] == ["batch", "foreign", "web-1", "web-2"]


async def test_keys_made_by_somebody_count_as_theirs_where_asked(world: Admin) -> None:
    row = KeyRow(token="made", key_name="k", user_id="user-X", created_by="user-U", created_us=1, updated_us=1)
    world.db.write(lambda connection: KEYS.insert(connection, row)).result()
    query = {"user_id": "user-U", "return_full_object": "true"}
    assert (await world.get("/key/list", **query)).json["total_count"] == 1
    reply = await world.get("/key/list", include_created_by_keys="true", **query)
    assert "made" in {key["token"] for key in reply.json["keys"]}


async def test_a_key_that_works_is_healthy(world: Admin) -> None:
    reply = await world.call("POST", "/key/health", token=HOME.service_key)
    assert (reply.status, reply.json["key"]) == (200, "healthy")

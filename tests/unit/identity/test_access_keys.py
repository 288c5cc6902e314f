from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from sekisho.core.clock import FakeClock
from sekisho.core.envelope import Envelope
from sekisho.core.errors import OperatorError
from sekisho.core.secret import Secret
from sekisho.identity.access_keys import (
    PURPOSE,
    AccessKeyRing,
    AccessKeyService,
    NoSecretsStored,
    UnknownAccessKey,
    take_over,
)
from sekisho.identity.keys import KeyRing, UnknownKey, token_hash
from sekisho.store.access_keys import AccessKeyRow, get_access_key
from sekisho.store.db import Database
from tests.support.key_desk import KeyDesk
from tests.support.ledger import add_key, open_database, run_sql

ROOT, NEW_ROOT = "ab" * 32, "cd" * 32
KEY = "sk-a"


class CountingDatabase(Database):
    reads = 0
    writes = 0

    def read_now(self, work: Any) -> Any:
        self.reads += 1
        return super().read_now(work)

    def write(self, work: Any) -> Future[Any]:
        self.writes += 1
        return super().write(work)


class World:
    """A database with one virtual key, and what looks at it."""

    def __init__(self, folder: Path, root_key: str | None = ROOT, previous: str | None = None) -> None:
        self.db = CountingDatabase(folder / "sekisho.db")
        self.clock = FakeClock()
        self.envelope = Envelope(root_key, previous)
        self.keys = KeyRing(self.db, self.clock, Secret("sk-master-0123456789"))
        self.ring = AccessKeyRing(self.db, self.keys, self.envelope, self.clock)
        self.service = AccessKeyService(self.db, self.ring, self.envelope, self.clock)
        self.key_desk = KeyDesk(self.db, self.keys)

    def take_over(self) -> None:
        self.db.write(lambda connection: take_over(connection, self.envelope)).result()

    def row(self, access_key_id: str) -> AccessKeyRow:
        row: AccessKeyRow | None = self.db.read_now(lambda connection: get_access_key(connection, access_key_id))
        assert row is not None
        return row


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    db = open_database(tmp_path)
    add_key(db, token_hash(KEY), key_alias="a", user_id="u")
    db.close()
    return tmp_path


@pytest.fixture
def world(folder: Path) -> Iterator[World]:
    world = World(folder)
    yield world
    world.db.close()


def holds(folder: Path, text: str) -> bool:
    return any(text.encode() in path.read_bytes() for path in folder.iterdir())


async def test_a_pair_stands_for_its_virtual_key(world: World, folder: Path) -> None:
    row, secret = await world.service.issue(KEY, "admin")
    assert len(row.access_key_id) == 20
    assert row.access_key_id.startswith("SKSH")
    assert len(secret.reveal()) == 40
    assert (row.key_hash, row.created_by, row.last_used_us) == (token_hash(KEY), "admin", None)
    found = world.ring.find(row.access_key_id)
    assert found is not None
    assert found.secret == secret == world.ring.secret_of(row.access_key_id)
    assert found.principal == world.keys.find(KEY)
    assert secret.reveal() not in repr(found) + repr(row)
    assert not holds(folder, secret.reveal())


async def test_a_pair_may_be_asked_for_by_the_keys_hash_and_there_may_be_several(world: World) -> None:
    first, _ = await world.service.issue(token_hash(KEY), None)
    second, _ = await world.service.issue(KEY, None)
    assert first.access_key_id != second.access_key_id
    assert world.ring.find(first.access_key_id) is not None
    assert world.ring.find(second.access_key_id) is not None


@pytest.mark.parametrize("key", ["sk-none", "sk-master-0123456789", "", "x"])
async def test_only_a_stored_key_has_pairs(world: World, key: str) -> None:
    with pytest.raises(UnknownKey) as caught:
        await world.service.issue(key, None)
    assert caught.value.info.param == "key"


async def test_a_known_pair_costs_no_query(world: World) -> None:
    row, _ = await world.service.issue(KEY, None)
    world.ring.find(row.access_key_id)
    reads = world.db.reads
    assert all(world.ring.find(row.access_key_id) is not None for _ in range(5))
    assert world.db.reads == reads == 2  # the pair, its virtual key


def test_an_unknown_id_asks_again_only_after_a_second(world: World) -> None:
    name = "SKSH" + "A" * 16
    for reads in (1, 1, 1, 2):
        if reads == 2:
            world.clock.advance(1.001)
        assert world.ring.secret_of(name) is None
        assert world.db.reads == reads


@pytest.mark.parametrize("name", ["", "SKSH", "SKSH" + "a" * 16, "A" * 129, "AKIA-IOSFODNN7EXAMPLE", "\ud800", "鍵"])
def test_what_can_be_no_id_costs_no_query(world: World, name: str) -> None:
    assert world.ring.find(name) is None
    assert world.db.reads == 0


async def test_what_happens_to_the_virtual_key_happens_to_its_pairs_at_once(world: World) -> None:
    row, _ = await world.service.issue(KEY, None)
    assert (await principal_state(world, row)) is False
    world.key_desk.change(KEY, blocked=True)
    assert (await principal_state(world, row)) is True
    world.key_desk.change(KEY, blocked=False)
    assert (await principal_state(world, row)) is False
    world.key_desk.delete(KEY)
    assert (await principal_state(world, row)) is None
    world.key_desk.make(KEY)
    world.clock.advance(1.001)
    assert (await principal_state(world, row)) is None


async def principal_state(world: World, row: AccessKeyRow) -> bool | None:
    """None when the pair is not there, else whether it is blocked."""
    found = world.ring.find(row.access_key_id)
    return None if found is None else found.principal.blocked


async def test_a_blocked_and_a_deleted_pair_act_at_once_and_leave_the_key_alone(world: World) -> None:
    row, _ = await world.service.issue(KEY, None)
    blocked = await world.service.set_blocked(row.access_key_id, None, blocked=True)
    assert blocked.blocked
    assert (await principal_state(world, row)) is True
    key = world.keys.find(KEY)
    assert key is not None
    assert not key.blocked
    await world.service.set_blocked(row.access_key_id, None, blocked=False)
    assert (await principal_state(world, row)) is False
    await world.service.delete(row.access_key_id, None)
    assert (await principal_state(world, row)) is None
    with pytest.raises(UnknownAccessKey):
        await world.service.delete(row.access_key_id, None)
    with pytest.raises(UnknownAccessKey):
        await world.service.set_blocked(row.access_key_id, None, blocked=True)


async def test_the_last_use_is_kept_to_the_minute(world: World) -> None:
    row, _ = await world.service.issue(KEY, None)
    writes = world.db.writes
    for _ in range(10):
        world.ring.used(row.access_key_id)
    assert world.db.writes == writes + 1
    first = world.clock.now_us()
    world.clock.advance(61)
    world.ring.used(row.access_key_id)
    world.db.write(lambda _: None).result()
    assert world.row(row.access_key_id).last_used_us == world.clock.now_us() > first


async def test_a_last_use_that_cannot_be_kept_is_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    row, _ = await world.service.issue(KEY, None)
    run_sql(world.db, "DROP TABLE access_keys")
    world.ring.used(row.access_key_id)
    world.db.write(lambda _: None).result()
    assert "last use was not stored: OperationalError" in caplog.text


async def test_pages(world: World) -> None:
    made = []
    for _ in range(3):
        row, _ = await world.service.issue(KEY, None)
        made.append(row)
        world.clock.advance(1)
    rows, total = await world.service.page(KEY, limit=2, offset=0)
    assert (rows, total) == ([made[2], made[1]], 3)
    assert await world.service.page("sk-none", limit=2, offset=0) == ([], 0)
    assert (await world.service.page(None, limit=9, offset=2)) == ([made[0]], 3)


async def test_without_a_root_key_none_is_made_and_none_opens(world: World, folder: Path) -> None:
    row, _ = await world.service.issue(KEY, None)
    bare = World(folder, None)
    with pytest.raises(NoSecretsStored, match="SEKISHO_ROOT_KEY"):
        await bare.service.issue(KEY, None)
    with pytest.raises(OperatorError, match="SEKISHO_ROOT_KEY is not set"):
        bare.ring.find(row.access_key_id)
    bare.db.close()


async def test_a_new_root_key_takes_the_pairs_over(
    world: World, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    row, secret = await world.service.issue(KEY, None)
    between = World(folder, NEW_ROOT, ROOT)
    between.take_over()
    assert "1 access keys are now under the present SEKISHO_ROOT_KEY" in caplog.text
    between.db.close()
    after = World(folder, NEW_ROOT)
    found = after.ring.find(row.access_key_id)
    assert found is not None
    assert found.secret == secret
    caplog.clear()
    after.take_over()
    assert caplog.records == []
    after.db.close()


@pytest.mark.parametrize("root_key", [None, NEW_ROOT])
async def test_a_start_without_the_right_root_key_says_which_is_missing(
    world: World, folder: Path, caplog: pytest.LogCaptureFixture, root_key: str | None
) -> None:
    row, _ = await world.service.issue(KEY, None)
    await world.service.issue(KEY, None)
    wrong = World(folder, root_key)
    wrong.take_over()
    assert f"2 access keys do not work: they were stored under the root key '{row.root_id}'" in caplog.text
    assert wrong.row(row.access_key_id) == row
    wrong.db.close()


async def test_a_secret_of_another_row_opens_nothing(world: World) -> None:
    mine, _ = await world.service.issue(KEY, None)
    other, _ = await world.service.issue(KEY, None)
    run_sql(world.db, f"UPDATE access_keys SET secret = '{other.secret}' WHERE access_key_id = '{mine.access_key_id}'")
    with pytest.raises(OperatorError, match="does not open"):
        world.ring.find(mine.access_key_id)
    assert world.envelope.open(other.secret, PURPOSE, other.access_key_id).reveal()

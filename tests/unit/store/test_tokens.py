from __future__ import annotations

import pytest

from sekisho.store.db import Store
from sekisho.store.directory import KEYS
from sekisho.store.edit import Edit
from sekisho.store.tokens import find_key, is_taken, rotate, tokens_of_key
from tests.support.ledger import NOW_US, add_key


@pytest.fixture
def db(db: Store) -> Store:
    add_key(db, "first")
    return db


def rotated(db: Store, token: str, now_us: int, until_us: int) -> None:
    def work(edit: Edit) -> None:
        row = find_key(edit.connection, "first")
        assert row is not None
        edit.change(KEYS, row, rotate(edit.connection, row, token, now_us=now_us, until_us=until_us), "rotated")

    db.write(lambda connection: work(Edit(connection, None, now_us))).result()


def opens(db: Store, now_us: int) -> list[str]:
    return sorted(db.read_now(lambda connection: tokens_of_key(connection, "first", now_us)))


def test_a_rotated_key_is_found_by_every_hash_it_had(db: Store) -> None:
    rotated(db, "second", NOW_US, NOW_US + 10)
    row = db.read_now(lambda connection: find_key(connection, "second"))
    assert row is not None
    assert (row.token, row.current_token, row.grace_until_us, row.rotation_count) == ("first", "second", NOW_US + 10, 1)
    rotated(db, "third", NOW_US + 1, NOW_US + 20)
    for token in ("first", "second", "third"):
        row = db.read_now(lambda connection, token=token: find_key(connection, token))  # type: ignore[misc]
        assert row is not None
        assert (row.current_token, row.grace_until_us, row.rotation_count) == ("third", NOW_US + 10, 2)
    assert opens(db, NOW_US + 19) == ["second", "third"]
    assert opens(db, NOW_US + 20) == ["third"]


def test_a_former_hash_is_free_again_once_its_time_is_over(db: Store) -> None:
    rotated(db, "second", NOW_US, NOW_US)
    rotated(db, "third", NOW_US + 1, NOW_US + 1)
    assert db.read_now(lambda connection: is_taken(connection, "second"))
    rotated(db, "fourth", NOW_US + 2, NOW_US + 2)
    assert not db.read_now(lambda connection: is_taken(connection, "second"))
    assert not db.read_now(lambda connection: is_taken(connection, "unknown"))

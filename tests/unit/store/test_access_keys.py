from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from sekisho.store.access_keys import (
    AccessKeyRow,
    count_access_keys,
    delete_access_key,
    get_access_key,
    insert_access_key,
    list_access_keys,
    not_sealed_under,
    set_blocked,
    set_last_used,
    set_secret,
)
from sekisho.store.db import Store
from sekisho.store.directory import KEYS
from tests.support.ledger import NOW_US, add_key


@pytest.fixture
def db(db: Store) -> Store:
    for token in ("k1", "k2"):
        add_key(db, token)
    return db


def add(db: Store, access_key_id: str, **changes: Any) -> AccessKeyRow:
    fields: dict[str, Any] = {"key_hash": "k1", "secret": "sealed", "root_id": "r", "created_us": NOW_US}
    row = AccessKeyRow(access_key_id=access_key_id, **(fields | changes))
    db.write(lambda connection: insert_access_key(connection, row)).result()
    return row


def get(db: Store, access_key_id: str) -> AccessKeyRow | None:
    return db.read_now(lambda connection: get_access_key(connection, access_key_id))


def test_a_pair_comes_back_as_it_went_in(db: Store) -> None:
    row = add(db, "a", created_by="admin", last_used_us=NOW_US + 1, blocked=True)
    assert get(db, "a") == row
    assert get(db, "b") is None


def test_an_id_is_taken_once_and_its_key_must_exist(db: Store) -> None:
    add(db, "a")
    for access_key_id, key_hash in (("a", "k1"), ("b", "no such key")):
        with pytest.raises(IntegrityError):
            add(db, access_key_id, key_hash=key_hash)


def test_each_change_touches_its_own_field(db: Store) -> None:
    before = add(db, "a")
    other = add(db, "b")
    blocked = db.write(lambda connection: set_blocked(connection, "a", blocked=True)).result()
    db.write(lambda connection: set_secret(connection, "a", "anew", "r2")).result()
    db.write(lambda connection: set_last_used(connection, "a", NOW_US + 5)).result()
    assert blocked == get_replaced(before, blocked=True)
    assert get(db, "a") == get_replaced(before, blocked=True, secret="anew", root_id="r2", last_used_us=NOW_US + 5)
    assert get(db, "b") == other
    assert db.write(lambda connection: set_blocked(connection, "c", blocked=True)).result() is None


def get_replaced(row: AccessKeyRow, **changes: Any) -> AccessKeyRow:
    return AccessKeyRow(**({name: getattr(row, name) for name in row.__struct_fields__} | changes))


def test_a_deleted_pair_is_gone_and_a_deleted_key_takes_its_pairs_along(db: Store) -> None:
    for access_key_id, key_hash in (("a", "k1"), ("b", "k1"), ("c", "k2")):
        add(db, access_key_id, key_hash=key_hash)
    assert db.write(lambda connection: delete_access_key(connection, "a")).result() is True
    assert db.write(lambda connection: delete_access_key(connection, "a")).result() is False
    key = db.read_now(lambda connection: KEYS.get(connection, "k1"))
    assert key is not None
    assert db.write(lambda connection: KEYS.delete(connection, key)).result()
    assert [get(db, name) is not None for name in "abc"] == [False, False, True]


def test_lists_are_cut_and_the_newest_stands_first(db: Store) -> None:
    for number, name in enumerate("abcd"):
        add(db, name, key_hash="k2" if name == "d" else "k1", created_us=NOW_US + number)

    def ids(key_hash: str | None, limit: int, offset: int) -> list[str]:
        rows = db.read_now(lambda connection: list_access_keys(connection, key_hash, limit=limit, offset=offset))
        return [row.access_key_id for row in rows]

    assert ids(None, 2, 0) == ["d", "c"]
    assert ids("k1", 2, 1) == ["b", "a"]
    for key_hash, count in ((None, 4), ("k1", 3), ("x", 0)):
        assert db.read_now(partial(count_access_keys, key_hash=key_hash)) == count


def test_those_under_another_root_key_are_found(db: Store) -> None:
    add(db, "a", root_id="old")
    add(db, "b", root_id="new")
    assert [row.access_key_id for row in db.read_now(lambda connection: not_sealed_under(connection, "new"))] == ["a"]

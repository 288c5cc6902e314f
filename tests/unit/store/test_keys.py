from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from sekisho.store.db import Store
from sekisho.store.keys import alias_is_taken, get_key, key_names
from sekisho.store.schema import key_tokens
from tests.support.domain import add_row
from tests.support.ledger import NOW_US, add_key


def test_a_key_comes_back_as_it_went_in(db: Store) -> None:
    kept = {"models": ("a", "b"), "aliases": {"x": "y"}, "metadata": {"deep": [1, None]}, "expires_us": NOW_US}
    add_key(db, "t", **kept)
    row = db.read_now(lambda connection: get_key(connection, "t"))
    assert row is not None
    assert {name: getattr(row, name) for name in kept} == kept
    assert db.read_now(lambda connection: get_key(connection, "other")) is None


def test_an_alias_belongs_to_one_key(db: Store) -> None:
    add_key(db, "t", key_alias="a")
    assert db.read_now(lambda connection: alias_is_taken(connection, "a"))
    assert not db.read_now(lambda connection: alias_is_taken(connection, "a", but_not_by="t"))
    with pytest.raises(IntegrityError):
        add_key(db, "u", key_alias="a")


def test_a_rotated_key_is_named_by_each_of_its_hashes(db: Store) -> None:
    add_key(db, "first")
    add_row(db, key_tokens, token="second", key_token="first", created_us=1)
    found = db.read_now(lambda connection: key_names(connection, ["first", "second", "gone"]))
    assert found == {"first": "first", "second": "first"}

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from sekisho.store.db import Store
from sekisho.store.keys import (
    KeyFilter,
    alias_is_taken,
    count_keys,
    delete_keys,
    get_key,
    key_names,
    list_keys,
    tokens_of,
    update_key,
)
from sekisho.store.schema import key_tokens
from tests.support.domain import add_row
from tests.support.ledger import NOW_US, add_key


def tokens(db: Store, wanted: KeyFilter, **options: Any) -> list[str]:
    chosen: dict[str, Any] = {"limit": 10, "offset": 0, "sort_by": "created_at", "ascending": True} | options
    return [row.token for row in db.read_now(lambda connection: list_keys(connection, wanted, **chosen))]


def test_a_key_comes_back_as_it_went_in(db: Store) -> None:
    kept = {"models": ("a", "b"), "aliases": {"x": "y"}, "metadata": {"deep": [1, None]}, "expires_us": NOW_US}
    add_key(db, "t", **kept)
    row = db.read_now(lambda connection: get_key(connection, "t"))
    assert row is not None
    assert {name: getattr(row, name) for name in kept} == kept
    assert db.read_now(lambda connection: get_key(connection, "other")) is None


def test_a_change_touches_what_it_names(db: Store) -> None:
    add_key(db, "t", key_alias="kept", models=("a",))
    row = db.write(lambda connection: update_key(connection, "t", {"models": ("b",), "blocked": True})).result()
    assert row is not None
    assert (row.key_alias, row.models, row.blocked) == ("kept", ("b",), True)
    assert db.write(lambda connection: update_key(connection, "other", {"blocked": True})).result() is None


def test_an_alias_belongs_to_one_key(db: Store) -> None:
    add_key(db, "t", key_alias="a")
    assert db.read_now(lambda connection: alias_is_taken(connection, "a"))
    assert not db.read_now(lambda connection: alias_is_taken(connection, "a", but_not_by="t"))
    with pytest.raises(IntegrityError):
        add_key(db, "u", key_alias="a")


def test_keys_are_found_by_hash_and_alias_and_deleted(db: Store) -> None:
    add_key(db, "t", key_alias="a")
    add_key(db, "u")
    found = db.read_now(lambda connection: tokens_of(connection, ["u", "gone"], ["a", "gone"]))
    assert found == {"t": "t", "a": "t", "u": "u"}
    db.write(lambda connection: delete_keys(connection, ["t"])).result()
    assert tokens(db, KeyFilter()) == ["u"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (KeyFilter(), ["1", "2", "3"]),
        (KeyFilter(user_id="u"), ["1"]),
        (KeyFilter(team_id="t"), ["2"]),
        (KeyFilter(token="3"), ["3"]),
        (KeyFilter(key_alias="ph"), ["1", "2"]),
        (KeyFilter(key_alias="%"), ["3"]),
        (KeyFilter(user_id="u", team_id="t"), []),
    ],
)
def test_filters_hold_together(db: Store, wanted: KeyFilter, found: list[str]) -> None:
    add_key(db, "1", user_id="u", key_alias="alpha")
    add_key(db, "2", team_id="t", key_alias="alphabet", created_us=NOW_US + 1)
    add_key(db, "3", key_alias="100%", created_us=NOW_US + 2)
    assert tokens(db, wanted) == found
    assert db.read_now(lambda connection: count_keys(connection, wanted)) == len(found)


def test_pages_are_cut_and_sorted(db: Store) -> None:
    for number in range(5):
        add_key(db, str(number), spend_nano_usd=-number, created_us=NOW_US + number)
    assert tokens(db, KeyFilter(), limit=2, offset=1, ascending=False) == ["3", "2"]
    assert tokens(db, KeyFilter(), limit=2, sort_by="spend", ascending=True) == ["4", "3"]


def test_a_rotated_key_is_named_by_each_of_its_hashes(db: Store) -> None:
    add_key(db, "first")
    add_row(db, key_tokens, token="second", key_token="first", created_us=1)
    found = db.read_now(lambda connection: key_names(connection, ["first", "second", "gone"]))
    assert found == {"first": "first", "second": "first"}

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from sekisho.store.bindings import binding_of_key, binding_of_secret, call_bindings, member_id, member_of
from sekisho.store.db import Store
from sekisho.store.domain import end_users, pools, tags, teams
from sekisho.store.schema import key_tokens, pool_keys
from tests.support.domain import add_row
from tests.support.ledger import add_key


@pytest.fixture
def seen() -> Iterator[list[str]]:
    """The statements that reached a database."""
    statements: list[str] = []

    def note(*told: Any) -> None:
        if "FROM" in told[2] and "pg_catalog" not in told[2]:
            statements.append(told[2])

    event.listen(Engine, "before_cursor_execute", note)
    yield statements
    event.remove(Engine, "before_cursor_execute", note)


def test_a_key_with_everything_around_it_is_one_statement(db: Store, seen: list[str]) -> None:
    add_key(db, "k", team_id="t", user_id="nobody", metadata={"a": 1})
    add_row(db, teams, team_id="t")
    for name in ("one", "two"):
        add_row(db, pools, pool_id=name)
        add_row(db, pool_keys, key_hash="k", pool_id=name)
    seen.clear()
    found = db.read_now(lambda connection: binding_of_secret(connection, "k"))
    assert len(seen) == 1
    assert found is not None
    assert (found.key.token, found.key.metadata, found.shown_until_us) == ("k", {"a": 1}, None)
    assert set(found.parts) == {"team"}
    assert sorted(pool["pool_id"] for pool in found.pools) == ["one", "two"]


def test_nobodys_secret_binds_nobody(db: Store) -> None:
    assert db.read_now(lambda connection: binding_of_secret(connection, "k")) is None
    assert db.read_now(lambda connection: binding_of_key(connection, "k")) is None


def test_a_rotated_key_is_opened_by_its_secrets_for_as_long_as_each_is_good(db: Store) -> None:
    add_key(db, "k", grace_until_us=10, current_token="third")
    add_row(db, key_tokens, token="second", key_token="k", until_us=20)
    add_row(db, key_tokens, token="third", key_token="k", until_us=None)
    for secret, until_us in (("k", 10), ("second", 20), ("third", None)):
        found = db.read_now(partial(binding_of_secret, token=secret))
        assert found is not None
        assert (found.key.token, found.shown_until_us) == ("k", until_us)
    by_name = db.read_now(lambda connection: binding_of_key(connection, "k"))
    assert by_name is not None
    assert by_name.shown_until_us is None
    assert db.read_now(lambda connection: binding_of_key(connection, "third")) is None


def test_declared_names_of_a_call_are_one_statement(db: Store, seen: list[str]) -> None:
    add_row(db, end_users, end_user_id="e")
    for name in ("a", "b"):
        add_row(db, tags, name=name)
    seen.clear()
    end_user, found = db.read_now(lambda connection: call_bindings(connection, "e", ["a", "b", "c"]))
    assert len(seen) == 1
    assert end_user is not None
    assert (end_user["id"], sorted(row["id"] for row in found)) == ("e", ["a", "b"])
    assert db.read_now(lambda connection: call_bindings(connection, None, [])) == (None, [])


def test_no_two_members_have_one_name() -> None:
    pairs = [("a/b", "c"), ("a", "b/c"), ("a%2Fb", "c"), ("t", "u")]
    names = [member_id(*pair) for pair in pairs]
    assert len(set(names)) == len(pairs)
    assert [member_of(name) for name in names] == pairs
    assert names[-1] == "t/u"

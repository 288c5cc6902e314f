from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Table, select, update

from sekisho.ledger.rows import to_columns
from sekisho.store.booking import insert_calls
from sekisho.store.db import Store
from sekisho.store.domain import (
    end_users,
    organization_members,
    organizations,
    pools,
    projects,
    tags,
    team_members,
    teams,
    users,
)
from sekisho.store.schema import keys, pool_keys
from sekisho.store.spend import correct_spend
from tests.support.domain import add_row
from tests.support.ledger import NOW_US, add_key, row


@pytest.fixture
def db(db: Store) -> Store:
    for name in ("k1", "k2"):
        add_key(db, name)
    for name in ("u1", "u2"):
        add_row(db, users, user_id=name)
    add_row(db, organizations, organization_id="o")
    add_row(db, teams, team_id="t", organization_id="o")
    add_row(db, projects, project_id="p", team_id="t")
    add_row(db, team_members, team_id="t", user_id="u1")
    add_row(db, organization_members, organization_id="o", user_id="u1")
    add_row(db, end_users, end_user_id="e")
    for name in ("x", "y"):
        add_row(db, tags, name=name)
    for name in ("one", "both"):
        add_row(db, pools, pool_id=name)
    for key, pool in (("k1", "one"), ("k1", "both"), ("k2", "both")):
        add_row(db, pool_keys, key_hash=key, pool_id=pool)
    return db


def spent(db: Store, table: Table) -> list[int]:
    query = select(table.c.spend_nano_usd).order_by(*table.primary_key)
    return list(db.read(lambda connection: connection.execute(query).scalars().all()).result())


def put(db: Store, *changes: dict[str, Any]) -> None:
    rows = [to_columns(row(**each)) for each in changes]
    db.write(lambda connection: insert_calls(connection, rows)).result()


def test_a_call_is_spent_by_each_that_it_belongs_to(db: Store) -> None:
    whole = {"team_id": "t", "organization_id": "o", "project_id": "p", "end_user": "e", "tags": ("x", "y", "x", "z")}
    put(
        db,
        {"cost_nano_usd": 1, "key_hash": "k1", "user_id": "u1"} | whole,
        {"cost_nano_usd": 2, "key_hash": "k2", "user_id": "u1", "tags": ("x",)},
        {"cost_nano_usd": 4, "key_hash": "k1", "user_id": "u2", "team_id": "t"},
        {"cost_nano_usd": 8, "key_hash": "gone", "user_id": "gone", "team_id": "gone"},
        {"cost_nano_usd": None, "key_hash": "k1", "user_id": "u1"} | whole,
    )
    assert spent(db, keys) == [1 + 4, 2]
    assert spent(db, users) == [1 + 2, 4]
    assert spent(db, teams) == [1 + 4]
    assert [*spent(db, team_members), *spent(db, projects), *spent(db, organizations)] == [1, 1, 1]
    assert [*spent(db, organization_members), *spent(db, end_users)] == [1, 1]
    assert spent(db, tags) == [1 + 2, 1]
    assert spent(db, pools) == [1 + 2 + 4, 1 + 4]  # both, one
    put(db, {"cost_nano_usd": 16, "key_hash": "k2", "tags": ("y",)})
    assert (spent(db, keys), spent(db, pools), spent(db, tags)) == ([5, 18], [23, 5], [3, 17])


def test_a_key_was_last_used_when_its_last_call_ended(db: Store) -> None:
    put(db, *({"key_hash": "k1", "cost_nano_usd": None, "ended_us": NOW_US + late} for late in (5, 9, 7)))
    query = select(keys.c.last_active_us).order_by(keys.c.token)
    assert db.read(lambda connection: connection.execute(query).scalars().all()).result() == [NOW_US + 9, None]


def test_what_was_imported_is_added_to(db: Store) -> None:
    db.write(lambda connection: connection.execute(update(teams).values(spend_nano_usd=100)).close()).result()
    put(db, {"team_id": "t", "cost_nano_usd": 5})
    assert spent(db, teams) == [105]


def test_a_correction_is_spent_by_all_and_uses_no_key(db: Store) -> None:
    who = {"key_hash": "k1", "user_id": "u1", "team_id": "t", "tags": ("x",)}
    put(db, who | {"cost_nano_usd": 10})
    corrected = [to_columns(row(**who, cost_nano_usd=-4, ended_us=NOW_US + 99))]
    db.write(lambda connection: correct_spend(connection, corrected)).result()
    found = [spent(db, table)[0] for table in (keys, users, teams, team_members, tags, pools)]
    assert found == [6] * 6
    query = select(keys.c.last_active_us).order_by(keys.c.token)
    assert db.read(lambda connection: connection.execute(query).scalars().all()).result() == [NOW_US + 1_500_000, None]

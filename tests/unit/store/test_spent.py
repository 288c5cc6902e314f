from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekisho.ledger.rows import to_columns
from sekisho.store.bindings import BINDS_TEAM_KEYS, member_id
from sekisho.store.booking import insert_calls
from sekisho.store.db import Store
from sekisho.store.domain import organization_members, organizations, pools, team_members, teams, users
from sekisho.store.schema import pool_keys
from sekisho.store.spent import has_scope, spent_nano_usd
from sekisho.store.usage import DAY_US, HOUR_US
from tests.support.domain import add_row, change_row
from tests.support.ledger import NOW_US, add_key, open_database, row, run_sql

NEVER_US = 9_000_000_000_000_000
MIDNIGHT = NOW_US - NOW_US % DAY_US
#: Cost -> who is behind the call; each sum tells which calls are in it.
CALLS: dict[int, dict[str, Any]] = {
    1: {"key_hash": "k1", "user_id": "u1", "team_id": "a/b", "organization_id": "o"},
    2: {"key_hash": "k1", "user_id": "u2", "team_id": "a/b", "tags": ("x", "y")},
    4: {"key_hash": "k2", "user_id": "u1", "project_id": "p", "tags": ("xy",)},
    8: {"key_hash": "k2", "end_user": "e", "routed_model": "sent", "requested_model": "asked", "model_group": "named"},
    16: {"started_us": NOW_US - 10, "key_hash": "k1"},
    32: {"started_us": NOW_US + 10, "key_hash": "k1"},
    64: {"started_us": NOW_US - 2 * DAY_US, "key_hash": "k1", "user_id": "u1"},
}


@pytest.fixture
def db(db: Store) -> Store:
    add_key(db, "k1")
    rows = [to_columns(row(**({"cost_nano_usd": cost} | who))) for cost, who in CALLS.items()]
    db.write(lambda connection: insert_calls(connection, [*rows, to_columns(row(key_hash="k1"))])).result()
    return db


def spent(db: Store, kind: str, scope_id: str, model: str = "", **period: int) -> int:
    """Of the calls of the ten microseconds that begin now, unless told otherwise."""
    times = {"starts_us": NOW_US, "ends_us": NOW_US + 10} | period
    return db.read_now(lambda connection: spent_nano_usd(connection, kind, scope_id, model, **times))


def ever(db: Store, kind: str, scope_id: str, model: str = "") -> int:
    """Of all calls there are."""
    return spent(db, kind, scope_id, model, starts_us=0, ends_us=NEVER_US)


@pytest.mark.parametrize(
    ("kind", "scope_id", "sum_of_costs"),
    [
        ("key", "k1", 1 + 2),
        ("key", "nobody", 0),
        ("user", "u1", 4),
        ("team", "a/b", 1 + 2),
        ("team_member", member_id("a/b", "u2"), 2),
        ("end_user", "e", 8),
        ("tag", "x", 2),
        ("tag", "%", 0),
        ("project", "p", 4),
        ("organization", "o", 1),
        ("organization_member", member_id("o", "u1"), 1),
        ("organization_member", member_id("o", "u2"), 0),
        ("gateway", "", 1 + 2 + 4 + 8),
    ],
)
def test_each_scope_has_its_own_calls(db: Store, kind: str, scope_id: str, sum_of_costs: int) -> None:
    assert spent(db, kind, scope_id) == sum_of_costs
    rest = spent(db, kind, scope_id, starts_us=1, ends_us=NOW_US) + spent(
        db, kind, scope_id, starts_us=NOW_US + 10, ends_us=NEVER_US
    )
    assert spent(db, kind, scope_id, starts_us=1, ends_us=NEVER_US) == sum_of_costs + rest


@pytest.mark.parametrize(("model", "sum_of_costs"), [("asked", 8), ("named", 8), ("sent", 0)])
def test_a_model_by_the_name_asked_for_or_configured(db: Store, model: str, sum_of_costs: int) -> None:
    assert spent(db, "gateway", "", model) == sum_of_costs
    assert ever(db, "gateway", "", model) == sum_of_costs


def test_a_pool_is_its_keys(db: Store) -> None:
    add_key(db, "k2")
    add_row(db, pools, pool_id="p", spend_nano_usd=1_000)
    for name in ("k1", "k2"):
        add_row(db, pool_keys, pool_id="p", key_hash=name)
    assert (spent(db, "pool", "p"), spent(db, "pool", "gone")) == (1 + 2 + 4 + 8, 0)
    assert ever(db, "pool", "p") == 1_000


def test_all_time_is_what_stands_in_the_row_with_what_was_imported(db: Store) -> None:
    add_row(db, teams, team_id="a/b", spend_nano_usd=1_000)
    assert ever(db, "team", "a/b") == 1_000
    assert ever(db, "key", "k1") == 1 + 2 + 16 + 32 + 64
    assert ever(db, "team_member", "a%2Fb/u2") == 2  # who has no row
    add_row(db, users, user_id="u2")
    add_row(db, team_members, team_id="a/b", user_id="u2", spend_nano_usd=500)
    assert ever(db, "team_member", "a%2Fb/u2") == 500
    assert ever(db, "organization_member", "o/u2") == 0
    add_row(db, organizations, organization_id="o")
    add_row(db, organization_members, organization_id="o", user_id="u2", spend_nano_usd=300)
    assert ever(db, "organization_member", "o/u2") == 300


def test_what_a_user_spends_with_keys_of_teams_counts_only_where_it_binds_them(db: Store) -> None:
    add_row(db, users, user_id="u1", spend_nano_usd=1 + 4 + 64 + 1_000)
    assert (spent(db, "user", "u1"), ever(db, "user", "u1")) == (4, 4 + 64 + 1_000)
    change_row(db, users, "u1", metadata=f'{{"{BINDS_TEAM_KEYS}":true}}')
    assert (spent(db, "user", "u1"), ever(db, "user", "u1")) == (1 + 4, 1 + 4 + 64 + 1_000)


@settings(max_examples=60)
@given(
    starts=st.integers(-3 * DAY_US, 3 * DAY_US),
    length=st.one_of(st.integers(1, 4 * DAY_US), st.sampled_from([HOUR_US, DAY_US, 30 * 60_000_000])),
    calls=st.lists(st.integers(-3 * DAY_US, 3 * DAY_US), max_size=12),
)
def test_any_period_has_exactly_the_calls_that_started_in_it(
    tmp_path_factory: pytest.TempPathFactory, starts: int, length: int, calls: list[int]
) -> None:
    db = open_database(tmp_path_factory.mktemp("db"))
    rows = [
        to_columns(row(team_id="t", started_us=MIDNIGHT + at, ended_us=MIDNIGHT + at, cost_nano_usd=1 << number))
        for number, at in enumerate(calls)
    ]
    db.write(lambda connection: insert_calls(connection, rows)).result()
    wanted = sum(1 << number for number, at in enumerate(calls) if starts <= at < starts + length)
    assert spent(db, "team", "t", starts_us=MIDNIGHT + starts, ends_us=MIDNIGHT + starts + length) == wanted
    db.close()


def test_whether_a_scope_exists(db: Store) -> None:
    run_sql(db, "INSERT INTO teams (team_id, created_us, updated_us) VALUES ('web', 1, 1)")
    asked = [("key", "k1"), ("key", "k2"), ("team", "web"), ("team", "k1"), ("team_member", "web/u"), ("gateway", "")]
    found = db.read(lambda connection: [has_scope(connection, *scope) for scope in asked]).result()
    assert found == [True, False, True, False, False, True]

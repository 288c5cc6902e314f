from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from sekisho.ledger.rows import COST_MAX_NANO_USD, TOKENS_MAX, to_columns
from sekisho.store.booking import insert_calls, insert_fresh_calls
from sekisho.store.db import Store
from sekisho.store.schema import calls, usage_days, usage_hours
from tests.support.ledger import add_key, count_stored, open_database, row, spend_of


def put(db: Store, *changes: dict[str, Any]) -> int:
    rows = [to_columns(row(**each)) for each in changes]
    return db.write(lambda connection: insert_calls(connection, rows)).result()


def totals(db: Store) -> set[tuple[int, ...]]:
    """(calls, output tokens, cost) of the rows and of both roll-ups: one value where they agree."""

    def read(connection: Any) -> set[tuple[int, ...]]:
        tokens, cost = func.sum(calls.c.output_tokens), func.sum(calls.c.cost_nano_usd)
        found = [connection.execute(select(func.count(), tokens, cost)).one()]
        for table in (usage_hours, usage_days):
            sums = (table.c.calls, table.c.output_tokens, table.c.cost_nano_usd)
            found.append(connection.execute(select(*map(func.sum, sums))).one())
        return {tuple(int(value or 0) for value in each) for each in found}

    return db.read(read).result()


def test_a_call_is_booked_once(db: Store) -> None:
    add_key(db, "k")
    call = {"call_id": "1", "key_hash": "k", "cost_nano_usd": 5, "output_tokens": 3}
    assert put(db, call, call) == 1
    assert put(db, call, {"call_id": "2", "key_hash": "k", "cost_nano_usd": 7}) == 1
    assert spend_of(db, "k") == 12
    assert totals(db) == {(2, 3, 12)}


def test_fresh_calls_are_booked_all_or_not_at_all(db: Store) -> None:
    add_key(db, "k")
    put(db, {"call_id": "known"})
    rows = [to_columns(row(call_id=name, key_hash="k", cost_nano_usd=1)) for name in ("new", "known")]
    with pytest.raises(IntegrityError):
        db.write(lambda connection: insert_fresh_calls(connection, rows)).result()
    assert (count_stored(db), spend_of(db, "k")) == (1, 0)
    assert totals(db) == {(1, 0, 0)}


def test_any_number_of_calls_is_one_transaction(db: Store) -> None:
    add_key(db, "k")
    rows = [to_columns(row(call_id=str(number), key_hash="k", cost_nano_usd=1)) for number in range(1_003)]
    assert db.write(lambda connection: insert_fresh_calls(connection, rows)).result() == 1_003
    assert put(db, *({"call_id": str(number)} for number in range(500, 1_500))) == 497
    assert spend_of(db, "k") == 1_003
    assert totals(db) == {(1_500, 0, 1_003)}


def test_sums_of_the_dearest_calls_fit(db: Store) -> None:
    add_key(db, "k")
    dear = {"key_hash": "k", "output_tokens": 10**30, "cost_nano_usd": 10**30}
    put(db, *(dear for _ in range(100)))
    assert totals(db) == {(100, 100 * TOKENS_MAX, 100 * COST_MAX_NANO_USD)}
    assert spend_of(db, "k") == 100 * COST_MAX_NANO_USD


@settings(max_examples=20)
@given(batches=st.lists(st.lists(st.integers(0, 30), max_size=12), max_size=5))
def test_however_calls_are_handed_in_roll_ups_equal_rows(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[int]]
) -> None:
    db = open_database(tmp_path_factory.mktemp("db"))
    for batch in batches:
        put(db, *({"call_id": str(one), "user_id": f"u{one % 3}", "cost_nano_usd": 1 << one} for one in batch))
    wanted = {one for batch in batches for one in batch}
    assert totals(db) == {(len(wanted), 0, sum(1 << one for one in wanted))}
    db.close()

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from sekisho.ledger.rows import to_columns
from sekisho.store.booking import insert_calls
from sekisho.store.correct import Correction, Run, Wanted, correct_calls, hold_calls, portion
from sekisho.store.db import Store
from sekisho.store.domain import audit_changes, pools, tags, team_members, teams, users
from sekisho.store.schema import corrections, keys, pool_keys
from sekisho.store.usage import DAY_US
from sekisho.store.verify import verify_day
from tests.support.domain import add_row
from tests.support.ledger import NOW_US, add_key, open_database, row, spend_of, stored_calls

DAY = NOW_US - NOW_US % DAY_US
RUN = Run("run-1", "somebody", NOW_US)
ALL = Wanted(DAY, DAY + DAY_US)


def put(db: Store, *changes: dict[str, Any]) -> None:
    rows = [to_columns(row(**({"provider": "p", "routed_model": "m"} | each))) for each in changes]
    db.write(lambda connection: insert_calls(connection, rows)).result()


def read(db: Store, wanted: Wanted) -> list[dict[str, Any]]:
    return db.read(lambda connection: portion(connection, wanted, (DAY, ""))).result()


def corrected(db: Store, costs: dict[str, int], run: Run = RUN) -> None:
    def work(connection: Connection) -> None:
        hold_calls(connection)
        rows = {each["call_id"]: each for each in portion(connection, ALL, (DAY, ""))}
        correct_calls(connection, run, [Correction(rows[name], cost, "new") for name, cost in costs.items()])

    db.write(work).result()


def sums(db: Store) -> dict[str, int]:
    """What everybody has spent."""
    queries = {
        "key": "SELECT spend_nano_usd FROM keys",
        "user": "SELECT spend_nano_usd FROM users",
        "team": "SELECT spend_nano_usd FROM teams",
        "member": "SELECT spend_nano_usd FROM team_members",
        "tag": "SELECT spend_nano_usd FROM tags",
        "pool": "SELECT spend_nano_usd FROM pools",
    }

    def work(connection: Connection) -> dict[str, int]:
        return {name: connection.execute(text(query)).scalar_one() for name, query in queries.items()}

    return db.read(work).result()


def test_a_row_and_every_sum_it_is_in_are_corrected_together(db: Store) -> None:
    add_key(db, "k1")
    add_row(db, teams, team_id="t")
    add_row(db, users, user_id="u")
    add_row(db, team_members, team_id="t", user_id="u")
    add_row(db, tags, name="x")
    add_row(db, pools, pool_id="p")
    add_row(db, pool_keys, key_hash="k1", pool_id="p")
    who = {"key_hash": "k1", "user_id": "u", "team_id": "t", "tags": ("x", "y"), "price_version": "old"}
    put(
        db,
        who | {"call_id": "dear", "cost_nano_usd": 100},
        who | {"call_id": "unpriced", "cost_nano_usd": None, "price_version": None},
        who | {"call_id": "right", "cost_nano_usd": 7},
    )
    active = db.read(lambda connection: connection.execute(select(keys.c.last_active_us)).scalar_one()).result()
    corrected(db, {"dear": 60, "unpriced": 5})
    assert set(sums(db).values()) == {72}
    assert db.read(lambda connection: connection.execute(select(keys.c.last_active_us)).scalar_one()).result() == active
    stored = {each["call_id"]: (each["cost_nano_usd"], each["price_version"]) for each in stored_calls(db)}
    assert stored == {"dear": (60, "new"), "unpriced": (5, "new"), "right": (7, "old")}
    assert db.read(partial(verify_day, day_us=DAY)).result().differences == ()


def test_what_was_before_is_kept_and_who_changed_it(db: Store) -> None:
    put(db, {"call_id": "a", "cost_nano_usd": 100, "price_version": "old"}, {"call_id": "b", "cost_nano_usd": None})
    corrected(db, {"a": 60, "b": 5})
    corrected(db, {"a": 70}, Run("run-2", "other", NOW_US + 1))

    def work(connection: Connection) -> tuple[list[Any], list[Any]]:
        order = select(corrections).order_by(corrections.c.run_id, corrections.c.call_id)
        entries = select(audit_changes).order_by(audit_changes.c.at_us)
        return (
            [tuple(each) for each in connection.execute(order)],
            [dict(each) for each in connection.execute(entries).mappings()],
        )

    former, entries = db.read(work).result()
    assert former == [
        ("run-1", "a", NOW_US, NOW_US, 100, 60, "old", "new"),
        ("run-1", "b", NOW_US, NOW_US, None, 5, None, "new"),
        ("run-2", "a", NOW_US, NOW_US + 1, 60, 70, "new", "new"),
    ]
    assert [(each["actor"], each["action"], each["object_kind"], each["object_id"]) for each in entries] == [
        ("somebody", "rerated", "calls", "run-1"),
        ("other", "rerated", "calls", "run-2"),
    ]
    assert msgspec.json.decode(entries[0]["before"]) == {"calls": 2, "unpriced": 1, "cost_nano_usd": 100}
    assert msgspec.json.decode(entries[0]["after"]) == {"calls": 2, "unpriced": 0, "cost_nano_usd": 65}


def test_what_fails_has_changed_nothing(db: Store) -> None:
    add_key(db, "k1")
    put(db, {"call_id": "a", "cost_nano_usd": 100, "key_hash": "k1"})
    corrected(db, {"a": 60})
    with pytest.raises(IntegrityError):
        corrected(db, {"a": 50})
    assert spend_of(db, "k1") == 60
    assert [each["cost_nano_usd"] for each in stored_calls(db)] == [60]
    assert db.read(partial(verify_day, day_us=DAY)).result().differences == ()


def test_nothing_to_correct_is_no_entry(db: Store) -> None:
    corrected(db, {})
    assert db.read(lambda connection: connection.execute(select(audit_changes)).all()).result() == []


def test_rows_are_read_in_portions_each_once(db: Store) -> None:
    put(db, *({"call_id": f"c{at}", "started_us": DAY + at // 4} for at in range(11)))
    put(db, {"call_id": "late", "started_us": DAY + DAY_US}, {"call_id": "early", "started_us": DAY - 1})
    put(db, {"call_id": "refused", "provider": None})
    seen: list[str] = []
    place = (DAY, "")
    while rows := db.read(partial(portion, wanted=ALL, after=place, rows=3)).result():
        assert len(rows) <= 3
        seen += [each["call_id"] for each in rows]
        place = rows[-1]["started_us"], rows[-1]["call_id"]
    assert sorted(seen) == sorted(f"c{at}" for at in range(11))


@pytest.mark.parametrize(
    ("models", "found"), [((), "abc"), (("x",), "ab"), (("y", "served"), "bc"), (("group",), "c"), (("z",), "")]
)
def test_calls_of_certain_models_by_any_of_their_names(db: Store, models: Sequence[str], found: str) -> None:
    put(
        db,
        {"call_id": "a", "requested_model": "x"},
        {"call_id": "b", "routed_model": "x", "requested_model": "y"},
        {"call_id": "c", "served_model": "served", "model_group": "group"},
    )
    wanted = Wanted(DAY, DAY + DAY_US, tuple(models))
    assert "".join(sorted(each["call_id"] for each in read(db, wanted))) == found


costs = st.one_of(st.none(), st.integers(min_value=0, max_value=10**12))


@settings(max_examples=25)
@given(before=st.lists(costs, min_size=1, max_size=8), after=st.data())
def test_sums_follow_any_corrections(
    before: list[int | None], after: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    db = open_database(tmp_path_factory.mktemp("sums"))
    add_key(db, "k1")
    put(db, *({"call_id": f"c{at}", "key_hash": "k1", "cost_nano_usd": cost} for at, cost in enumerate(before)))
    names = after.draw(st.sets(st.sampled_from([f"c{at}" for at in range(len(before))])))
    amounts = {name: after.draw(st.integers(min_value=0, max_value=10**12)) for name in sorted(names)}
    corrected(db, amounts)
    right = sum(amounts.get(f"c{at}", cost or 0) for at, cost in enumerate(before))
    assert spend_of(db, "k1") == right
    assert db.read(partial(verify_day, day_us=DAY)).result().differences == ()
    db.close()

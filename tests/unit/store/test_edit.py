from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
import pytest
from sqlalchemy import select

from sekisho.store.db import Store
from sekisho.store.directory import BUDGETS, TEAM_MEMBERS, TEAMS, USERS, BudgetRow
from sekisho.store.domain import audit_changes, changes
from sekisho.store.edit import REMOVED_AT_ONCE, Edit, Raced
from sekisho.store.limits import Limits
from tests.support.ledger import NOW_US

T = TypeVar("T")


def edited(db: Store, work: Callable[[Edit], T]) -> T:
    return db.write(lambda connection: work(Edit(connection, "root", NOW_US))).result()


def audited(db: Store) -> list[dict[str, Any]]:
    query = select(audit_changes).order_by(audit_changes.c.change_id)
    return db.read_now(lambda connection: [dict(row) for row in connection.execute(query).mappings()])


def test_every_change_is_in_the_audit_with_what_was_before_and_after(db: Store) -> None:
    def work(edit: Edit) -> None:
        row = edit.add(BUDGETS, budget_id="b", limits=Limits(rpm_limit=1))
        row = edit.change(BUDGETS, row, {"limits": Limits(rpm_limit=2)})
        edit.remove(BUDGETS, row)

    edited(db, work)
    rows = audited(db)
    assert [(row["action"], row["object_kind"], row["object_id"], row["actor"]) for row in rows] == [
        ("created", "budget", "b", "root"),
        ("updated", "budget", "b", "root"),
        ("deleted", "budget", "b", "root"),
    ]
    told = [
        tuple(row[side] and msgspec.json.decode(row[side])["limits"] for side in ("before", "after")) for row in rows
    ]
    assert told == [(None, {"rpm_limit": 1}), ({"rpm_limit": 1}, {"rpm_limit": 2}), ({"rpm_limit": 2}, None)]
    assert rows[0]["at_us"] == NOW_US


def test_many_new_rows_are_each_in_the_audit_and_the_feed(db: Store) -> None:
    rows = [BudgetRow(budget_id=name, created_us=1, updated_us=2) for name in ("a", "b")]

    def work(edit: Edit) -> list[tuple[str, str]]:
        edit.add_all(BUDGETS, rows)
        return edit.touched

    assert edited(db, work) == [("budget", "a"), ("budget", "b")]
    assert db.read_now(lambda connection: BUDGETS.find(connection, limit=9)) == rows
    assert [(row["action"], row["object_id"], row["before"]) for row in audited(db)] == [
        ("created", "a", None),
        ("created", "b", None),
    ]
    heard = select(changes.c.kind, changes.c.id).order_by(changes.c.seq)
    assert db.read_now(lambda connection: [tuple(row) for row in connection.execute(heard)]) == [
        ("budget", "a"),
        ("budget", "b"),
    ]


def test_every_change_is_in_the_feed(db: Store) -> None:
    def work(edit: Edit) -> list[tuple[str, str]]:
        edit.add(TEAMS, team_id="t")
        edit.add(USERS, user_id="u")
        edit.add(TEAM_MEMBERS, team_id="t", user_id="u")
        return edit.touched

    touched = edited(db, work)
    assert touched == [("team", "t"), ("user", "u"), ("team_member", "t/u")]
    query = select(changes.c.kind, changes.c.id).order_by(changes.c.seq)
    assert db.read_now(lambda connection: [tuple(row) for row in connection.execute(query)]) == touched


def test_a_transaction_that_fails_leaves_nothing(db: Store) -> None:
    def work(edit: Edit) -> None:
        edit.add(TEAMS, team_id="t")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        edited(db, work)
    assert audited(db) == []
    assert db.read_now(lambda connection: TEAMS.get(connection, "t")) is None


def test_who_changed_a_row_last_stands_in_it(db: Store) -> None:
    row = edited(db, lambda edit: edit.add(TEAMS, team_id="t"))
    assert (row.created_by, row.created_us) == ("root", NOW_US)

    def later(connection: Any) -> Any:
        return Edit(connection, "hanako", NOW_US + 5).change(TEAMS, row, {"blocked": True}, "blocked")

    row = db.write(later).result()
    stored = db.read_now(lambda connection: TEAMS.get(connection, "t"))
    assert stored == row
    assert (row.created_by, row.updated_by, row.updated_us) == ("root", "hanako", NOW_US + 5)


def test_all_that_meet_a_condition_are_removed_each_with_its_entry(db: Store) -> None:
    rows = [BudgetRow(budget_id=f"b{number}", created_us=1, updated_us=1) for number in range(REMOVED_AT_ONCE + 1)]
    edited(db, lambda edit: edit.add_all(BUDGETS, [*rows, BudgetRow(budget_id="c", created_us=1, updated_us=1)]))
    edited(db, lambda edit: edit.remove_all(BUDGETS, BUDGETS.table.c.budget_id != "c"))
    assert [row.budget_id for row in db.read_now(lambda connection: BUDGETS.find(connection, limit=9))] == ["c"]
    assert [row["action"] for row in audited(db)].count("deleted") == len(rows)


@pytest.mark.parametrize("again", ["change", "remove"])
def test_what_another_has_changed_meanwhile_is_not_written_over(db: Store, again: str) -> None:
    """In the same microsecond too: each change of a row is later than the one before."""
    read = edited(db, lambda edit: edit.add(TEAMS, team_id="t"))
    changed = edited(db, lambda edit: edit.change(TEAMS, read, {"blocked": True}))
    assert changed.updated_us > read.updated_us

    def work(edit: Edit) -> None:
        edit.change(TEAMS, read, {"models": ("m",)}) if again == "change" else edit.remove(TEAMS, read)

    with pytest.raises(Raced):
        edited(db, work)
    assert db.read_now(lambda connection: TEAMS.get(connection, "t")) == changed
    assert [row["action"] for row in audited(db)] == ["created", "updated"]

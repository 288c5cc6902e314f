from __future__ import annotations

import msgspec
import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from sekisho.store.db import Store
from sekisho.store.directory import TEAM_MEMBERS, TEAMS, USERS, TeamRow, UserRow
from sekisho.store.limits import Limits
from tests.support.ledger import NOW_US


def team(name: str, **fields: object) -> TeamRow:
    return TeamRow(team_id=name, created_us=NOW_US, updated_us=NOW_US, **fields)  # type: ignore[arg-type]


def add(db: Store, *rows: TeamRow) -> None:
    for row in rows:
        db.write(lambda connection, row=row: TEAMS.insert(connection, row)).result()  # type: ignore[misc]


def test_a_row_comes_back_as_it_went_in(db: Store) -> None:
    row = team("t", models=("a", "b"), metadata={"x": [1]}, limits=Limits(rpm_limit=5), blocked=True)
    add(db, row)
    assert db.read_now(lambda connection: TEAMS.get(connection, "t")) == row
    assert db.read_now(lambda connection: TEAMS.get(connection, "u")) is None


def test_a_name_is_taken_once(db: Store) -> None:
    add(db, team("t"))
    with pytest.raises(IntegrityError):
        add(db, team("t"))


def test_rows_are_found_in_order_and_in_pages(db: Store) -> None:
    add(db, *(team(name, team_alias=alias) for name, alias in (("1", "b"), ("2", "a"), ("3", "b"))))

    def names(limit: int, offset: int, *, ascending: bool) -> list[str]:
        found = db.read_now(
            lambda connection: TEAMS.find(
                connection, limit=limit, offset=offset, sort_by="team_alias", ascending=ascending
            )
        )
        return [row.team_id for row in found]

    assert names(10, 0, ascending=True) == ["2", "1", "3"]
    assert names(10, 0, ascending=False) == ["3", "1", "2"]
    assert names(1, 1, ascending=True) == ["1"]
    condition = TEAMS.table.c.team_alias == "b"
    assert db.read_now(lambda connection: TEAMS.count(connection, condition)) == 2


def test_many_rows_are_found_by_their_names(db: Store) -> None:
    add(db, *(team(str(number)) for number in range(5)))
    named = [(str(number),) for number in range(900)]
    found = db.read_now(lambda connection: TEAMS.many(connection, named))
    assert sorted(row.team_id for row in found) == ["0", "1", "2", "3", "4"]
    assert db.read_now(lambda connection: TEAMS.many(connection, [])) == []


def test_only_what_is_named_is_changed_or_removed(db: Store) -> None:
    add(db, team("t"), team("u"))
    assert db.write(lambda connection: TEAMS.update(connection, team("t"), {"limits": Limits(tpm_limit=1)})).result()
    assert db.write(lambda connection: TEAMS.delete(connection, team("u"))).result()
    left = db.read_now(lambda connection: TEAMS.find(connection, limit=10))
    assert left == [team("t", limits=Limits(tpm_limit=1))]


def test_what_was_changed_since_it_was_read_stays(db: Store) -> None:
    add(db, team("t"))
    read = msgspec.structs.replace(team("t"), updated_us=NOW_US - 1)
    assert not db.write(lambda connection: TEAMS.update(connection, read, {"blocked": True})).result()
    assert not db.write(lambda connection: TEAMS.delete(connection, read)).result()
    assert db.read_now(lambda connection: TEAMS.get(connection, "t")) == team("t")


def test_what_is_spent_while_spend_is_set_counts(db: Store) -> None:
    read = team("t", spend_nano_usd=5)
    add(db, read)
    booking = update(TEAMS.table).values(spend_nano_usd=TEAMS.table.c.spend_nano_usd + 3)
    db.write(lambda connection: connection.execute(booking)).result()
    assert db.write(lambda connection: TEAMS.update(connection, read, {"spend_nano_usd": 1})).result()
    row = db.read_now(lambda connection: TEAMS.get(connection, "t"))
    assert row is not None
    assert row.spend_nano_usd == 4


def test_a_row_may_be_named_by_two_columns() -> None:
    assert TEAM_MEMBERS.key == ("team_id", "user_id")


def test_the_audit_is_told_no_secret() -> None:
    user = UserRow(user_id="u", password_hash="canary", created_us=NOW_US, updated_us=NOW_US)
    told = USERS.told(user)
    assert "canary" not in told
    assert '"password_hash":"***"' in told

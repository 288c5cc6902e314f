from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from sekisho.store.db import Store
from sekisho.store.domain import changes, organizations, team_members, teams, users
from sekisho.store.limits import NO_LIMITS, decode_limits

STAMPS = {"created_us": 1, "updated_us": 1}


def test_a_new_row_limits_nothing_and_has_spent_nothing(db: Store) -> None:
    db.write(lambda connection: connection.execute(insert(teams).values(team_id="t", **STAMPS)).close()).result()
    row: Any = db.read(lambda connection: connection.execute(select(teams)).mappings().one()).result()
    assert decode_limits(row["limits"]) == NO_LIMITS
    assert (row["models"], row["blocked"], row["spend_nano_usd"]) == ("[]", False, 0)


def test_a_member_goes_with_its_team_and_a_team_keeps_its_organisation(db: Store) -> None:

    def fill(connection: Any) -> None:
        connection.execute(insert(organizations).values(organization_id="o", **STAMPS))
        connection.execute(insert(teams).values(team_id="t", organization_id="o", **STAMPS))
        connection.execute(insert(users).values(user_id="u", **STAMPS))
        connection.execute(insert(team_members).values(team_id="t", user_id="u", **STAMPS))

    db.write(fill).result()
    with pytest.raises(IntegrityError):
        db.write(lambda connection: connection.execute(delete(organizations)).close()).result()
    db.write(lambda connection: connection.execute(delete(teams)).close()).result()
    assert db.read(lambda connection: connection.execute(select(team_members)).all()).result() == []


def test_the_number_of_a_change_is_never_given_twice(db: Store) -> None:

    def note(connection: Any) -> int:
        connection.execute(delete(changes))
        done = connection.execute(insert(changes).values(at_us=1, kind="team", id="t"))
        return int(done.inserted_primary_key[0])

    assert [db.write(note).result() for _ in range(3)] == [1, 2, 3]

from __future__ import annotations

import pytest
from sqlalchemy.engine import Connection

from sekisho.store.changes import Change, changes_since, drop_changes, last_change, note_changes
from sekisho.store.db import Store


def test_a_notice_is_there_with_its_change_or_not_at_all(db: Store) -> None:
    assert db.read_now(last_change) == 0

    def fails(connection: Connection) -> None:
        note_changes(connection, [("team", "lost")], 1)
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        db.write(fails).result()
    db.write(lambda connection: note_changes(connection, [], 1)).result()
    db.write(lambda connection: note_changes(connection, [("team", "t"), ("key", "k")], 5)).result()
    last = db.read_now(last_change)
    assert db.read_now(lambda connection: changes_since(connection, last - 1)) == [Change(last, "key", "k")]
    late = db.read_now(lambda connection: changes_since(connection, last, (last - 1, last + 7)))
    assert late == [Change(last - 1, "team", "t")]
    db.write(lambda connection: drop_changes(connection, 6)).result()
    assert db.read_now(lambda connection: changes_since(connection, 0)) == []

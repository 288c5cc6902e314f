from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.engine import Connection

from sekisho.store.changes import Change, changes_since, drop_changes, last_change, note_changes
from tests.support.ledger import open_database


def test_a_notice_is_there_with_its_change_or_not_at_all(tmp_path: Path) -> None:
    db = open_database(tmp_path)
    assert db.read_now(last_change) == 0

    def fails(connection: Connection) -> None:
        note_changes(connection, [("team", "lost")], 1)
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        db.write(fails).result()
    db.write(lambda connection: note_changes(connection, [], 1)).result()
    db.write(lambda connection: note_changes(connection, [("team", "t"), ("key", "k")], 5)).result()
    assert db.read_now(last_change) == 2
    assert db.read_now(lambda connection: changes_since(connection, 1)) == [Change(2, "key", "k")]
    assert [found.seq for found in db.read_now(lambda connection: changes_since(connection, 2, (1,)))] == [1]
    db.write(lambda connection: drop_changes(connection, 6)).result()
    assert db.read_now(lambda connection: changes_since(connection, 0)) == []
    db.close()

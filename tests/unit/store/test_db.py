from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError, OperationalError

from sekisho.core.errors import OperatorError
from sekisho.store.db import Database, open_for_reading


def make_table(connection: Connection) -> None:
    connection.execute(text("CREATE TABLE t (n INTEGER PRIMARY KEY)"))


def insert_one(connection: Connection) -> str:
    connection.execute(text("INSERT INTO t VALUES (1)"))
    return threading.current_thread().name


def count(connection: Connection) -> int:
    return int(connection.execute(text("SELECT count(*) FROM t")).scalar_one())


def test_writes_are_committed_on_one_thread_of_their_own(tmp_path: Path) -> None:
    db = Database(tmp_path / "x.db")
    db.write(make_table).result()
    assert db.write(insert_one).result().startswith("sekisho-db-write")
    assert db.read_now(count) == 1
    assert db.read(count).result() == 1
    db.close()


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def twice(connection: Connection) -> None:
        insert_one(connection)
        insert_one(connection)

    db = Database(tmp_path / "x.db")
    db.write(make_table).result()
    with pytest.raises(IntegrityError):
        db.write(twice).result()
    assert db.read_now(count) == 0
    db.close()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_text("not a database, but long enough to be looked at as one" * 10)
    with pytest.raises(OperatorError, match="cannot be used"):
        Database(path)


def test_the_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    db = Database(tmp_path / "x.db")
    db.close()
    assert (tmp_path / "x.db").stat().st_mode & 0o077 == 0


def test_reading_beside_a_running_gateway_cannot_write(tmp_path: Path) -> None:
    db = Database(tmp_path / "x.db")
    db.write(make_table).result()
    engine = open_for_reading(tmp_path / "x.db")
    with engine.connect() as connection:
        assert count(connection) == 0
        with pytest.raises(OperationalError, match="readonly"):
            insert_one(connection)
    engine.dispose()
    db.close()


def test_reading_without_a_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="no database at"):
        open_for_reading(tmp_path / "absent.db")

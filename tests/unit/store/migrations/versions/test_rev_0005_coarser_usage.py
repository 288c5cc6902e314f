from __future__ import annotations

from pathlib import Path

from alembic import command
from sqlalchemy import inspect
from sqlalchemy.engine import Connection

from sekisho.store.db import Database
from sekisho.store.migrate import alembic_config
from sekisho.store.schema import SUMS, marks


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


def test_it_adds_sums_and_marks_and_can_be_taken_back(tmp_path: Path) -> None:
    db = Database(tmp_path / "x.db")
    db.write(lambda connection: command.upgrade(alembic_config(connection), "0004")).result()
    before = db.read_now(tables)
    db.write(lambda connection: command.upgrade(alembic_config(connection), "0005")).result()
    assert db.read_now(tables) - before == {table.name for table in (*SUMS, marks)}
    db.write(lambda connection: command.downgrade(alembic_config(connection), "0004")).result()
    assert db.read_now(tables) == before
    db.close()

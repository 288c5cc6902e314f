from __future__ import annotations

from pathlib import Path

from alembic import command
from sqlalchemy import inspect
from sqlalchemy.engine import Connection

from sekisho.store.db import Database
from sekisho.store.migrate import alembic_config
from sekisho.store.schema import metadata


def shape(connection: Connection) -> dict[str, set[str]]:
    """The columns of each table."""
    inspector = inspect(connection)
    return {table: {column["name"] for column in inspector.get_columns(table)} for table in inspector.get_table_names()}


def test_it_ends_at_the_tables_of_today_and_can_be_taken_back(tmp_path: Path) -> None:
    db = Database(tmp_path / "x.db")
    db.write(lambda connection: command.upgrade(alembic_config(connection), "0002")).result()
    before = db.read_now(shape)
    db.write(lambda connection: command.upgrade(alembic_config(connection), "0003")).result()
    assert db.read_now(shape) == {name: set(table.c.keys()) for name, table in metadata.tables.items()}
    db.write(lambda connection: command.downgrade(alembic_config(connection), "0002")).result()
    assert db.read_now(shape) == before
    db.close()

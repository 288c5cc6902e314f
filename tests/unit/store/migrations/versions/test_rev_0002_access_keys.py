from __future__ import annotations

from pathlib import Path

from alembic import command
from sqlalchemy import inspect
from sqlalchemy.engine import Connection

from sekisho.store.access_keys import count_access_keys
from sekisho.store.db import Database
from sekisho.store.keys import get_key
from sekisho.store.limits import NO_LIMITS
from sekisho.store.migrate import alembic_config, ensure_schema
from sekisho.store.schema import HEAD, stored_revision
from tests.support.ledger import run_sql

#: As the first release wrote it.
FIRST_KEY = """
INSERT INTO keys (token, key_name, key_alias, models, aliases, allowed_routes, metadata, blocked, spend_nano_usd,
                  created_us, updated_us)
VALUES ('t', 'sk-...test', 'kept', '[]', '{}', '[]', '{}', 0, 7, 1, 1)
"""


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


def test_it_adds_a_table_and_can_be_taken_back(tmp_path: Path) -> None:
    db = Database(tmp_path / "x.db")
    db.write(lambda connection: command.upgrade(alembic_config(connection), "0002")).result()
    assert db.read_now(tables) == {"alembic_version", "keys", "access_keys", "calls"}
    db.write(lambda connection: command.downgrade(alembic_config(connection), "0001")).result()
    assert db.read_now(tables) == {"alembic_version", "keys", "calls"}
    db.close()


def test_a_database_of_the_first_release_is_upgraded_with_its_keys(tmp_path: Path) -> None:
    db = Database(tmp_path / "x.db")
    db.write(lambda connection: command.upgrade(alembic_config(connection), "0001")).result()
    run_sql(db, FIRST_KEY)
    ensure_schema(db)
    assert db.read_now(stored_revision) == HEAD
    row = db.read_now(lambda connection: get_key(connection, "t"))
    assert row is not None
    assert (row.key_alias, row.spend_nano_usd, row.limits) == ("kept", 7, NO_LIMITS)
    assert db.read_now(lambda connection: count_access_keys(connection, None)) == 0
    db.close()

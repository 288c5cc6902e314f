from __future__ import annotations

from pathlib import Path

from alembic import command
from sqlalchemy import inspect
from sqlalchemy.engine import Connection

from sekisho.store.db import Database
from sekisho.store.migrate import alembic_config
from sekisho.store.migrations.versions.rev_0006_credentials import down_revision


def laid(connection: Connection) -> tuple[bool, bool]:
    """(whether there is a table of credentials, whether access keys end)."""
    columns = {column["name"] for column in inspect(connection).get_columns("access_keys")}
    return inspect(connection).has_table("credentials"), "until_us" in columns


def test_it_adds_credentials_and_the_end_of_access_keys_and_can_be_taken_back(tmp_path: Path) -> None:
    db = Database(tmp_path / "x.db")
    db.write(lambda connection: command.upgrade(alembic_config(connection), down_revision)).result()
    assert db.read_now(laid) == (False, False)
    db.write(lambda connection: command.upgrade(alembic_config(connection), "0006")).result()
    assert db.read_now(laid) == (True, True)
    db.write(lambda connection: command.downgrade(alembic_config(connection), down_revision)).result()
    assert db.read_now(laid) == (False, False)
    db.close()

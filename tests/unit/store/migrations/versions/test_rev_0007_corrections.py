from __future__ import annotations

from pathlib import Path

from alembic import command
from sqlalchemy import inspect
from sqlalchemy.engine import Connection

from sekisho.store.db import Database
from sekisho.store.migrate import alembic_config
from sekisho.store.schema import corrections


def described(connection: Connection) -> dict[str, set[str]]:
    found = inspect(connection)
    return {name: {column["name"] for column in found.get_columns(name)} for name in found.get_table_names()}


def test_it_adds_what_calls_cost_before_and_can_be_taken_back(tmp_path: Path) -> None:
    db = Database(tmp_path / "x.db")
    db.write(lambda connection: command.upgrade(alembic_config(connection), "0006")).result()
    before = db.read_now(described)
    db.write(lambda connection: command.upgrade(alembic_config(connection), "0007")).result()
    after = db.read_now(described)
    assert after.keys() - before.keys() == {corrections.name}
    assert after["calls"] - before["calls"] == {"service_tier", "inference_geo"}
    db.write(lambda connection: command.downgrade(alembic_config(connection), "0006")).result()
    assert db.read_now(described) == before
    db.close()

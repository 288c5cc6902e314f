from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from alembic import command
from sqlalchemy import Table, inspect, select
from sqlalchemy.engine import Connection, RowMapping

from sekisho.store.db import Database
from sekisho.store.domain import credentials
from sekisho.store.migrate import alembic_config
from sekisho.store.schema import COUNTERS, SUMS, corrections, marks, metadata, usage_days, usage_hours
from tests.support.ledger import run_sql

#: What later revisions add.
LATER = {*COUNTERS, *SUMS, marks, credentials, corrections}


def shape(connection: Connection) -> dict[str, set[str]]:
    """The columns of each table."""
    inspector = inspect(connection)
    return {table: {column["name"] for column in inspector.get_columns(table)} for table in inspector.get_table_names()}


def rows_of(connection: Connection, table: Table) -> Sequence[RowMapping]:
    return connection.execute(select(table)).mappings().all()


def test_it_ends_at_todays_tables_without_later_ones_and_can_be_taken_back(tmp_path: Path) -> None:
    db = Database(tmp_path / "x.db")
    db.write(lambda connection: command.upgrade(alembic_config(connection), "0002")).result()
    before = db.read_now(shape)
    db.write(lambda connection: command.upgrade(alembic_config(connection), "0003")).result()
    today = {name: set(table.c.keys()) for name, table in metadata.tables.items() if table not in LATER}
    today["access_keys"] -= {"until_us"}
    today["calls"] -= {"service_tier", "inference_geo"}
    assert db.read_now(shape) == today
    db.write(lambda connection: command.downgrade(alembic_config(connection), "0002")).result()
    assert db.read_now(shape) == before
    db.close()


#: A call as the first release wrote it.
OLD_CALL = """
INSERT INTO calls (call_id, started_us, ended_us, status, http_status, user_id, stream, input_tokens, cache_read_tokens,
                   cache_write_tokens, cache_write_1h_tokens, output_tokens, reasoning_tokens, cost_nano_usd,
                   usage_complete, attempts)
VALUES ('1', 3600000001, 3600000005, 'success', 200, 'u', 0, 1, 2, 3, 4, 5, 6, 7, 1, 1)
"""


def test_calls_of_before_are_counted(tmp_path: Path) -> None:
    db = Database(tmp_path / "x.db")
    db.write(lambda connection: command.upgrade(alembic_config(connection), "0002")).result()
    run_sql(db, OLD_CALL)
    db.write(lambda connection: command.upgrade(alembic_config(connection), "0003")).result()
    for table, starts_us in ((usage_hours, 3_600_000_000), (usage_days, 0)):
        [found] = db.read(partial(rows_of, table=table)).result()
        assert (found["starts_us"], found["user_id"], found["calls"], found["cost_nano_usd"]) == (starts_us, "u", 1, 7)
    db.close()

"""Ledger things that several tests need: rows, intents, an opened store."""

from __future__ import annotations

import functools
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import func, select, text

from sekisho.core.clock import FakeClock
from sekisho.core.ids import new_uuid7
from sekisho.ledger.journal import Journal
from sekisho.ledger.rows import CallRow, Intent
from sekisho.store.db import Database, Store
from sekisho.store.directory import KEYS
from sekisho.store.keys import KeyRow, get_key
from sekisho.store.migrate import ensure_schema
from sekisho.store.open import FILE_NAME
from sekisho.store.schema import calls

NOW_US = FakeClock().now_us()


def open_database(folder: Path) -> Database:
    """The database of a data directory, its schema at head."""
    lay_database(folder)
    db = Database(folder / FILE_NAME)
    ensure_schema(db)
    return db


def lay_database(folder: Path) -> None:
    """An empty database at head in a data directory that has none: a copy, for laying the tables takes much longer."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE_NAME
    if not path.exists():
        path.write_bytes(_empty_database())


@functools.cache
def _empty_database() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / FILE_NAME
        db = Database(path)
        ensure_schema(db)
        db.close()
        return path.read_bytes()


def intent(**changes: Any) -> Intent:
    """An intent with the fields that matter to the test."""
    fields: dict[str, Any] = {"call_id": new_uuid7(), "started_us": NOW_US}
    return Intent(**(fields | changes))


def row(**changes: Any) -> CallRow:
    """A row of a call that went well."""
    fields: dict[str, Any] = {"call_id": new_uuid7(), "started_us": NOW_US, "ended_us": NOW_US + 1_500_000}
    return CallRow(**(fields | {"status": "success", "http_status": 200} | changes))


def add_key(db: Store, token: str, **changes: Any) -> None:
    """A virtual key with this hash, straight into the table."""
    fields: dict[str, Any] = {"key_name": "sk-...test", "created_us": NOW_US, "updated_us": NOW_US}
    key = KeyRow(token=token, **(fields | changes))
    db.write(lambda connection: KEYS.insert(connection, key)).result()


def spend_of(db: Store, token: str) -> int:
    """What a key has spent, in nano-USD."""
    key = db.read(lambda connection: get_key(connection, token)).result()
    assert key is not None
    return key.spend_nano_usd


def run_sql(db: Store, statement: str) -> None:
    """Change the database behind the product's back."""
    db.write(lambda connection: connection.execute(text(statement)).close()).result()


def stored_calls(db: Store) -> list[dict[str, Any]]:
    """Every row of the ledger, oldest first."""
    query = select(calls).order_by(calls.c.call_id)
    return db.read(lambda connection: [dict(found) for found in connection.execute(query).mappings()]).result()


def count_stored(db: Store) -> int:
    """How many rows the ledger has."""
    return db.read(
        lambda connection: int(connection.execute(select(func.count()).select_from(calls)).scalar_one())
    ).result()


def open_journal(folder: Path, db: Store, **options: Any) -> Journal:
    """A journal that has recovered and runs."""
    journal = Journal(folder, db, FakeClock(), **options)
    journal.recover()
    return journal

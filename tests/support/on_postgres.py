"""A plugin for pytest: with `-p tests.support.on_postgres`, tests that open a database in a folder get PostgreSQL.

In: tests as they are. Out: the same assertions on the other store; each folder's database is empty when it is first
opened. One server a process, so tests run one after another in it.
"""

from __future__ import annotations

import atexit
from pathlib import Path
from typing import Any

from sqlalchemy import text

from sekisho.store.schema import alembic_version, metadata
from tests.support import ledger
from tests.support.postgres import PostgresServer, open_postgres

_TABLES = ", ".join(table.name for table in metadata.sorted_tables if table is not alembic_version)
_server = PostgresServer()
_server.start()
atexit.register(_server.stop)
_store = open_postgres(_server)
_opened: set[Path] = set()


class Shared:
    """The one store, which outlives each test that closes it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_store, name)

    def close(self) -> None:
        """Later."""


def open_database(folder: Path) -> Any:
    """In the place of `tests.support.ledger.open_database`."""
    if folder not in _opened:
        _opened.add(folder)
        _store.write(
            lambda connection: connection.execute(text(f"TRUNCATE {_TABLES} RESTART IDENTITY")).close()
        ).result()
    return Shared()


vars(ledger)["open_database"] = open_database

"""Each store there is, for every test that asks for `db`: a file of SQLite, and PostgreSQL, empty, at head.

PostgreSQL's part is skipped, with the reason, where no server can be started.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from sekisho.store.db import Store
from sekisho.store.postgres import PostgresDatabase
from sekisho.store.schema import alembic_version, metadata
from tests.support.ledger import open_database
from tests.support.postgres import PostgresServer, open_postgres

_TABLES = ", ".join(table.name for table in metadata.sorted_tables if table is not alembic_version)


@pytest.fixture(scope="session")
def laid(postgres: PostgresServer) -> Iterator[PostgresDatabase]:
    """A database with all tables."""
    postgres.sql("CREATE DATABASE stores")
    store = open_postgres(postgres, "stores")
    yield store
    store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Empty."""
    if request.param == "sqlite":
        store: Store = open_database(tmp_path)
        yield store
        store.close()
    else:
        store = request.getfixturevalue("laid")
        store.write(
            lambda connection: connection.execute(text(f"TRUNCATE {_TABLES} RESTART IDENTITY")).close()
        ).result()
        yield store

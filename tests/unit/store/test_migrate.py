from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.engine import Connection

from sekisho.core.errors import OperatorError
from sekisho.core.secret import Secret
from sekisho.store.db import Database
from sekisho.store.migrate import _bring_to_head, alembic_config, ensure_schema, upgrade_schema
from sekisho.store.postgres import PostgresDatabase
from sekisho.store.schema import HEAD, metadata, stored_revision
from sekisho.store.url import parse_url
from tests.support.ledger import run_sql
from tests.support.postgres import PostgresServer

EMPTY_BUT_STAMPED = "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"


def layout(db: Database) -> dict[str, Any]:
    """Columns and indexes of every table, as SQLite tells them."""

    def read(connection: Connection) -> dict[str, Any]:
        described: dict[str, Any] = {}
        for table in metadata.tables:
            columns = connection.execute(text(f"PRAGMA table_info({table})")).fetchall()
            indexes = connection.execute(text(f"PRAGMA index_list({table})")).fetchall()
            names = [index[1] for index in indexes]
            parts = {name: connection.execute(text(f"PRAGMA index_info('{name}')")).fetchall() for name in names}
            described[table] = (
                sorted(map(tuple, columns)),
                {name: list(map(tuple, part)) for name, part in parts.items()},
            )
        return described

    return db.read_now(read)


def test_an_upgrade_ends_where_a_fresh_database_begins(tmp_path: Path) -> None:
    fresh, upgraded = Database(tmp_path / "fresh.db"), Database(tmp_path / "upgraded.db")
    ensure_schema(fresh)
    run_sql(upgraded, EMPTY_BUT_STAMPED)
    upgraded.write(lambda connection: command.upgrade(alembic_config(connection), "head")).result()
    assert layout(upgraded) == layout(fresh)
    fresh.close()
    upgraded.close()


def test_head_is_the_last_revision() -> None:
    assert ScriptDirectory.from_config(alembic_config(None)).get_current_head() == HEAD
    assert {"keys", "access_keys", "calls", "teams", "usage_hours"} <= set(metadata.tables)


def test_a_second_start_changes_nothing(tmp_path: Path) -> None:
    db = Database(tmp_path / "x.db")
    ensure_schema(db)
    before = layout(db)
    ensure_schema(db)
    assert layout(db) == before
    db.close()


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    db = Database(tmp_path / "x.db")
    ensure_schema(db)
    run_sql(db, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(OperatorError, match="schema 9999"):
        ensure_schema(db)
    db.close()


def test_alembic_stays_unloaded_at_head(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from sekisho.store.db import Database;"
        "from sekisho.store.migrate import ensure_schema;"
        "db = Database(Path(sys.argv[1])); ensure_schema(db); ensure_schema(db); db.close();"
        "print('alembic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "x.db"], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "False"


@pytest.fixture
def empty(postgres: PostgresServer) -> Iterator[PostgresDatabase]:
    """A database without tables."""
    postgres.sql("DROP DATABASE IF EXISTS bare WITH (FORCE)", "CREATE DATABASE bare")
    db = PostgresDatabase(parse_url(Secret(postgres.url("bare"))))
    yield db
    db.close()


def test_an_empty_postgresql_is_laid_by_one_process_alone(empty: PostgresDatabase) -> None:
    with pytest.raises(OperatorError, match="sekisho db upgrade"):
        ensure_schema(empty, alone=False)
    assert empty.read_now(stored_revision) is None
    ensure_schema(empty)
    ensure_schema(empty, alone=False)
    assert (empty.read_now(stored_revision), upgrade_schema(empty)) == (HEAD, HEAD)


def test_tables_of_others_are_not_mixed_with_ours_unasked(empty: PostgresDatabase) -> None:
    run_sql(empty, 'CREATE TABLE "LiteLLM_UserTable" (user_id text)')
    with pytest.raises(OperatorError, match="LiteLLM_UserTable"):
        ensure_schema(empty)
    assert upgrade_schema(empty) is None
    ensure_schema(empty)
    assert empty.read_now(stored_revision) == HEAD


@pytest.mark.parametrize(("stored", "said"), [("0002", "run `sekisho db upgrade`"), ("9999", "use a newer one")])
def test_another_schema_says_what_to_do(empty: PostgresDatabase, stored: str, said: str) -> None:
    ensure_schema(empty)
    run_sql(empty, f"UPDATE alembic_version SET version_num = '{stored}'")
    with pytest.raises(OperatorError, match=said):
        ensure_schema(empty)


def test_many_who_upgrade_at_once_wait_for_each_other(empty: PostgresDatabase) -> None:
    laid = [empty.write(_bring_to_head) for _ in range(6)]
    assert sorted(str(each.result()) for each in laid) == [HEAD] * 5 + ["None"]

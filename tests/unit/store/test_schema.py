from __future__ import annotations

from pathlib import Path

from sqlalchemy import BigInteger, Boolean, Integer, Text
from sqlalchemy.engine import make_url
from sqlalchemy.schema import CreateTable

from sekisho.ledger.rows import CallRow
from sekisho.store.access_keys import AccessKeyRow
from sekisho.store.db import Database
from sekisho.store.keys import KeyRow
from sekisho.store.schema import HEAD, access_keys, calls, create_at_head, keys, stored_revision


def test_an_empty_database_has_no_revision_and_a_laid_one_has_head(tmp_path: Path) -> None:
    db = Database(tmp_path / "x.db")
    assert db.read_now(stored_revision) is None
    db.write(create_at_head).result()
    assert db.read_now(stored_revision) == HEAD
    db.close()


def test_the_tables_hold_what_the_values_hold() -> None:
    assert set(calls.c.keys()) == set(CallRow.__struct_fields__)
    assert set(access_keys.c.keys()) == set(AccessKeyRow.__struct_fields__)
    assert set(keys.c.keys()) == set(KeyRow.__struct_fields__)


def test_only_types_that_both_databases_have() -> None:
    postgresql = make_url("postgresql+asyncpg://").get_dialect()()
    for table in (calls, keys, access_keys):
        assert {type(column.type) for column in table.c} <= {Text, BigInteger, Integer, Boolean}
        assert "BIGINT" in str(CreateTable(table).compile(dialect=postgresql))

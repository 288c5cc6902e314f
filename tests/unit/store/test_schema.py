from __future__ import annotations

from pathlib import Path

from sqlalchemy import BigInteger, Boolean, Integer, String, Text
from sqlalchemy.engine import make_url
from sqlalchemy.schema import CreateTable

from sekisho.ledger.rows import CallRow
from sekisho.store.access_keys import AccessKeyRow
from sekisho.store.db import Database
from sekisho.store.keys import KeyRow
from sekisho.store.schema import HEAD, access_keys, calls, create_at_head, keys, metadata, stored_revision


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
    for table in metadata.tables.values():
        assert {type(column.type) for column in table.c} <= {Text, String, BigInteger, Integer, Boolean}
        assert "DATETIME" not in str(CreateTable(table).compile(dialect=postgresql))


def test_money_times_and_tokens_are_as_wide_as_they_have_to_be() -> None:
    wide = ("_nano_usd", "_us", "_tokens")
    columns = [column for table in metadata.tables.values() for column in table.c if column.name.endswith(wide)]
    assert {type(column.type) for column in columns} == {BigInteger}
    assert len(columns) > 60

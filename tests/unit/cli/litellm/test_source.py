from __future__ import annotations

import pytest

from sekisho.cli.litellm.source import TABLES, Source, read_source
from sekisho.core.errors import OperatorError
from sekisho.core.secret import Secret
from sekisho.store.open import open_url
from tests.support.litellm_tables import LiteLLM
from tests.support.postgres import PostgresServer


def read(url: str) -> tuple[Source, list[str]]:
    heard: list[str] = []
    store = open_url(Secret(url))
    try:
        return store.read(lambda connection: read_source(connection, heard.append)).result(), heard
    finally:
        store.close()


def test_rows_come_with_whatever_columns_there_are(postgres: PostgresServer) -> None:
    there = LiteLLM(postgres, "litellm_source")
    there.sql('ALTER TABLE "LiteLLM_UserTable" ADD COLUMN later text', 'DROP TABLE "LiteLLM_TagTable"')
    there.add("UserTable", user_id="u1", later="x", spend=0.1, models=["haiku"])
    there.add("Config", param_name="a")
    source, heard = read(there.url)
    (user,) = source.tables["users"]
    assert (user["later"], user["spend"], user["models"]) == ("x", 0.1, ["haiku"])
    assert (source.tables["tags"], source.others, heard) == ([], {"LiteLLM_Config": 1}, list(TABLES))


def test_tables_may_stand_in_a_schema_of_their_own(postgres: PostgresServer) -> None:
    there = LiteLLM(postgres, "litellm_schema")
    there.add("UserTable", user_id="u1")
    there.sql("ALTER SCHEMA public RENAME TO gateway", "CREATE SCHEMA public")
    with pytest.raises(OperatorError, match=r"\?schema=NAME"):
        read(there.url)
    assert len(read(f"{there.url}?schema=gateway")[0].tables["users"]) == 1

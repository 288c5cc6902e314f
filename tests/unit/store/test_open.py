from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from sekisho.config.model import Settings
from sekisho.config.sections import GeneralSettings, SekishoSettings
from sekisho.core.errors import OperatorError
from sekisho.core.secret import Secret
from sekisho.store.db import Database
from sekisho.store.open import open_store, open_url
from sekisho.store.postgres import PostgresDatabase
from tests.support.ports import free_port

SETTINGS = msgspec.convert({"model_list": []}, Settings)


def settings(**changes: str) -> Settings:
    url = changes.get("url")
    return msgspec.structs.replace(
        SETTINGS,
        general=GeneralSettings(database_url=Secret(url) if url else None),
        sekisho=SekishoSettings(database=changes.get("database")),
    )


def test_a_file_in_the_data_directory_unless_told(tmp_path: Path) -> None:
    store = open_store(settings(), tmp_path)
    assert isinstance(store, Database)
    assert (tmp_path / "sekisho.db").is_file()
    store.close()


def test_postgresql_where_it_is_named_and_no_file_is() -> None:
    url = f"postgresql://u@127.0.0.1:{free_port()}/d"
    store = open_store(settings(url=url), Path("/nowhere"))
    assert isinstance(store, PostgresDatabase)
    store.close()


def test_a_file_of_ones_own_holds_over_the_url(tmp_path: Path) -> None:
    store = open_store(settings(url="postgresql://u@h/d", database=str(tmp_path / "own.db")), Path("/nowhere"))
    assert isinstance(store, Database)
    assert (tmp_path / "own.db").is_file()
    store.close()


def test_a_missing_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(OperatorError, match="'asyncpg': install sekisho with its extra 'postgres'"):
        open_url(Secret("postgresql://u@h/d"))


def test_sqlite_imports_no_driver(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from sekisho.store.open import open_store;"
        "import msgspec; from sekisho.config.model import Settings;"
        "open_store(msgspec.convert({'model_list': []}, Settings), Path(sys.argv[1])).close();"
        "print({'asyncpg', 'greenlet', 'sqlalchemy.ext.asyncio'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"

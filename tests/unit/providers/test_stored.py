from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy.engine import Connection

from sekisho.config.load import load_settings
from sekisho.core.envelope import Envelope
from sekisho.providers.stored import NothingSealed, StoredModels, take_over
from sekisho.store.db import Database
from sekisho.store.directory import CREDENTIALS, MODELS
from sekisho.store.edit import Edit
from tests.support.application import CONFIG, environment, write_config
from tests.support.ledger import NOW_US, open_database

T = TypeVar("T")
OLD, NEW = Envelope("ab" * 32), Envelope("cd" * 32, "ab" * 32)
PARAMS = {"model": "openai/gpt-5", "api_key": "sk-canary"}


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = open_database(tmp_path)
    yield db
    db.close()


def shelf(db: Database, envelope: Envelope = OLD) -> tuple[StoredModels, list[str]]:
    told: list[str] = []
    return StoredModels(db, envelope, lambda: told.append("changed")), told


def store(db: Database, name: str, envelope: Envelope = OLD, **fields: object) -> None:
    sealed = shelf(db, envelope)[0].seal(name, PARAMS)
    row: dict[str, Any] = {"model_id": name, "model_name": f"name of {name}"} | sealed | fields
    db.write(lambda connection: Edit(connection, None, NOW_US).add(MODELS, **row)).result()


def test_models_are_read_with_their_parameters_opened(db: Database) -> None:
    store(db, "a")
    store(db, "b", blocked=True)
    models, _ = shelf(db)
    models.load()
    assert [(entry.info.id, entry.params.model) for entry in models.entries] == [("a", "openai/gpt-5")]


def test_models_are_looked_at_without_a_change(db: Database) -> None:
    store(db, "a")
    before = db.read_now(lambda connection: MODELS.find(connection, limit=9))
    stored, told = shelf(db, NEW)
    stored.look()
    assert [entry.info.id for entry in stored.entries] == ["a"]
    assert (db.read_now(lambda connection: MODELS.find(connection, limit=9)), told) == (before, [])


def test_a_row_that_does_not_open_leaves_its_model_out(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    store(db, "a", Envelope("ef" * 32))
    store(db, "b")
    models, _ = shelf(db)
    models.load()
    assert [entry.info.id for entry in models.entries] == ["b"]
    assert "model a " in caplog.text
    assert "canary" not in caplog.text


def test_the_file_holds_over_what_is_stored(db: Database, tmp_path: Path) -> None:
    settings = load_settings(write_config(tmp_path, CONFIG), environment())
    models, _ = shelf(db)
    assert models.beside(settings) is settings
    store(db, "a")
    models.load()
    merged = models.beside(settings).model_list
    assert [entry.info.id for entry in merged[len(settings.model_list) :]] == ["a"]
    text = "model_list: [{model_name: m, litellm_params: {model: openai/m}, model_info: {id: a}}]"
    declared = load_settings(write_config(tmp_path, text), environment())
    assert models.beside(declared) is declared


def test_a_former_root_key_is_no_longer_needed_after_a_start(db: Database) -> None:
    store(db, "a")
    db.write(lambda connection: take_over(connection, NEW)).result()
    row = db.read_now(lambda connection: MODELS.get(connection, "a"))
    assert row is not None
    assert row.root_id == NEW.root_id
    assert shelf(db, Envelope("cd" * 32))[0].open(row) == PARAMS
    db.write(lambda connection: take_over(connection, Envelope(None))).result()


def test_without_a_root_key_nothing_is_stored(db: Database) -> None:
    with pytest.raises(NothingSealed, match="SEKISHO_ROOT_KEY"):
        shelf(db, Envelope(None))[0].seal("a", PARAMS)


async def test_who_hears_of_a_change_reads_anew(db: Database) -> None:
    models, told = shelf(db)
    models.heard("model", "a")
    assert told == []  # before it was loaded nothing is called
    models.load()
    store(db, "a")
    models.heard("team", "t")
    await models.refresh()
    assert ([entry.info.id for entry in models.entries], told) == (["a"], ["changed"])


def share(db: Database, name: str, envelope: Envelope = OLD, **values: Any) -> None:
    sealed = shelf(db, envelope)[0].seal_values(name, values)
    db.write(
        lambda connection: Edit(connection, None, NOW_US).add(CREDENTIALS, credential_name=name, **sealed)
    ).result()


def test_models_share_a_credential(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    share(db, "c", api_key="sk-canary")
    share(db, "gone", Envelope("ef" * 32), api_key="sk-canary")
    for name, credential in (("a", "c"), ("b", "gone")):
        sealed = shelf(db)[0].seal(name, {"model": "openai/m", "litellm_credential_name": credential})
        row: dict[str, Any] = {"model_id": name, "model_name": name} | sealed
        db.write(lambda connection, row=row: Edit(connection, None, NOW_US).add(MODELS, **row)).result()  # type: ignore[misc]
    models, _ = shelf(db)
    models.load()
    (entry,) = models.entries
    assert (entry.info.id, entry.params.api_key and entry.params.api_key.reveal()) == ("a", "sk-canary")
    assert (models.naming("c"), models.naming("d")) == (["a"], [])
    assert "credential gone does not open" in caplog.text
    assert "model b is left out" in caplog.text
    assert "canary" not in caplog.text


def test_credentials_too_are_sealed_anew_at_a_start(db: Database) -> None:
    share(db, "c", api_key="sk-canary")
    db.write(lambda connection: take_over(connection, NEW)).result()
    row = db.read_now(lambda connection: CREDENTIALS.get(connection, "c"))
    assert row is not None
    assert shelf(db, Envelope("cd" * 32))[0].open_values(row) == {"api_key": "sk-canary"}
    with pytest.raises(NothingSealed):
        shelf(db, Envelope(None))[0].seal_values("c", {})


async def test_who_hears_of_a_credential_reads_anew(db: Database) -> None:
    models, told = shelf(db)
    models.load()
    models.heard("credential", "c")
    await models.refresh()
    assert told


class SlowStore(Database):
    """Reads at once, and hands over what it has read when the test wants it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.handed: list[Callable[[], None]] = []

    def read(self, work: Callable[[Connection], T]) -> Future[T]:
        found, handed = super().read(work).result(), Future[T]()
        self.handed.append(lambda: handed.set_result(found))
        return handed


async def test_what_was_read_earlier_does_not_undo_what_was_read_later(db: Database, tmp_path: Path) -> None:
    store(db, "a")
    slow = SlowStore(tmp_path / "sekisho.db")
    told: list[str] = []
    models = StoredModels(slow, OLD, lambda: told.append("changed"))
    earlier = asyncio.create_task(models.refresh())
    await asyncio.sleep(0)
    store(db, "b")
    later = asyncio.create_task(models.refresh())
    await asyncio.sleep(0)
    for hand_over, task in zip(reversed(slow.handed), (later, earlier), strict=True):
        hand_over()
        await task
    slow.close()
    assert ([entry.info.id for entry in models.entries], told) == (["a", "b"], ["changed"])

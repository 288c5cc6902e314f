from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update

from sekisho.cli.litellm.fields import ACTOR
from sekisho.cli.litellm.write import CHUNK, Import, Secrets, compare, prepared, take_in
from sekisho.core.envelope import Envelope
from sekisho.core.errors import OperatorError
from sekisho.identity.keys import token_hash
from sekisho.store.db import Database
from sekisho.store.directory import AUDIT, KEYS
from sekisho.store.schema import alembic_version
from tests.support.litellm_rows import NOW_US, source_of

MANY = 2 * CHUNK + 1


def wanted(count: int) -> Import:
    rows = [{"token": token_hash(f"sk-{number}"), "key_name": f"sk-...{number}"} for number in range(count)]
    return prepared(source_of(keys=rows), Secrets(None, Envelope(None)), NOW_US)


def test_rows_are_written_by_many_each_with_its_entry_in_the_audit(tmp_path: Path) -> None:
    store, steps = Database(tmp_path / "sekisho.db"), list[tuple[int, int]]()
    assert [len(part.fresh) for part in compare(store, wanted(MANY)) if part.word == "keys"] == [MANY]
    take_in(store, wanted(MANY), lambda done, total: steps.append((done, total)))
    assert steps == [(CHUNK, MANY), (2 * CHUNK, MANY), (MANY, MANY)]
    assert (store.read_now(KEYS.count), store.read_now(AUDIT.count)) == (MANY, MANY)
    (entry, *_) = store.read_now(lambda connection: AUDIT.find(connection, limit=1))
    assert (entry.actor, entry.action, entry.object_kind, entry.before) == (ACTOR, "created", "key", None)
    assert [part.here for part in compare(store, wanted(MANY)) if part.word == "keys"] == [MANY]
    store.close()


def test_an_import_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store = Database(tmp_path / "sekisho.db")

    def step(done: int, _total: int) -> None:
        if done > CHUNK:
            raise OperatorError("stopped")

    with pytest.raises(OperatorError, match="stopped"):
        take_in(store, wanted(MANY), step)
    assert store.read_now(KEYS.count) == 0
    store.close()


def test_a_database_of_another_version_is_not_compared(tmp_path: Path) -> None:
    store = Database(tmp_path / "sekisho.db")
    take_in(store, wanted(1), lambda _done, _total: None)
    store.write(lambda connection: connection.execute(update(alembic_version).values(version_num="0001"))).result()
    with pytest.raises(OperatorError, match="sekisho db upgrade"):
        compare(store, wanted(1))
    store.close()

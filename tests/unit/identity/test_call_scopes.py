from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sekisho.identity.call_scopes import CallScopes
from sekisho.store.db import Database
from sekisho.store.domain import budgets, end_users, tags
from sekisho.store.limits import Limits, encode_limits
from tests.support.domain import add_row
from tests.support.ledger import open_database


class FarDatabase(Database):
    """One that is asked on another thread, as a server's is."""

    local = False
    reads = 0

    def read(self, work: Any) -> Any:
        self.reads += 1
        return super().read(work)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[FarDatabase]:
    open_database(tmp_path).close()
    db = FarDatabase(tmp_path / "sekisho.db")
    add_row(db, budgets, budget_id="b", limits=encode_limits(Limits(rpm_limit=1, tpm_limit=1)))
    add_row(db, end_users, end_user_id="e", alias="Eve", blocked=True, budget_id="b", limits='{"tpm_limit":7}')
    add_row(db, tags, name="t", models='["m"]', limits=encode_limits(Limits(rpm_limit=2)))
    yield db
    db.close()


async def test_what_is_declared_binds_the_call(db: FarDatabase) -> None:
    end_user, tag = await CallScopes(db).of_call("e", ("t", "unheard-of", "t"))
    assert (end_user.kind, end_user.name, end_user.blocked) == ("end_user", "Eve", True)
    assert end_user.limits == Limits(rpm_limit=1, tpm_limit=7)
    assert (tag.kind, tag.id, tag.models, tag.limits) == ("tag", "t", ("m",), Limits(rpm_limit=2))


async def test_names_are_asked_for_once(db: FarDatabase) -> None:
    scopes = CallScopes(db)
    assert await scopes.of_call(None, ()) == ()
    assert db.reads == 0
    first = await scopes.of_call("e", ("t", "none"))
    assert await scopes.of_call("e", ("none", "t")) == first
    assert db.reads == 1
    await scopes.of_call("e", ("other",))
    assert db.reads == 2


@pytest.mark.parametrize(("kind", "name"), [("tag", "later"), ("budget", "b")])
async def test_a_change_is_asked_for_again(db: FarDatabase, kind: str, name: str) -> None:
    scopes = CallScopes(db)
    assert await scopes.of_call(None, ("later",)) == ()
    add_row(db, tags, name="later")
    scopes.forget("tag", "another")
    assert await scopes.of_call(None, ("later",)) == ()
    scopes.forget(kind, name)
    assert [scope.id for scope in await scopes.of_call(None, ("later",))] == ["later"]


async def test_what_changed_while_it_was_read_is_not_kept(db: FarDatabase) -> None:
    scopes = CallScopes(db)
    asked = scopes.of_call(None, ("t",))
    asked.send(None)  # the query is on its way
    scopes.forget("tag", "t")
    asked.close()
    await scopes.of_call(None, ("t",))
    assert db.reads == 2

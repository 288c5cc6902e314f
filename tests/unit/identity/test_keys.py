from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.core.clock import FakeClock
from sekisho.core.secret import Secret
from sekisho.identity.keys import (
    KeyRing,
    Principal,
    denied_by,
    hash_of,
    may_use,
    resolved_model,
    token_hash,
)
from sekisho.identity.scopes import Scope
from sekisho.store.db import Database
from sekisho.store.domain import teams
from sekisho.store.schema import key_tokens
from tests.support.domain import add_row
from tests.support.ledger import NOW_US, add_key, open_database

MASTER = "sk-master-0123456789"


class CountingDatabase(Database):
    reads = 0

    def read_now(self, work: Any) -> Any:
        self.reads += 1
        return super().read_now(work)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[CountingDatabase]:
    open_database(tmp_path).close()
    db = CountingDatabase(tmp_path / "sekisho.db")
    yield db
    db.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ring(db: CountingDatabase, clock: FakeClock) -> KeyRing:
    return KeyRing(db, clock, Secret(MASTER))


def test_the_master_key_costs_no_query(db: CountingDatabase, ring: KeyRing) -> None:
    found = ring.find(MASTER)
    assert found is not None
    assert found.is_master
    assert db.reads == 0
    assert MASTER not in repr(found)


def test_a_known_key_costs_one_query_ever(db: CountingDatabase, ring: KeyRing) -> None:
    add_key(db, token_hash("sk-a"), key_alias="a", metadata={"tags": ["x"]}, blocked=True, expires_us=NOW_US)
    first = ring.find("sk-a")
    assert first is ring.find("sk-a")
    assert first is not None
    assert (first.key_alias, first.tags, first.blocked, first.expires_us) == ("a", ("x",), True, NOW_US)
    assert db.reads == 1


def test_an_unknown_key_asks_again_only_after_a_second(db: CountingDatabase, ring: KeyRing, clock: FakeClock) -> None:
    for _ in range(3):
        assert ring.find("sk-later") is None
    assert db.reads == 1
    add_key(db, token_hash("sk-later"))
    assert ring.find("sk-later") is None
    clock.advance(1.001)
    assert ring.find("sk-later") is not None
    assert db.reads == 2


def test_what_the_ring_remembers_is_bounded(db: Database, clock: FakeClock) -> None:
    ring = KeyRing(db, clock, Secret(MASTER), known_max=2, unknown_max=3)
    for number in range(9):
        add_key(db, token_hash(f"sk-{number}"))
        assert ring.find(f"sk-{number}") is not None
        assert ring.find(f"sk-none-{number}") is None
    assert (len(ring._known), len(ring._unknown_until_us)) == (2, 3)


@pytest.mark.parametrize("token", ["", "\x00", "sk-\ud800", "x" * 100_000, "' OR 1=1 --", "鍵"])
def test_no_token_confuses_the_ring(ring: KeyRing, token: str) -> None:
    assert ring.find(token) is None


def test_administrators_name_a_key_by_itself_or_its_hash() -> None:
    assert hash_of("sk-a") == token_hash("sk-a") == hash_of(token_hash("sk-a").upper())


@pytest.mark.parametrize(
    ("models", "model", "allowed"),
    [
        ((), "any", True),
        (("gpt-4o",), "gpt-4o", True),
        (("gpt-4o",), "gpt-4o-mini", False),
        (("openai/*",), "openai/gpt-4o", True),
        (("openai/*",), "anthropic/claude", False),
        (("openai/*",), "xopenai/gpt", False),
        (("claude-*-latest",), "claude-opus-latest", True),
        (("a.c",), "abc", False),
        (("all-proxy-models",), "any", True),
        (("all-team-models",), "any", True),
        (("*",), "any", True),
        (("no-default-models",), "any", False),
        (("no-default-models",), "no-default-models", False),
        (("no-default-models", "a"), "a", True),
    ],
)
def test_a_key_may_use_what_its_list_names(models: tuple[str, ...], model: str, allowed: bool) -> None:  # noqa: FBT001 - a table's column
    assert may_use(Principal(key_hash="k", models=models), model) is allowed


def test_an_alias_of_the_key_admits_its_target() -> None:
    principal = Principal(key_hash="k", models=("cheap",), aliases={"gpt-4": "cheap", "other": "dear"})
    assert resolved_model(principal, "gpt-4") == "cheap"
    assert resolved_model(principal, "cheap") == "cheap"
    assert [may_use(principal, name) for name in ("gpt-4", "cheap", "other", "dear")] == [True, True, False, False]


def test_an_alias_reaches_what_lies_outside_it_and_widens_no_list_above() -> None:
    """Key -> team -> organisation: `fast` of the key is the team's `quick`, which is `cheap`."""
    team = Scope(kind="team", id="t", models=("quick", "cheap"), aliases={"quick": "cheap"})
    organization = Scope(kind="organization", id="o", models=("cheap",))
    principal = Principal(key_hash="k", aliases={"fast": "quick", "cheap": "dear"}, scopes=(team, organization))
    assert resolved_model(principal, "fast") == "cheap"
    assert [may_use(principal, name) for name in ("fast", "quick")] == [True, True]
    widened = denied_by(principal, "cheap")  # which the key means as `dear`
    assert widened is not None
    assert widened.kind == "team"
    sly = Principal(key_hash="k", scopes=(Scope(kind="team", id="t", aliases={"cheap": "dear"}), organization))
    assert not may_use(sly, "cheap")


class FarDatabase(CountingDatabase):
    """One that is asked on another thread, as a server's is."""

    local = False


async def test_a_far_database_is_asked_once_by_many(tmp_path: Path, clock: FakeClock) -> None:
    open_database(tmp_path).close()
    db = FarDatabase(tmp_path / "sekisho.db")
    add_key(db, token_hash("sk-a"))
    ring = KeyRing(db, clock, Secret(MASTER))
    found = await asyncio.gather(*(ring.seek("sk-a") for _ in range(20)), *(ring.seek("sk-none") for _ in range(20)))
    assert ({id(one) for one in found[:20]}, set(found[20:])) == ({id(ring.find("sk-a"))}, {None})
    assert db.reads == 2
    db.close()


async def test_what_changed_while_it_was_looked_up_is_looked_up_again(tmp_path: Path, clock: FakeClock) -> None:
    open_database(tmp_path).close()
    db = FarDatabase(tmp_path / "sekisho.db")
    token = token_hash("sk-a")
    add_key(db, token, team_id="t")
    ring = KeyRing(db, clock, Secret(MASTER))
    asked = asyncio.ensure_future(ring.seek("sk-a"))
    await asyncio.wait([asked], timeout=0)  # the query is on its way
    ring.forget("team", "t")
    assert await asked is not None
    assert len(ring._known) == 0
    assert await ring.seek("sk-a") is await ring.seek("sk-a") is not None
    db.close()


async def test_a_rotated_key_is_one_key_with_several_secrets(db: CountingDatabase, ring: KeyRing) -> None:
    add_key(db, token_hash("sk-old"), grace_until_us=NOW_US + 1, expires_us=NOW_US + 9)
    add_row(db, key_tokens, token=token_hash("sk-new"), key_token=token_hash("sk-old"), until_us=None)
    old, new, by_name = ring.find("sk-old"), ring.find("sk-new"), ring.by_hash(token_hash("sk-old"))
    assert old is not None
    assert new is not None
    assert by_name == new
    assert (old.key_hash, new.key_hash) == (token_hash("sk-old"), token_hash("sk-old"))
    assert (old.expires_us, new.expires_us) == (NOW_US + 1, NOW_US + 9)
    db.reads = 0
    ring.drop(token_hash("sk-old"))
    assert ring.find("sk-new") == new
    assert db.reads == 1


async def test_keys_of_one_team_share_its_scope(db: CountingDatabase, ring: KeyRing) -> None:
    add_row(db, teams, team_id="t")
    for name in ("sk-a", "sk-b"):
        add_key(db, token_hash(name), team_id="t")
    first, second = (ring.find(name) for name in ("sk-a", "sk-b"))
    assert first is not None
    assert second is not None
    assert first.scopes[-1] is second.scopes[-1]
    assert first.scopes[-1].kind == "team"


@given(models=st.lists(st.text(max_size=8), max_size=4).map(tuple), model=st.text(max_size=8))
def test_the_master_may_use_everything(models: tuple[str, ...], model: str) -> None:
    assert may_use(Principal(key_hash="k", models=models, is_master=True), model)

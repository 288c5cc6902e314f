from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import OperationalError

from sekisho.core.clock import FakeClock
from sekisho.core.secret import Secret
from sekisho.identity import changes as module
from sekisho.identity.changes import KEPT_SECONDS, MISSING_SECONDS, STALE_SECONDS, ChangeFeed
from sekisho.identity.keys import KeyRing, token_hash
from sekisho.store.changes import changes_since, note_changes
from sekisho.store.db import Database
from sekisho.store.domain import changes, teams
from tests.support.domain import add_row, change_row
from tests.support.ledger import add_key, open_database


class AwayDatabase(Database):
    away = False

    def read(self, work: Any) -> Any:
        if self.away:
            lost: Future[Any] = Future()
            lost.set_exception(OperationalError("SELECT", {}, OSError("gone")))
            return lost
        return super().read(work)


class Heard:
    """A feed and what it said."""

    def __init__(self, db: AwayDatabase) -> None:
        self.db = db
        self.clock = FakeClock()
        self.said: list[tuple[str, str]] = []
        self.forgotten = 0
        self.feed = ChangeFeed(db, self.clock, [lambda kind, name: self.said.append((kind, name))], self.forget_all)

    def forget_all(self) -> None:
        self.forgotten += 1

    def note(self, *changed: tuple[str, str]) -> None:
        self.db.write(lambda connection: note_changes(connection, changed, self.clock.now_us())).result()

    def note_numbered(self, seq: int, name: str) -> None:
        """A notice whose transaction drew its number long ago."""
        row = {"seq": seq, "at_us": 1, "kind": "late", "id": name}
        self.db.write(lambda connection: connection.execute(insert(changes).values(row)).close()).result()


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[Heard]:
    open_database(tmp_path).close()
    db = AwayDatabase(tmp_path / "sekisho.db")
    yield Heard(db)
    db.close()


async def test_what_changed_since_the_start_is_told_once(heard: Heard) -> None:
    heard.note(("team", "before"))
    await heard.feed.begin()
    heard.note(("team", "t"), ("key", "k"))
    assert await heard.feed.poll() is False
    assert await heard.feed.poll() is False
    assert heard.said == [("team", "t"), ("key", "k")]


async def test_many_changes_are_read_page_by_page(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 3)
    monkeypatch.setattr("sekisho.store.changes.PAGE", 3)
    await heard.feed.begin()
    heard.note(*(("team", f"{number}") for number in range(7)))
    assert [await heard.feed.poll() for _ in range(3)] == [True, True, False]
    assert len(heard.said) == 7


async def test_a_transaction_that_ends_late_is_not_missed(heard: Heard) -> None:
    await heard.feed.begin()
    heard.note_numbered(3, "third")
    await heard.feed.poll()
    heard.note_numbered(1, "first")
    await heard.feed.poll()
    heard.clock.advance(MISSING_SECONDS + 1)
    await heard.feed.poll()
    heard.note_numbered(2, "never committed in time")
    await heard.feed.poll()
    assert heard.said == [("late", "third"), ("late", "first")]


async def test_while_nothing_can_be_learnt_known_keys_are_known_for_a_declared_time(
    heard: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    await heard.feed.begin()
    heard.db.away = True
    assert await heard.feed.poll() is False
    heard.clock.advance(STALE_SECONDS)
    await heard.feed.poll()
    assert heard.forgotten == 0
    heard.clock.advance(1)
    await heard.feed.poll()
    await heard.feed.poll()
    assert (heard.forgotten, caplog.text.count("has been away")) == (2, 1)
    heard.db.away = False
    heard.note(("team", "t"))
    await heard.feed.poll()
    assert heard.said == [("team", "t")]
    assert "the database is back" in caplog.text


async def test_old_notices_are_deleted(heard: Heard) -> None:
    await heard.feed.begin()
    heard.note(("team", "old"))
    heard.clock.advance(KEPT_SECONDS + 1)
    heard.note(("team", "new"))
    await heard.feed.poll()
    left = heard.db.write(lambda connection: changes_since(connection, 0)).result()
    assert [change.id for change in left] == ["new"]


async def test_a_replica_sees_what_another_changed_without_being_asked(heard: Heard) -> None:
    add_row(heard.db, teams, team_id="t")
    add_key(heard.db, token_hash("sk-a"), team_id="t")
    ring = KeyRing(heard.db, heard.clock, Secret("sk-master"))
    feed = ChangeFeed(heard.db, heard.clock, [ring.forget], ring.clear)
    await feed.begin()
    assert (await ring.seek("sk-a")) is (await ring.seek("sk-a"))
    running = asyncio.ensure_future(feed.run())
    change_row(heard.db, teams, "t", blocked=True)
    async with asyncio.timeout(5):
        while (found := await ring.seek("sk-a")) is None or not found.scopes[-1].blocked:
            await asyncio.wait([running], timeout=0.05)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert found.scopes[-1].id == "t"

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError

from sekisho.core.clock import FakeClock
from sekisho.core.errors import OperatorError
from sekisho.ledger import journal as journal_module
from sekisho.ledger.journal import Journal, recover_abandoned
from sekisho.ledger.rows import TOKENS_MAX
from sekisho.store.db import Database
from tests.support.ledger import add_key, count_stored, intent, open_database, open_journal, row, spend_of, stored_calls


def segments(folder: Path) -> list[Path]:
    return sorted((folder / "spool" / "0").glob("*.log"))


def test_a_settled_call_is_in_the_database_after_a_flush(tmp_path: Path) -> None:
    db = open_database(tmp_path)
    journal = open_journal(tmp_path, db)
    call = intent(key_hash="k")
    journal.intent(call)
    assert journal.open_calls == 1
    journal.settle(row(call_id=call.call_id, key_hash="k", cost_nano_usd=7))
    journal.flush().result(timeout=30)
    assert journal.open_calls == 0
    assert [(found["call_id"], found["cost_nano_usd"]) for found in stored_calls(db)] == [(call.call_id, 7)]
    journal.close()
    db.close()


def test_a_settled_call_reaches_the_database_without_a_flush(tmp_path: Path) -> None:
    db = open_database(tmp_path)
    journal = open_journal(tmp_path, db)
    journal.settle(row())
    journal.close()
    assert count_stored(db) == 1
    db.close()


def test_a_clean_stop_leaves_an_empty_spool(tmp_path: Path) -> None:
    db = open_database(tmp_path)
    journal = open_journal(tmp_path, db)
    journal.settle(row())
    journal.close()
    assert [segment.stat().st_size for segment in segments(tmp_path)] == [0]
    db.close()


def abandon(journal: Journal) -> None:
    """What a killed process leaves behind: its files, and nobody who holds the lock."""
    journal._closing.set()
    for event in (journal._hurry, journal._unsynced, journal._unwritten):
        event.set()
    for thread in journal._threads:
        if thread.is_alive():
            thread.join()
    os.close(journal._spool._lock)


def test_calls_in_flight_at_a_crash_become_incomplete_rows_at_their_estimate(tmp_path: Path) -> None:
    db = open_database(tmp_path)
    crashed = open_journal(tmp_path, db)
    call = intent(key_hash="k", estimate_nano_usd=123, estimated_input_tokens=9, routed_model="m", tags=("a",))
    crashed.intent(call)
    abandon(crashed)
    journal = Journal(tmp_path, db, FakeClock(call.started_us + 5_000_000))
    assert journal.recover() == 1
    (found,) = stored_calls(db)
    assert (found["status"], found["usage_complete"], found["error_class"]) == ("incomplete", False, "internal")
    assert (found["cost_nano_usd"], found["input_tokens"], found["routed_model"]) == (123, 9, "m")
    assert found["ended_us"] == call.started_us + 5_000_000
    assert "stopped" in found["error_detail"]
    journal.close()
    db.close()


def test_rows_the_crash_kept_from_the_database_are_inserted_once(tmp_path: Path) -> None:
    db = open_database(tmp_path)
    crashed = Journal(tmp_path, db, FakeClock())
    calls = [intent() for _ in range(1_200)]
    for call in calls:
        crashed.intent(call)
        crashed.settle(row(call_id=call.call_id))
    abandon(crashed)
    for expected in (1_200, 0):
        journal = Journal(tmp_path, db, FakeClock())
        assert journal.recover() == expected
        abandon(journal)
    assert [found["call_id"] for found in stored_calls(db)] == sorted(call.call_id for call in calls)
    assert {found["status"] for found in stored_calls(db)} == {"success"}
    db.close()


def test_a_long_call_keeps_its_intent_while_segments_come_and_go(tmp_path: Path) -> None:
    db = open_database(tmp_path)
    journal = open_journal(tmp_path, db, segment_bytes=2_000)
    long_call = intent(estimate_nano_usd=5)
    journal.intent(long_call)
    for _ in range(100):
        call = intent()
        journal.intent(call)
        journal.settle(row(call_id=call.call_id))
        journal.flush().result(timeout=30)
    assert len(segments(tmp_path)) <= 2
    abandon(journal)
    again = open_journal(tmp_path, db)
    found = {stored["call_id"]: stored["status"] for stored in stored_calls(db)}
    assert found[long_call.call_id] == "incomplete"
    assert len(found) == 101
    again.close()
    db.close()


def test_rows_past_the_bound_are_read_back_from_the_spool(tmp_path: Path) -> None:
    """While the database is stuck, memory holds only so many rows; none is lost."""
    db = open_database(tmp_path)
    journal = open_journal(tmp_path, db, queued_rows=5, segment_bytes=2_000)
    gate = threading.Event()
    db.write(lambda _connection: gate.wait(30) and None)
    for _ in range(60):
        journal.settle(row())
    assert journal.counts.rows_left_to_spool > 0
    assert len(journal._queue) <= 7
    flushed = journal.flush()
    gate.set()
    flushed.result(timeout=30)
    assert count_stored(db) == 60
    journal.close()
    assert [segment.stat().st_size for segment in segments(tmp_path)] == [0]
    db.close()


T = TypeVar("T")


class Refusing(Database):
    """A database that refuses so many writes first."""

    refusals = 0

    def _in_transaction(self, work: Callable[[Connection], T]) -> T:
        if self.refusals:
            self.refusals -= 1
            raise OperationalError("INSERT", {}, Exception("disk I/O error"))
        return super()._in_transaction(work)


def refusing(folder: Path) -> Refusing:
    open_database(folder).close()
    return Refusing(folder / "sekisho.db")


def test_a_batch_that_the_database_refuses_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "RETRY_SECONDS", 0.01)
    db = refusing(tmp_path)
    journal = open_journal(tmp_path, db)
    db.refusals = 2
    journal.settle(row())
    journal.flush().result(timeout=30)
    assert (count_stored(db), journal.counts.database_failures) == (1, 2)
    journal.close()
    db.close()


def test_rows_that_the_database_refuses_at_the_end_wait_for_the_next_start(tmp_path: Path) -> None:
    db = refusing(tmp_path)
    journal = open_journal(tmp_path, db)
    db.refusals = 1_000_000
    journal.settle(row())
    flushed = journal.flush()
    journal.close()
    with pytest.raises(OperatorError, match="before the ledger was written"):
        flushed.result(timeout=30)
    db.refusals = 0
    again = Journal(tmp_path, db, FakeClock())
    assert again.recover() == 1
    again.close()
    db.close()


def no_space(_descriptor: int, _offset: int, _length: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def fill(journal: Journal) -> None:
    for _ in range(20_000):
        journal.intent(intent())


def test_without_a_spool_no_call_goes_out_but_a_row_is_still_booked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A segment's space is its own beforehand: the disk is full when the next one cannot be made."""
    db = open_database(tmp_path)
    monkeypatch.setattr("sekisho.store.spool.RECORD_BYTES", 2_000)
    journal = open_journal(tmp_path, db, segment_bytes=1)
    call = intent()
    journal.intent(call)
    monkeypatch.setattr("sekisho.store.spool.os.posix_fallocate", no_space)
    with pytest.raises(OperatorError, match="cannot be written"):
        fill(journal)
    journal.settle(row(call_id=call.call_id))
    journal.flush().result(timeout=30)
    assert count_stored(db) == 1
    assert journal.counts.spool_failures > 2
    assert len([record for record in caplog.records if "cannot be written" in record.message]) == 1
    monkeypatch.undo()
    journal.close()
    db.close()


def test_a_count_beyond_any_integer_is_booked_at_the_largest(tmp_path: Path) -> None:
    db = open_database(tmp_path)
    journal = open_journal(tmp_path, db)
    journal.settle(row(output_tokens=10**30))
    journal.flush().result(timeout=30)
    assert stored_calls(db)[0]["output_tokens"] == TOKENS_MAX
    journal.close()
    db.close()


def test_the_spend_of_a_key_moves_with_its_rows(tmp_path: Path) -> None:
    db = open_database(tmp_path)
    add_key(db, "k", spend_nano_usd=10)
    journal = open_journal(tmp_path, db)
    twice = row(key_hash="k", cost_nano_usd=5)
    for settled in (twice, twice, row(key_hash="k", cost_nano_usd=None), row(key_hash="other", cost_nano_usd=9)):
        journal.settle(settled)
        journal.flush().result(timeout=30)
    assert spend_of(db, "k") == 15
    journal.close()
    db.close()


@settings(max_examples=30)
@given(cut=st.integers(min_value=0, max_value=10**6), settled=st.lists(st.booleans(), min_size=1, max_size=20))
def test_a_spool_cut_anywhere_gives_one_row_for_each_intent_it_still_holds(
    tmp_path_factory: pytest.TempPathFactory, cut: int, settled: list[bool]
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    db = open_database(folder)
    crashed = Journal(folder, db, FakeClock())
    ends: list[tuple[int, str]] = []
    for ends_well in settled:
        call = intent()
        crashed.intent(call)
        ends.append((crashed._spool._current.size_bytes, call.call_id))
        if ends_well:
            crashed.settle(row(call_id=call.call_id))
    size = cut % (crashed._spool._current.size_bytes + 1)
    abandon(crashed)
    path = segments(folder)[-1]
    os.truncate(path, size)
    journal = Journal(folder, db, FakeClock())
    journal.recover()
    assert sorted(found["call_id"] for found in stored_calls(db)) == sorted(name for end, name in ends if end <= size)
    journal.close()
    db.close()


def test_who_wants_hears_of_every_call_that_was_left(tmp_path: Path) -> None:
    """Also of those that the database has already: whoever reserved for them may not have heard that they ended; and of
    those that had reserved, but were not sent.
    """
    db = open_database(tmp_path)
    journal = open_journal(tmp_path, db)
    for name in ("cut", "booked", "queued", "unsent", "refused"):
        journal.hold(name)
    for name in ("cut", "booked", "queued"):
        journal.intent(intent(call_id=name))
        journal.hold(name)  # for another attempt
    journal.settle(row(call_id="booked"))
    journal.settle(row(call_id="refused", status="failure"))
    journal.flush().result(timeout=30)
    journal.settle(row(call_id="queued"))
    abandon(journal)
    heard: dict[str, str | None] = {}
    journal = Journal(tmp_path, db, FakeClock())
    journal.recover(lambda name, row: heard.update({name: row.status if row else None}))
    journal.close()
    assert heard == {
        "booked": "success",
        "cut": "incomplete",
        "queued": "success",
        "refused": "failure",
        "unsent": None,
    }
    assert "unsent" not in {found["call_id"] for found in stored_calls(db)}
    db.close()


def test_what_was_announced_is_not_lost_with_its_segment(tmp_path: Path) -> None:
    db = open_database(tmp_path)
    journal = open_journal(tmp_path, db, segment_bytes=2_000)
    journal.hold("waits")
    for _ in range(100):
        journal.settle(row())
        journal.flush().result(timeout=30)
    assert len(segments(tmp_path)) <= 2
    abandon(journal)
    heard: list[str] = []
    journal = Journal(tmp_path, db, FakeClock())
    journal.recover(lambda name, row: heard.append(name) if row is None else None)
    assert heard == ["waits"]
    journal.close()
    db.close()


class Lives(RuleBasedStateMachine):
    """Calls begin and end, the process dies and comes back, in any order: every call has one row, and the right one."""

    def __init__(self) -> None:
        super().__init__()
        self.began: dict[str, str] = {}
        self.held: set[str] = set()

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sekisho-journal-"))
        self.db = open_database(self.folder)
        self.journal = open_journal(self.folder, self.db, segment_bytes=1_000)

    @rule()
    def begin(self) -> None:
        call = intent()
        self.journal.hold(call.call_id)
        self.journal.intent(call)
        self.began[call.call_id] = "open"

    @rule()
    def hold(self) -> None:
        call = intent()
        self.journal.hold(call.call_id)
        self.held.add(call.call_id)

    @rule(which=st.integers(min_value=0))
    def end(self, which: int) -> None:
        still_open = [name for name, state in self.began.items() if state == "open"]
        if still_open:
            name = still_open[which % len(still_open)]
            self.journal.settle(row(call_id=name))
            self.began[name] = "success"

    @rule(flush=st.booleans())
    def die(self, *, flush: bool) -> None:
        if flush:
            self.journal.flush().result(timeout=30)
        abandon(self.journal)
        heard: set[str] = set()
        self.journal = Journal(self.folder, self.db, FakeClock(), segment_bytes=1_000)
        self.journal.recover(lambda name, row: heard.add(name) if row is None else None)
        assert heard == self.held
        self.held.clear()
        for name, state in self.began.items():
            self.began[name] = "incomplete" if state == "open" else state
        assert {found["call_id"]: found["status"] for found in stored_calls(self.db)} == self.began

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            self.journal.close()
            self.db.close()
            shutil.rmtree(self.folder)


Lives.TestCase.settings = settings(max_examples=20, stateful_step_count=30)


class TestLives(Lives.TestCase):  # type: ignore[misc, valid-type]
    pass


def test_calls_of_workers_that_are_no_more_are_not_lost(tmp_path: Path) -> None:
    db = open_database(tmp_path)
    for worker in ("0", "1", "7"):
        journal = Journal(tmp_path, db, FakeClock(), worker=worker)
        journal.intent(intent(call_id=worker))
        journal._spool.close()  # killed
    heard: list[str] = []
    assert recover_abandoned(tmp_path, 2, db, FakeClock(), lambda name, _row: heard.append(name)) == 1
    assert heard == ["7"]
    assert [found["call_id"] for found in stored_calls(db)] == ["7"]
    assert recover_abandoned(tmp_path, 2, db, FakeClock()) == 0
    db.close()

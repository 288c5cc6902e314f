from __future__ import annotations

from pathlib import Path

import pytest

from sekisho.core.clock import FakeClock
from sekisho.ledger.strangers import PAUSE_SECONDS, ROWS_AT_ONCE, TOLD_EACH_SECONDS, Strangers
from tests.support.ledger import count_stored, open_database, open_journal, row


def test_a_few_are_booked_each_and_a_flood_is_not() -> None:
    clock = FakeClock()
    strangers = Strangers(clock)
    assert [strangers.may_book() for _ in range(ROWS_AT_ONCE + 1)] == [True] * ROWS_AT_ONCE + [False]
    booked = 0
    for _ in range(600):  # ten a second, for a minute
        clock.advance(0.1)
        booked += strangers.may_book()
    assert booked == 60 // PAUSE_SECONDS
    assert strangers.left_out == 601 - booked
    clock.advance(10**6)
    assert sum(strangers.may_book() for _ in range(2 * ROWS_AT_ONCE)) == ROWS_AT_ONCE


def test_the_log_counts_those_without_a_row_at_a_bounded_rate(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    clock.advance(1)
    strangers = Strangers(clock)
    for _ in range(ROWS_AT_ONCE + 50):
        strangers.may_book()
    assert [record.getMessage().split(" ")[0] for record in caplog.records] == ["1"]
    clock.advance(TOLD_EACH_SECONDS)
    strangers.may_book()
    assert [record.getMessage().split(" ")[0] for record in caplog.records] == ["1", "49"], "told by whoever comes next"


def test_who_shows_no_good_key_cannot_fill_the_books(tmp_path: Path) -> None:
    """Calls of a known key are booked whatever strangers do."""
    db = open_database(tmp_path)
    journal = open_journal(tmp_path, db)
    for _ in range(ROWS_AT_ONCE + 50):
        journal.settle(row(key_hash=None, status="failure", error_class="authentication", attempts=0))
    journal.settle(row(key_hash="k", status="failure", error_class="invalid_request", attempts=0))
    journal.close()
    assert count_stored(db) == ROWS_AT_ONCE + 1
    db.close()

from __future__ import annotations

from pathlib import Path

import pytest

from sekisho.core.clock import FakeClock
from sekisho.ledger.closing import IDLE_SECONDS, PAUSE_SECONDS, Closing
from sekisho.ledger.rows import to_columns
from sekisho.store.booking import insert_calls
from sekisho.store.closing import closed_ranges
from sekisho.store.usage import DAY_US
from tests.support.ledger import NOW_US, open_database, row, run_sql

TODAY = NOW_US // DAY_US * DAY_US


async def test_days_that_are_over_are_closed_one_after_the_other(tmp_path: Path) -> None:
    db = open_database(tmp_path)
    rows = [to_columns(row(started_us=TODAY - day * DAY_US)) for day in range(3)]
    db.write(lambda connection: insert_calls(connection, rows)).result()
    closing = Closing(db, FakeClock())
    assert [await closing.look() for _ in range(3)] == [PAUSE_SECONDS, PAUSE_SECONDS, IDLE_SECONDS]
    closed = db.read(lambda connection: closed_ranges(connection, "day", 0, NOW_US)).result()
    assert closed == [(TODAY - 2 * DAY_US, TODAY)]
    db.close()


async def test_what_fails_is_told_and_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    db = open_database(tmp_path)
    run_sql(db, "DROP TABLE usage_days")
    assert await Closing(db, FakeClock()).look() == IDLE_SECONDS
    assert "could not be closed (OperationalError)" in caplog.text
    db.close()

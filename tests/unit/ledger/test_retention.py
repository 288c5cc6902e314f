from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sekisho.core.clock import FakeClock
from sekisho.ledger.retention import AGAIN_SECONDS, LOOK_SECONDS, Kept, Retention
from sekisho.ledger.rows import to_columns
from sekisho.store.booking import insert_calls
from sekisho.store.days import drop_days
from sekisho.store.db import Database
from sekisho.store.usage import DAY_US
from tests.support.ledger import (
    NOW_US,
    add_key,
    intent,
    open_database,
    open_journal,
    row,
    run_sql,
    spend_of,
    stored_calls,
)

TODAY = NOW_US // DAY_US * DAY_US
DAY_SECONDS = 86_400


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """A call on the last moment of each of the last five days, and one today."""
    db = open_database(tmp_path)
    rows = [to_columns(row(call_id=f"{day}", started_us=TODAY - (day - 1) * DAY_US - 1)) for day in range(1, 6)]
    rows.append(to_columns(row(call_id="0", started_us=TODAY)))
    db.write(lambda connection: insert_calls(connection, rows)).result()
    yield db
    db.close()


def left(db: Database) -> str:
    return "".join(call["call_id"] for call in stored_calls(db))


@pytest.mark.parametrize(
    ("seconds", "stays"),
    [
        (2 * DAY_SECONDS, "012"),  # the day before yesterday is not wholly older than two days
        (DAY_SECONDS, "01"),
        (1, "0"),  # today is not over
        (90 * DAY_SECONDS, "012345"),
    ],
)
async def test_only_days_that_are_wholly_older_go(db: Database, seconds: int, stays: str) -> None:
    retention = Retention(db, FakeClock(), lambda: Kept(seconds, 3_600))
    assert await retention.look() == 3_600
    assert left(db) == stays
    assert (retention.counts.portions, retention.counts.failures) == (6 - len(stays), 0)


async def test_calls_are_kept_for_ever_until_the_settings_say_otherwise(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    settings: list[Kept | None] = [None]
    retention = Retention(db, FakeClock(), lambda: settings[-1])
    assert await retention.look() == LOOK_SECONDS
    assert left(db) == "012345"
    settings.append(Kept(3 * DAY_SECONDS, 60))
    assert await retention.look() == 60
    assert left(db) == "0123"
    assert "the calls of the days before 2023-11-11 were given up" in caplog.text


async def test_a_failure_is_counted_told_and_tried_again(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    run_sql(db, "DROP TABLE calls")
    retention = Retention(db, FakeClock(), lambda: Kept(1, 3_600))
    assert await retention.look() == AGAIN_SECONDS
    assert retention.counts.failures == 1
    assert "could not be given up (OperationalError)" in caplog.text


def test_a_call_that_was_given_up_is_not_booked_again_after_a_crash(db: Database, tmp_path: Path) -> None:
    add_key(db, "k")
    journal, going_on = open_journal(tmp_path, db), intent(key_hash="k", estimate_nano_usd=3)
    journal.intent(going_on)
    journal.settle(row(key_hash="k", cost_nano_usd=7))
    journal.leave_segment().result(timeout=30)
    drop_days(db, TODAY + 2 * DAY_US, TODAY + 2 * DAY_US)
    shutil.copytree(tmp_path / "spool", tmp_path / "crashed" / "spool")
    open_journal(tmp_path / "crashed", db).close()
    assert left(db) == going_on.call_id
    assert spend_of(db, "k") == 7 + 3
    journal.close()

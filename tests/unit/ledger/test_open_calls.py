from __future__ import annotations

from pathlib import Path

from sekisho.ledger.open_calls import Spooled, spooled_calls
from tests.support.ledger import intent, open_database, open_journal, row


def test_no_spool_no_calls(tmp_path: Path) -> None:
    assert spooled_calls(tmp_path) == Spooled({}, set())


def test_calls_without_a_row_of_every_worker_also_when_the_segment_has_changed(tmp_path: Path) -> None:
    db = open_database(tmp_path)
    journals = [open_journal(tmp_path, db, worker=name, segment_bytes=2_000) for name in "01"]
    still_open = [intent(call_id=f"open-{at}", team_id="web") for at in range(2)]
    for journal, one in zip(journals, still_open, strict=True):
        journal.hold(one.call_id)
        journal.intent(one)
        journal.hold(f"not-sent-{one.call_id}")
        for at in range(20):
            journal.intent(intent(call_id=f"done-{at}"))
            journal.settle(row(call_id=f"done-{at}"))
    found = spooled_calls(tmp_path)
    assert found.opened == {one.call_id: one for one in still_open}
    assert "done-19" in found.over
    for journal in journals:
        journal.close()
    db.close()

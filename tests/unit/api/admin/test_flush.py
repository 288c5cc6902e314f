from __future__ import annotations

import threading

from sekisho.api.admin.flush import flushed
from tests.support.admin import Admin
from tests.support.ledger import count_stored, row


async def test_what_has_ended_is_written_first(admin: Admin) -> None:
    admin.journal.settle(row())
    await flushed(admin.journal)
    assert count_stored(admin.db) == 1


async def test_a_stuck_database_delays_a_read_only_so_long(admin: Admin) -> None:
    gate = threading.Event()
    stuck = admin.db.write(lambda _connection: gate.wait(30))
    admin.journal.settle(row())
    await flushed(admin.journal, 0.05)
    assert not stuck.done()
    gate.set()
    admin.journal.flush().result(timeout=30)
    assert count_stored(admin.db) == 1

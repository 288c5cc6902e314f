"""The road of a row: spool first, database soon after. What a call costs is not lost, and not booked twice.

Flows in: `intent` before the first byte upstream, `settle` on every exit; both on the event loop, some µs each.
Flows out: rows in the `calls` table, in batches, by a background thread. Must stay true: a row is committed before
the last spool segment that holds it, or its intent, is deleted; rows are idempotent by `call_id`; memory is bounded
(rows past the bound stay in the spool and are read back). When the spool cannot be written, an intent fails its call
(`on_outage="closed"`), a settled row goes on to the database all the same (`on_outage="open"`); both are counted.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from itertools import islice
from pathlib import Path
from typing import TypeVar

import msgspec

from sekisho.core.clock import Clock
from sekisho.core.errors import OperatorError
from sekisho.ledger.rows import CallRow, Hold, Intent, decode_record, encode_record, row_of_lost_call, to_columns
from sekisho.ledger.strangers import Strangers
from sekisho.store.booking import insert_calls, insert_fresh_calls
from sekisho.store.db import Store
from sekisho.store.spool import SEGMENT_BYTES, Spool

log = logging.getLogger(__name__)
T = TypeVar("T")
#: Hears of a call that an earlier process left: its name, and its row; None where nothing of it was sent.
Booked = Callable[[str, CallRow | None], None]

#: Records gather this long before they are forced to disk (the promise is 50 ms, and a sync takes some).
SYNC_SECONDS = 0.025
#: Rows gather this long before they are written to the database.
BATCH_SECONDS = 0.25
#: One transaction.
BATCH_ROWS = 500
#: Rows held in memory while the database is slow; later ones are read back from the spool.
QUEUED_ROWS = 20_000
#: What is booked stands in the spool no longer than this, and a while: its calls may be given up after a day, and would
#: be booked a second time by who recovers.
SEGMENT_SECONDS = 3_600.0
#: Between two lines of the log about a spool that cannot be written.
COMPLAINT_MICROSECONDS = 1_000_000
#: Pause after the database refused a batch.
RETRY_SECONDS = 1.0


class JournalCounts(msgspec.Struct):
    """What an operator watches: all but the first two should stay 0."""

    intents: int = 0
    rows: int = 0
    spool_failures: int = 0
    sync_failures: int = 0
    database_failures: int = 0
    rows_left_to_spool: int = 0


class _Settled(msgspec.Struct, frozen=True):
    """A row on its way to the database. `segment`, here and below: the oldest one that must outlive this item."""

    row: CallRow
    segment: int


class _Spilled(msgspec.Struct, frozen=True):
    """From here on rows were not queued: read them back from the spool."""

    segment: int


class _Flush(msgspec.Struct, frozen=True):
    """Somebody waits for everything before this."""

    done: Future[None]
    segment: int


class _Batch(msgspec.Struct, frozen=True):
    """What one transaction takes, kept until it is committed."""

    rows: list[CallRow]
    flushes: list[Future[None]]


class Journal:
    """Call `recover` once after construction, then the rest from one thread only, `close` last."""

    def __init__(
        self,
        data_dir: Path,
        db: Store,
        clock: Clock,
        *,
        worker: str = "0",
        segment_bytes: int = SEGMENT_BYTES,
        queued_rows: int = QUEUED_ROWS,
    ) -> None:
        """Take the spool folder of `worker`. Raises OperatorError when another process has it."""
        self.counts = JournalCounts()
        self._strangers = Strangers(clock)
        self._db = db
        self._clock = clock
        self._queued_rows = queued_rows
        self._spool = Spool(data_dir / "spool" / worker, segment_bytes)
        self._first_segment = self._spool.segment
        self._open: dict[str, bytes] = {}
        self._queue: deque[_Settled | _Spilled | _Flush] = deque()
        self._unsynced = threading.Event()
        self._unwritten = threading.Event()
        self._hurry = threading.Event()
        self._closing = threading.Event()
        self._backlog: Iterator[CallRow] | None = None
        #: Rows were read back from the spool: some of those queued since may have been among them.
        self._has_spilled = False
        self._next_complaint_us = 0
        self._threads = (
            threading.Thread(target=self._keep_synced, name="sekisho-spool-sync", daemon=True),
            threading.Thread(target=self._keep_written, name="sekisho-journal", daemon=True),
        )

    @property
    def open_calls(self) -> int:
        """Calls that were announced and have no row yet."""
        return len(self._open)

    def hold(self, call_id: str) -> None:
        """Announce that this call reserves in a store that outlives this process. Raises OperatorError when it cannot
        be kept: then do not reserve.
        """
        if call_id not in self._open:
            self._announce(call_id, encode_record(Hold(call_id=call_id)))

    def intent(self, intent: Intent) -> None:
        """Promise a row for this call. Raises OperatorError when it cannot be kept: then do not send the call."""
        self._announce(intent.call_id, encode_record(intent))
        self.counts.intents += 1

    def settle(self, row: CallRow) -> None:
        """Hand in the row of a call. Never raises for a full disk: it runs where the call ends."""
        if row.key_hash is None and not row.attempts and not self._strangers.may_book():
            return
        segment = self._spool.segment
        self._open.pop(row.call_id, None)
        self.counts.rows += 1
        try:
            self._spool.append(encode_record(row))
        except OSError as error:
            self._spool_failed(error)
        if len(self._queue) < self._queued_rows:
            self._queue.append(_Settled(row, segment))
        else:
            self.counts.rows_left_to_spool += 1
            if not isinstance(self._queue[-1], _Spilled):
                self._queue.append(_Spilled(segment))
        if not self._unwritten.is_set():
            self._unwritten.set()
        self._appended()

    def flush(self) -> Future[None]:
        """Resolves once every row settled before this call is in the database (not while the database is down)."""
        done: Future[None] = Future()
        # From here on nobody who waits can cancel it under the thread that resolves it.
        done.set_running_or_notify_cancel()
        self._queue.append(_Flush(done, self._spool.segment))
        self._hurry.set()
        self._unwritten.set()
        return done

    async def run(self) -> None:
        """Leave a segment every hour, also where little is said."""
        while True:
            await asyncio.sleep(SEGMENT_SECONDS)
            self.leave_segment()

    def leave_segment(self) -> Future[None]:
        """Go on in a new segment; the old ones are gone when this resolves, but for what is not booked."""
        self._rotate()
        return self.flush()

    def recover(self, booked: Booked | None = None) -> int:
        """Insert what an earlier process left in the spool, then start the background thread.

        `booked` hears of every call that was left, also of those whose rows are in the database already. Returns the
        number of rows inserted. Blocks: call it before serving.
        """
        inserted = 0
        lost: dict[str, Hold | Intent] = {}
        for records in _chunks(map(decode_record, self._spool.records(0, self._first_segment))):
            lost.update((record.call_id, record) for record in records if not isinstance(record, CallRow))
            rows = [record for record in records if isinstance(record, CallRow)]
            inserted += self._insert_left(rows, booked)
            for row in rows:
                lost.pop(row.call_id, None)
        now_us = self._clock.now_us()
        for intents in _chunks(record for record in lost.values() if isinstance(record, Intent)):
            inserted += self._insert_left([row_of_lost_call(intent, now_us) for intent in intents], booked)
        for record in lost.values():
            if isinstance(record, Hold) and booked is not None:
                booked(record.call_id, None)
        self._spool.release(before=self._first_segment)
        for thread in self._threads:
            thread.start()
        return inserted

    def close(self) -> None:
        """Write what is queued, stop the threads, let go of the spool. Rows the database refuses stay in the spool."""
        for event in (self._closing, self._hurry, self._unsynced, self._unwritten):
            event.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        if not self._queue:
            self._spool.rotate(carry=self._open.values())
            self._release_committed()
        self._spool.close()

    def _announce(self, call_id: str, payload: bytes) -> None:
        try:
            self._spool.append(payload)
        except OSError as error:
            self.counts.spool_failures += 1
            raise OperatorError(f"The ledger's spool cannot be written: {error.strerror or error}") from error
        self._open[call_id] = payload
        self._appended()

    def _appended(self) -> None:
        """Last in `_announce` and `settle`: a row must be queued before its segment can be left behind."""
        if self._spool.full:
            self._rotate()
        if not self._unsynced.is_set():
            self._unsynced.set()

    def _rotate(self) -> None:
        try:
            self._spool.rotate(carry=self._open.values())
        except OSError as error:
            self._spool_failed(error)

    def _spool_failed(self, error: OSError) -> None:
        """A full disk fails every call: it is counted each time and told once a second."""
        self.counts.spool_failures += 1
        now_us = self._clock.monotonic_us()
        if now_us >= self._next_complaint_us:
            self._next_complaint_us = now_us + COMPLAINT_MICROSECONDS
            _complain("written", error)

    def _keep_synced(self) -> None:
        """The first thread: what was appended is on the disk within 50 ms. Sleeps while nothing happens."""
        while not self._closing.is_set():
            self._unsynced.wait()
            self._closing.wait(SYNC_SECONDS)
            self._unsynced.clear()
            try:
                self._spool.sync()
            except OSError as error:
                self.counts.sync_failures += 1
                _complain("synced", error)

    def _keep_written(self) -> None:
        """The second thread: what was settled is in the database within 350 ms. Sleeps while nothing happens."""
        closing = False
        while not closing:
            self._unwritten.wait()
            self._hurry.wait(BATCH_SECONDS)
            closing = self._closing.is_set()
            self._unwritten.clear()
            self._hurry.clear()
            while (batch := self._take()) is not None and self._write(batch):
                pass

    def _write(self, batch: _Batch) -> bool:
        """Commit a batch, however often it takes. At close it is tried once, and False leaves it to the next start."""
        inserted = self._insert(batch.rows) if self._has_spilled else self._insert_fresh(batch.rows)
        while (error := inserted.exception()) is not None:
            self.counts.database_failures += 1
            log.error("the ledger's rows wait in the spool: the database refused them (%s)", type(error).__name__)
            if self._closing.wait(RETRY_SECONDS):
                self._queue.appendleft(_Spilled(self._first_segment))
                for done in batch.flushes:
                    done.set_exception(OperatorError("The gateway stopped before the ledger was written."))
                return False
            inserted = self._insert(batch.rows)  # what failed may yet have been committed
        self._release_committed()
        for done in batch.flushes:
            done.set_result(None)
        return True

    def _release_committed(self) -> None:
        """Delete the segments that nothing queued needs.

        The current segment is read before the queue: a row is queued before its segment is left, so a row that this
        look at the queue misses stands in the segment read, or in a later one.
        """
        current = self._spool.segment
        if self._backlog is not None:
            return
        try:
            self._spool.release(before=min(current, self._queue[0].segment) if self._queue else current)
        except OSError as error:
            self._spool_failed(error)

    def _take(self) -> _Batch | None:
        """The next batch: from the backlog in the spool while there is one, else from the queue."""
        if self._backlog is not None:
            rows = list(islice(self._backlog, BATCH_ROWS))
            if rows:
                return _Batch(rows, [])
            self._backlog = None
        if not self._queue:
            return None
        batch = _Batch([], [])
        while self._queue and len(batch.rows) < BATCH_ROWS:
            item = self._queue.popleft()
            if isinstance(item, _Spilled):
                self._backlog, self._has_spilled = self._rows_from(item.segment), True
                break
            if isinstance(item, _Settled):
                batch.rows.append(item.row)
            else:
                batch.flushes.append(item.done)
        return batch

    def _rows_from(self, segment: int) -> Iterator[CallRow]:
        for payload in self._spool.records(segment, self._spool.segment + 1):
            record = decode_record(payload)
            if isinstance(record, CallRow):
                yield record

    def _insert(self, rows: list[CallRow]) -> Future[int]:
        return self._db.write(lambda connection: insert_calls(connection, map(to_columns, rows)))

    def _insert_fresh(self, rows: list[CallRow]) -> Future[int]:
        return self._db.write(lambda connection: insert_fresh_calls(connection, list(map(to_columns, rows))))

    def _insert_left(self, rows: list[CallRow], booked: Booked | None) -> int:
        inserted = self._insert(rows).result()
        if booked is not None:
            for row in rows:
                booked(row.call_id, row)
        return inserted


def recover_abandoned(data_dir: Path, workers: int, db: Store, clock: Clock, booked: Booked | None = None) -> int:
    """Bring the calls of workers that are no more, since there were more of them, into the ledger; how many."""
    recovered = 0
    for folder in sorted((data_dir / "spool").iterdir()):
        if folder.name.isdecimal() and int(folder.name) >= workers:
            journal = Journal(data_dir, db, clock, worker=folder.name)
            recovered += journal.recover(booked)
            journal.close()
    return recovered


def _complain(what: str, error: OSError) -> None:
    log.error("the ledger's spool cannot be %s: %s", what, error.strerror or error)


def _chunks(records: Iterator[T]) -> Iterator[list[T]]:
    while chunk := list(islice(records, BATCH_ROWS)):
        yield chunk

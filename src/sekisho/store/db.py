"""The database: one engine, one thread that writes, reads that may be done in place.

Flows in: functions of a Connection. Flows out: a Future of what they return. Must stay true: a function handed to
`write` is one transaction, committed before its future resolves; all writes of a process run on one thread, so
SQLite never sees two writers of ours. PostgreSQL (postgres.py) stands beside it by giving these same methods.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from sekisho.core.errors import OperatorError

T = TypeVar("T")

#: How long a write waits for another process that holds the file (`sekisho ledger`, a backup).
BUSY_TIMEOUT_MS = 5_000


class Store(Protocol):
    """What every database gives: SQLite in a file (`Database`), or PostgreSQL (postgres.py)."""

    @property
    def local(self) -> bool:
        """Whether one row is read so quickly that the event loop may wait for it (`read_now`)."""

    def write(self, work: Callable[[Connection], T]) -> Future[T]:
        """Run `work` as one transaction. The future holds its result or its error."""

    def write_at_length(self, work: Callable[[Connection], T]) -> Future[T]:
        """The same for work in the background that may take minutes."""

    def read(self, work: Callable[[Connection], T]) -> Future[T]:
        """Run `work`, which only reads, on another thread."""

    def read_now(self, work: Callable[[Connection], T]) -> T:
        """Run `work`, which only reads, while the calling thread waits."""

    def close(self) -> None:
        """Let what was handed in finish, then let go. May be called twice."""


class Database:
    """SQLite in a file."""

    local = True

    def __init__(self, path: Path) -> None:
        """Make the file if it is not there (its folder is). Raises OperatorError when it cannot be used."""
        self._engine = create_engine(f"sqlite:///{path}", hide_parameters=True)
        event.listen(self._engine, "connect", _configure)
        try:
            self._engine.connect().close()
            path.chmod(0o600)
        except (DBAPIError, OSError) as error:
            self._engine.dispose()
            raise OperatorError(f"The database {path} cannot be used: {getattr(error, 'orig', error)}") from error
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sekisho-db-write")
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sekisho-db-read")

    def write(self, work: Callable[[Connection], T]) -> Future[T]:
        """Run `work` as one transaction on the writing thread. The future holds its result or its error."""
        return self._writer.submit(self._in_transaction, work)

    def write_at_length(self, work: Callable[[Connection], T]) -> Future[T]:
        """The same: a file has no limit of time."""
        return self.write(work)

    def read(self, work: Callable[[Connection], T]) -> Future[T]:
        """Run `work` on the reading thread: for lists, which may take milliseconds."""
        return self._reader.submit(self.read_now, work)

    def read_now(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on the calling thread: for one indexed row (some 100 µs), never for a list."""
        with self._engine.connect() as connection:
            return work(connection)

    def close(self) -> None:
        """Let what was handed in finish, then let go of the file. May be called twice."""
        self._writer.shutdown(wait=True)
        self._reader.shutdown(wait=True)
        self._engine.dispose()

    def _in_transaction(self, work: Callable[[Connection], T]) -> T:
        with self._engine.begin() as connection:
            return work(connection)


def open_for_reading(path: Path) -> Engine:
    """An engine that cannot write, for commands beside a running gateway. Raises OperatorError without a file."""
    if not path.is_file():
        raise OperatorError(f"There is no database at {path}: start the gateway once, or name its --data-dir.")
    return create_engine(f"sqlite:///file:{path}?mode=ro&uri=true", hide_parameters=True)


def _configure(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    """WAL lets readers pass the writer; FULL syncs each commit, which the spool relies on when it deletes a segment."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()

"""PostgreSQL in SQLite's place: the same contract, for any number of processes.

Flows in: functions of a Connection, on any thread. Flows out: Futures of what they return. Must stay true: a function
handed to `write` is one transaction, tried again from its beginning where the server broke a deadlock; the event loop
that serves calls is never waited on by the database's own; a server that is away is told as `StoreAway`, and asked
anew each time.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, TypeVar

import msgspec
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from sekisho.store.away import StoreAway
from sekisho.store.url import DatabaseUrl

T = TypeVar("T")

#: How often a transaction is begun again after the server chose it to break a deadlock.
TRIES: Final = 4
#: SQLSTATEs of transactions that may be begun again: deadlock, serialization failure.
_AGAIN: Final = frozenset({"40P01", "40001"})
#: SQLSTATE classes and codes of a server that is not there, not ready, or full.
_AWAY: Final = ("08", "57P", "53300")
_CLOSE_SECONDS: Final = 10.0
#: How long one statement of work in the background may take.
LENGTH_SECONDS: Final = 900.0


class PostgresDatabase:
    """A pool of connections, on an event loop and thread of their own."""

    local = False

    def __init__(self, url: DatabaseUrl) -> None:
        """Connects when it is first asked."""
        self._engine = _engine(url)  # first: it says which package is missing
        self._patient = _engine(msgspec.structs.replace(url, statement_seconds=LENGTH_SECONDS), kept=False)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sekisho-db", daemon=True)
        self._closed = False
        self._thread.start()

    def write(self, work: Callable[[Connection], T]) -> Future[T]:
        """Run `work` as one transaction. The future holds its result or its error."""
        return asyncio.run_coroutine_threadsafe(self._write(work, self._engine), self._loop)

    def write_at_length(self, work: Callable[[Connection], T]) -> Future[T]:
        """The same for work in the background: on a connection of its own, whose statements may take minutes."""
        return asyncio.run_coroutine_threadsafe(self._write(work, self._patient), self._loop)

    def read(self, work: Callable[[Connection], T]) -> Future[T]:
        """Run `work`, which only reads."""
        return asyncio.run_coroutine_threadsafe(self._read(work), self._loop)

    def read_now(self, work: Callable[[Connection], T]) -> T:
        """The same while the calling thread waits: for start-up and commands, not for the loop that serves calls."""
        return self.read(work).result()

    def close(self) -> None:
        """Let what was handed in finish, then let go. May be called twice."""
        if self._closed:
            return
        self._closed = True
        asyncio.run_coroutine_threadsafe(self._finish(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _write(self, work: Callable[[Connection], T], engine: AsyncEngine) -> T:
        for left in reversed(range(TRIES)):
            try:
                async with engine.begin() as connection:
                    return await connection.run_sync(work)
            except DBAPIError as error:
                if _state(error) not in _AGAIN or not left:
                    raise _told(error) from error
            except (OSError, PoolTimeout) as error:
                raise _away(error) from error
        raise AssertionError

    async def _read(self, work: Callable[[Connection], T]) -> T:
        try:
            async with self._engine.connect() as connection:
                return await connection.run_sync(work)
        except DBAPIError as error:
            raise _told(error) from error
        except (OSError, PoolTimeout) as error:
            raise _away(error) from error

    async def _finish(self) -> None:
        """Everything on this loop but this."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=_CLOSE_SECONDS)
        await self._engine.dispose()
        await self._patient.dispose()


def _engine(url: DatabaseUrl, *, kept: bool = True) -> AsyncEngine:
    """Connections that are `kept`, or one for each transaction."""
    # A pool in front of the server (pgbouncer) gives each transaction another connection: nothing may be kept on one.
    kept = kept and not url.pooled
    pool = {"pool_size": url.connections, "max_overflow": 0} if kept else {"poolclass": NullPool}
    waits = {"pool_timeout": url.timeout_seconds, "pool_pre_ping": True} if kept else {}
    caches = {} if kept else {"prepared_statement_cache_size": 0, "statement_cache_size": 0}
    limits = {"timeout": url.timeout_seconds, "command_timeout": url.statement_seconds}
    return create_async_engine(
        url.sqlalchemy,
        hide_parameters=True,
        connect_args={"server_settings": url.settings} | limits | url.security | caches,
        **pool,
        **waits,
    )


def _state(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or "")


def _told(error: DBAPIError) -> Exception:
    """The error itself, or that the server is away."""
    state = _state(error)
    lost = error.connection_invalidated or state.startswith(_AWAY)
    return _away(error) if lost or (isinstance(error, InterfaceError | OperationalError) and not state) else error


def _away(error: BaseException) -> StoreAway:
    origin = getattr(error, "orig", None) or error
    return StoreAway(f"The database cannot be reached ({type(origin).__name__}).")

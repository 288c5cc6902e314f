"""Counters in PostgreSQL, for gateways that have no Valkey.

Flows in: commands. Flows out: their answers; a batch is one transaction, so that a budget that everybody spends of is
locked once for all that wait. Must stay true: rows are locked in one order, reservations first, each kind by name; what
is written was read under its lock; an answer is given after the commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import asyncpg

from sekisho.core.clock import Clock
from sekisho.limits import postgres_sql as sql
from sekisho.limits.limiter import Seed
from sekisho.limits.outage import OutageLimiter
from sekisho.limits.page import Page
from sekisho.limits.sender import Answer, Command, CommandFailed, Sender
from sekisho.limits.shared import Flushed, Hold, SharedLimiter
from sekisho.store.url import DatabaseUrl

#: How often a batch is begun again after the server chose it to break a deadlock.
_TRIES: Final = 4
#: A process that stands still in the middle holds others up for so long.
_STILL: Final = "5s"


def postgres_limiter(url: DatabaseUrl, clock: Clock, *, seed: Seed, flushed: Flushed, hold: Hold) -> OutageLimiter:
    """The Limiter of this process over a database that has the tables of store/counters.py, and may be away."""
    return OutageLimiter(SharedLimiter(Postgres(url), clock=clock, seed=seed, flushed=flushed, hold=hold), clock)


class Postgres(Sender):
    """One connection, on the loop that serves calls."""

    # The last is what the driver raises on a connection that the server has given up in silence.
    troubles = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

    def __init__(self, url: DatabaseUrl, *, timeout_seconds: float = 2.0) -> None:
        super().__init__()
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None

    async def _carry_out(self, batch: Sequence[Command]) -> Sequence[Answer | CommandFailed]:
        for left in reversed(range(_TRIES)):
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    connection = await self._connected()
                    async with connection.transaction():
                        return await _carried_out(connection, batch)
            except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
                if not left:
                    raise
        raise AssertionError

    async def _connected(self) -> asyncpg.Connection[asyncpg.Record]:
        if self._connection is None or self._connection.is_closed():
            url = self._url
            settings = {**url.settings, "application_name": f"{url.settings['application_name']}-limits"}
            if not url.pooled:
                settings["idle_in_transaction_session_timeout"] = _STILL
            where: dict[str, Any] = {**url.sqlalchemy.translate_connect_args(username="user"), **url.sqlalchemy.query}
            self._connection = await asyncpg.connect(
                **where,
                **url.security,
                server_settings=settings,
                timeout=self._timeout_seconds,
                statement_cache_size=0 if url.pooled else 100,
            )
        return self._connection

    async def _hang_up(self) -> None:
        if self._connection is not None:
            with suppress(*self.troubles):
                self._connection.terminate()
            self._connection = None


async def _carried_out(connection: asyncpg.Connection[asyncpg.Record], batch: Sequence[Command]) -> list[Answer]:
    page = Page()
    beats = [command for command in batch if command.name == "beat"]
    names = sorted({_named(command) for command in batch if command.name in {"reserve", "settle"}})
    for command in beats:
        renewed = command.arguments[3:]
        if renewed:
            await connection.execute(sql.RENEW, renewed[::2], [int(lease) for lease in renewed[1::2]])
        page.note_expired(await connection.fetch(sql.EXPIRED))
    if names:
        page.note_reservations(await connection.fetch(sql.RESERVATIONS, names))
    await _counts(connection, page, batch)
    if beats:
        page.now_us = await connection.fetchval(sql.CLOCK)
        page.members = [row[0] for row in await connection.fetch(sql.MEMBERS)]
    answers = [page.answer(command) for command in batch]
    for text, arguments in page.changes():
        await connection.execute(text, *arguments)
    if beats:
        await connection.execute(sql.TIDY)
    return answers


async def _counts(connection: asyncpg.Connection[asyncpg.Record], page: Page, batch: Sequence[Command]) -> None:
    """Lock every count that the batch may change; those that nobody has counted yet begin."""
    wanted = page.counts_of(batch)
    if wanted:
        page.note_counts(await connection.fetch(sql.COUNTS, sorted(wanted)))
    missing = page.beginnings(batch)
    if missing:
        counts = sorted(missing)
        settled, kept_us = ([missing[count][at] for count in counts] for at in (0, 1))
        await connection.execute(sql.BEGIN, counts, settled, kept_us)
        page.note_counts(await connection.fetch(sql.COUNTS, counts))


def _named(command: Command) -> str:
    """The reservation that a command is about."""
    return command.arguments[1] if command.name == "reserve" else command.arguments[0]

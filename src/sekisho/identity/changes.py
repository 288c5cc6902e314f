"""Learns what other processes have changed, within a quarter of a second and a look-up, and has it forgotten here.

Flows in: notices from the database. Flows out: (kind, id) to every listener. Must stay true: a notice whose
transaction ended late is not missed for one with a higher number that was seen before; what is cached is used for
`STALE_SECONDS` at most while nothing can be learnt, then it is all forgotten.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from sqlalchemy.exc import SQLAlchemyError

from sekisho.core.clock import Clock
from sekisho.core.errors import SekishoError
from sekisho.store.changes import PAGE, Change, changes_since, drop_changes, last_change
from sekisho.store.db import Store

log = logging.getLogger("sekisho.identity")

POLL_SECONDS = 0.25
#: How long known keys are served while the database is away: what was blocked meanwhile is not known here.
STALE_SECONDS = 600.0
#: A number that was left out belongs to a transaction that still runs, or has failed: it is asked for so long.
MISSING_SECONDS = 60.0
#: Notices are kept longer than anybody may lag behind.
KEPT_SECONDS = 3_600.0
_SECOND_US = 1_000_000

Listener = Callable[[str, str], None]


class ChangeFeed:
    """Call `begin` before anything is cached, then `run` until the end."""

    def __init__(self, db: Store, clock: Clock, listeners: Sequence[Listener], forget_all: Callable[[], None]) -> None:
        self._db = db
        self._clock = clock
        self._listeners = tuple(listeners)
        self._forget_all = forget_all
        self._seen = 0
        #: Numbers below `_seen` that have not been seen -> until when they are asked for.
        self._missing: dict[int, int] = {}
        self._fresh_us = clock.monotonic_us()
        self._swept_us = clock.monotonic_us()
        self._stale = False

    async def begin(self) -> None:
        """From now on nothing is missed."""
        self._seen = await asyncio.wrap_future(self._db.read(last_change))
        self._fresh_us = self._clock.monotonic_us()

    async def run(self) -> None:
        """Poll for ever."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            while await self.poll():
                pass

    async def poll(self) -> bool:
        """Ask once; whether there may be more at once."""
        now_us = self._clock.monotonic_us()
        seen, missing = self._seen, tuple(self._missing)
        try:
            found = await asyncio.wrap_future(
                self._db.read(lambda connection: changes_since(connection, seen, missing))
            )
        except (SQLAlchemyError, SekishoError, OSError) as error:
            self._failed(error, now_us)
            return False
        if self._stale:
            log.warning("the database is back: changes are followed again")
        self._fresh_us, self._stale = now_us, False
        for change in found:
            self._take(change, now_us)
        self._missing = {number: until_us for number, until_us in self._missing.items() if until_us > now_us}
        self._sweep(now_us)
        return len(found) >= PAGE

    def _take(self, change: Change, now_us: int) -> None:
        self._missing.pop(change.seq, None)
        if change.seq > self._seen:
            until_us = now_us + round(MISSING_SECONDS * _SECOND_US)
            # A gap is as wide as transactions run beside each other; a wider one is a restored backup.
            self._missing.update(dict.fromkeys(range(self._seen + 1, change.seq)[-PAGE:], until_us))
            self._seen = change.seq
        for listener in self._listeners:
            listener(change.kind, change.id)

    def _failed(self, error: Exception, now_us: int) -> None:
        if not self._stale and now_us - self._fresh_us > STALE_SECONDS * _SECOND_US:
            log.error(
                "the database has been away for %d s (%s): keys are no longer known until it is back",
                STALE_SECONDS,
                type(error).__name__,
            )
            self._stale = True
        if self._stale:
            self._forget_all()

    def _sweep(self, now_us: int) -> None:
        """Every now and then, delete what is old; that it fails matters to nobody, the next process does it."""
        if now_us - self._swept_us < KEPT_SECONDS * _SECOND_US:
            return
        self._swept_us = now_us
        before_us = self._clock.now_us() - round(KEPT_SECONDS * _SECOND_US)
        self._db.write(lambda connection: drop_changes(connection, before_us))

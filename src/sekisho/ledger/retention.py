"""Gives up old calls, day by day, as long as the gateway runs; what they add up to stays in the roll-ups.

Flows in: how long calls are kept, how often that is looked after. Flows out: days of calls that are gone, told in the
log. Must stay true: only days that are wholly past and wholly older are given up; one process does it at a time; no
call waits for it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from sekisho.core.clock import Clock
from sekisho.core.errors import SekishoError
from sekisho.store.days import drop_portion
from sekisho.store.db import Store

log = logging.getLogger("sekisho.ledger")

#: After a failure, such as a day that somebody reads: it is tried again.
AGAIN_SECONDS: Final = 60.0
#: Between two looks at whether calls are to be given up at all, for the settings may have been reloaded.
LOOK_SECONDS: Final = 60.0
_SECOND_US: Final = 1_000_000


class Kept(msgspec.Struct, frozen=True):
    """For how long, and how often that is looked after."""

    seconds: int
    interval_seconds: int


class RetentionCounts(msgspec.Struct):
    """What an operator watches: `portions` are days on PostgreSQL, calls on SQLite; `failures` should stay 0."""

    portions: int = 0
    failures: int = 0


class Retention:
    """One a process. `kept` is asked each time; None: calls are kept for ever."""

    def __init__(self, db: Store, clock: Clock, kept: Callable[[], Kept | None]) -> None:
        self.counts = RetentionCounts()
        self._db = db
        self._clock = clock
        self._kept = kept

    async def run(self) -> None:
        """Look again and again."""
        while True:
            pause_seconds = await self.look()
            await asyncio.sleep(pause_seconds)

    async def look(self) -> float:
        """Give up what is old; returns in how many seconds to look again."""
        kept = self._kept()
        if kept is None:
            return LOOK_SECONDS
        now_us = self._clock.now_us()
        before_us = now_us - kept.seconds * _SECOND_US
        try:
            gone = await self._drop(before_us, now_us)
        except (SQLAlchemyError, SekishoError, OSError) as error:
            self.counts.failures += 1
            log.warning("old calls could not be given up (%s); it is tried again", type(error).__name__)
            return AGAIN_SECONDS
        if gone:
            day = dt.datetime.fromtimestamp(before_us // _SECOND_US, dt.UTC)
            log.warning("the calls of the days before %s were given up", f"{day:%Y-%m-%d}")
        return kept.interval_seconds

    async def _drop(self, before_us: int, now_us: int) -> int:
        """A transaction each, so that writers come in between."""
        dropped = 0
        drop = partial(drop_portion, before_us=before_us, now_us=now_us)
        while gone := await asyncio.wrap_future(self._db.write(drop)):
            dropped += gone
            self.counts.portions += gone
        return dropped

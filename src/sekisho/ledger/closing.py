"""Has days and months summed up when they are over, as long as the gateway runs, so that long reports are quick.

Flows in: time. Flows out: closed days and months (store/closing.py). Must stay true: one transaction closes one day or
month; that it fails harms nobody: reports read the roll-ups then.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from sekisho.core.clock import Clock
from sekisho.core.errors import SekishoError
from sekisho.store.closing import close_next
from sekisho.store.db import Store

log = logging.getLogger("sekisho.ledger")

#: Between two days, when there are many: others want the database too.
PAUSE_SECONDS: Final = 0.2
#: When nothing was left to close.
IDLE_SECONDS: Final = 300.0


class Closing:
    """One a process; those that share a database take turns."""

    def __init__(self, db: Store, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def run(self) -> None:
        """Look again and again."""
        while True:
            pause_seconds = await self.look()
            await asyncio.sleep(pause_seconds)

    async def look(self) -> float:
        """Close one; returns in how many seconds to look again."""
        try:
            work = partial(close_next, now_us=self._clock.now_us())
            closed = await asyncio.wrap_future(self._db.write_at_length(work))
        except (SQLAlchemyError, SekishoError, OSError) as error:
            log.warning("a day of usage could not be closed (%s); it is tried again", type(error).__name__)
            return IDLE_SECONDS
        return PAUSE_SECONDS if closed else IDLE_SECONDS

"""Where the management API reads and writes the directory.

Flows in: functions of an `Edit` or a Connection. Flows out: what they return. Must stay true: a change is committed
with its audit entry before it takes effect here, and it has taken effect here before its answer goes out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from sqlalchemy.engine import Connection

from sekisho.core.clock import Clock
from sekisho.store.db import Store
from sekisho.store.edit import Edit, Raced

T = TypeVar("T")

#: How often an edit is begun again after somebody else has changed what it read: as often as others may be at it.
TRIES: Final = 8


class Desk:
    """`listeners` are told at once of what an edit has touched; other processes read it in the feed of changes."""

    def __init__(self, db: Store, clock: Clock, listeners: Sequence[Callable[[str, str], None]]) -> None:
        self._db = db
        self._clock = clock
        self._listeners = tuple(listeners)

    @property
    def now_us(self) -> int:
        """Epoch µs UTC."""
        return self._clock.now_us()

    async def edit(self, actor: str | None, work: Callable[[Edit], T]) -> T:
        """Run `work` as one transaction in the name of `actor`: all of it, or nothing.

        It is run anew where another administrator was quicker. Raises Raced when that goes on.
        """
        for left in reversed(range(TRIES)):
            try:
                result, touched = await self._transact(actor, work)
                break
            except Raced:
                if not left:
                    raise
        for kind, name in touched:
            for listener in self._listeners:
                listener(kind, name)
        return result

    async def _transact(self, actor: str | None, work: Callable[[Edit], T]) -> tuple[T, list[tuple[str, str]]]:
        now_us = self.now_us

        def transact(connection: Connection) -> tuple[T, list[tuple[str, str]]]:
            edit = Edit(connection, actor, now_us)
            return work(edit), edit.touched

        return await asyncio.wrap_future(self._db.write(transact))

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` beside the writers."""
        return await asyncio.wrap_future(self._db.read(work))

"""Large pieces of work on the event loop, one for each turn of it.

Flows in: the size of the body that is about to be read or written. Flows out: the moment at which it may be. Must stay
true: a small body never waits; between two large ones the loop serves everybody else, however many callers send large
bodies at once. A thread would not help: the JSON library holds the interpreter's lock from end to end (8 MB: 34 ms in
which no other thread ran).
"""

from __future__ import annotations

import asyncio
from collections import deque

#: From here on reading or writing takes about a millisecond.
LARGE_BYTES = 256 * 1024


class Turns:
    """Who waits for a turn, first come first served."""

    __slots__ = ("_giving", "_waiting")

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._giving = False

    async def take(self, size_bytes: int) -> None:
        """Wait until a piece of work of this size may be done, at once and without another await in it."""
        if size_bytes < LARGE_BYTES:
            return
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._waiting.append(turn)
        if not self._giving:
            self._giving = True
            loop.call_soon(self._give)
        await turn

    def _give(self) -> None:
        """One turn now, the next one when the loop comes by again."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # it may have been cancelled while it waited
                turn.set_result(None)
                asyncio.get_running_loop().call_soon(self._give)
                return
        self._giving = False

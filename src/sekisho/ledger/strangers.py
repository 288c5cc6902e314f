"""How many rows those may leave who show no good key: anybody on the network could fill the disk with them.

Flows in: each refused call of nobody's. Flows out: whether it gets a row. Must stay true: a few misconfigured tools are
seen each by each; a flood costs some rows an hour and a line of the log a minute, which says how many there were.
"""

from __future__ import annotations

import logging
from typing import Final

from sekisho.core.clock import Clock

log = logging.getLogger(__name__)

#: So many at once, and then one for each further pause.
ROWS_AT_ONCE: Final = 100
PAUSE_SECONDS: Final = 10
_PAUSE_US: Final = PAUSE_SECONDS * 1_000_000
#: Between two lines of the log.
TOLD_EACH_SECONDS: Final = 60


class Strangers:
    """One process's bound."""

    __slots__ = ("_clock", "_room_us", "_since_us", "_tell_us", "_untold", "left_out")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: What may be taken at once, a pause for each row.
        self._room_us = ROWS_AT_ONCE * _PAUSE_US
        self._since_us = clock.monotonic_us()
        self._untold = 0
        self._tell_us = 0
        #: Calls without a row since this process began.
        self.left_out = 0

    def may_book(self) -> bool:
        """Whether one more call gets a row."""
        now_us = self._clock.monotonic_us()
        room_us = self._room_us + now_us - self._since_us
        self._room_us, self._since_us = min(room_us, ROWS_AT_ONCE * _PAUSE_US), now_us
        booked = self._room_us >= _PAUSE_US
        if booked:
            self._room_us -= _PAUSE_US
        else:
            self.left_out += 1
            self._untold += 1
        if self._untold and now_us >= self._tell_us:
            log.warning("%d calls without a good key were refused and have no row in the ledger", self._untold)
            self._untold, self._tell_us = 0, now_us + TOLD_EACH_SECONDS * 1_000_000
        return booked

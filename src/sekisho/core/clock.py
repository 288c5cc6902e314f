"""Time as a value that tests can set.

Must stay true: code that decides by time takes a Clock and never calls time itself.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Wall time for records, monotonic time for durations."""

    def now_us(self) -> int:
        """Microseconds since the epoch, UTC."""

    def monotonic_us(self) -> int:
        """Microseconds on a clock that never jumps."""


class SystemClock:
    """The machine's clocks."""

    def now_us(self) -> int:
        """Microseconds since the epoch, UTC."""
        return time.time_ns() // 1_000

    def monotonic_us(self) -> int:
        """Microseconds on a clock that never jumps."""
        return time.monotonic_ns() // 1_000


class FakeClock:
    """A clock that moves only when told to."""

    def __init__(self, now_us: int = 1_700_000_000_000_000) -> None:
        self._now_us = now_us

    def now_us(self) -> int:
        """The set time."""
        return self._now_us

    def monotonic_us(self) -> int:
        """The set time."""
        return self._now_us

    def advance(self, seconds: float) -> None:
        """Move both clocks forward."""
        self._now_us += round(seconds * 1_000_000)

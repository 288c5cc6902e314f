"""How fast a deployment is: an average in which what is older weighs less.

Flows in: durations in seconds, as they are measured. Flows out: their decayed average, or None when nothing is known
any more, so that a deployment that was slow once is tried again.
"""

from __future__ import annotations

from typing import Final

_HALF_LIFE_US: Final = 60_000_000


class Pace:
    """A decayed average of seconds."""

    __slots__ = ("_at_us", "_mean", "_weight")

    def __init__(self) -> None:
        self._mean = 0.0
        self._weight = 0.0
        self._at_us = 0

    def add(self, seconds: float, now_us: int) -> None:
        """One more measurement."""
        weight = self._weight * 0.5 ** ((now_us - self._at_us) / _HALF_LIFE_US)
        self._mean = (self._mean * weight + seconds) / (weight + 1)
        self._weight, self._at_us = weight + 1, now_us

    def seconds(self, now_us: int, forgotten_after_us: int) -> float | None:
        """The average; None when nothing was measured for so long."""
        return self._mean if self._weight and now_us - self._at_us < forgotten_after_us else None

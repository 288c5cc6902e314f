"""What a deployment has taken in the running minute, beside what it may take.

Flows in: requests as they begin, tokens as an estimate and then exactly. Flows out: whether one more fits, and when it
will. Must stay true: a minute begins with its first request; a correction for a minute that is over is forgotten.
"""

from __future__ import annotations

from typing import Final

_MINUTE_US: Final = 60_000_000


class Minute:
    """Requests and tokens of the minute that began at `began_us` (µs of a monotonic clock)."""

    __slots__ = ("began_us", "requests", "tokens")

    def __init__(self) -> None:
        self.began_us = -_MINUTE_US
        self.requests = 0
        self.tokens = 0

    def take(self, tokens: int, now_us: int) -> None:
        """A request of about so many tokens begins."""
        if now_us >= self.ends_us():
            self.began_us, self.requests, self.tokens = now_us, 0, 0
        self.requests += 1
        self.tokens += tokens

    def correct(self, more_tokens: int, taken_us: int) -> None:
        """What was taken at `taken_us` turned out to be so much more, or less."""
        if taken_us >= self.began_us:
            self.tokens = max(0, self.tokens + more_tokens)

    def used(self, now_us: int) -> tuple[int, int]:
        """(requests, tokens) of the running minute."""
        return (self.requests, self.tokens) if now_us < self.ends_us() else (0, 0)

    def has_room(self, rpm: int | None, tpm: int | None, tokens: int, now_us: int) -> bool:
        """Whether a request of about `tokens` fits. One larger than the whole minute fits into an untouched one."""
        requests, taken = self.used(now_us)
        if rpm is not None and requests >= rpm:
            return False
        return tpm is None or taken + tokens <= tpm or (taken == 0 and tpm > 0)

    def ends_us(self) -> int:
        """When the minute is over."""
        return self.began_us + _MINUTE_US

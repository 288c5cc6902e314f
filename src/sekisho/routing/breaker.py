"""Whether something that failed may be called: closed (yes), open (not before a time), half open (one call may try).

Flows in: successes and failures with their class, and the time. Flows out: whether and when to call. Must stay true:
what the caller did wrong never counts; a call begun before the breaker opened neither closes nor deepens it; while it
is half open one call at a time is let through, and that call decides; what fails only now and then is `mild`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from sekisho.core.errors import ErrorClass, ErrorInfo

#: No cooldown is longer, whatever a provider asks for: it is probed by one call at least so often.
LONGEST_SECONDS: Final = 600.0
#: Refused credentials and used-up quotas do not mend by themselves in seconds.
_SLOW_SECONDS: Final = 60.0
#: Failures in a row that open it where nothing is configured. One request to slow down says only that a quota is near:
#: were each such deployment left out at once, all of them would be, though every one still took most calls.
_IN_A_ROW: Final = 3
_SLOWED_IN_A_ROW: Final = 2
#: From twice as many on it is sure to fail. Below that it may have been chance.
_SURE: Final = 2
_MINUTE_US: Final = 60_000_000

#: The credential itself is of no use: dead, or exhausted until its quota returns.
CREDENTIAL_FAULTS: Final = frozenset({ErrorClass.UPSTREAM_CREDENTIAL, ErrorClass.QUOTA_EXHAUSTED})
#: What counts at all; every other class is the caller's own affair.
FAULTS: Final = CREDENTIAL_FAULTS | {
    ErrorClass.RATE_LIMITED,
    ErrorClass.OVERLOADED,
    ErrorClass.UPSTREAM_ERROR,
    ErrorClass.UPSTREAM_TIMEOUT,
}
#: A call that fails so costs its caller little time.
_QUICK: Final = frozenset({ErrorClass.RATE_LIMITED, ErrorClass.OVERLOADED, ErrorClass.UPSTREAM_ERROR})


class Cooldown(msgspec.Struct, frozen=True, kw_only=True):
    """When and for how long: `allowed_fails` failures in a minute are borne (None: two in a row, of requests to slow
    down one).
    """

    enabled: bool = True
    seconds: float = 5.0
    allowed_fails: int | None = None
    #: The same for single classes, over `allowed_fails`.
    allowed_by_class: Mapping[ErrorClass, int] = {}

    def allowed(self, kind: ErrorClass) -> int | None:
        """How many failures of this class a minute are borne; None where the rule for failures in a row holds."""
        if kind in self.allowed_by_class:
            return self.allowed_by_class[kind]
        if kind in CREDENTIAL_FAULTS:
            return 0
        return self.allowed_fails


class Breaker:
    """One deployment's, or one credential's. Times are µs of a monotonic clock."""

    __slots__ = (
        "_deep",
        "_fails",
        "_in_a_row",
        "_minute_us",
        "_opened_us",
        "_sure_at",
        "cause",
        "probe",
        "troubled",
        "until_us",
    )

    def __init__(self) -> None:
        #: Not to be called before; 0 when closed.
        self.until_us = 0
        #: Whether a success would change anything.
        self.troubled = False
        #: Why it is open.
        self.cause: ErrorClass | None = None
        #: Who tries while it is half open.
        self.probe: object | None = None
        self._opened_us = 0
        self._deep = 0
        self._in_a_row = 0
        self._fails = 0
        self._minute_us = 0
        #: It is mild up to so many failures in a row.
        self._sure_at = 0

    @property
    def mild(self) -> bool:
        """Whether it is open and may be called all the same where nothing else can: it fails now and then."""
        return bool(self.until_us) and self._in_a_row < self._sure_at

    def lets(self, now_us: int) -> bool:
        """Whether a call may begin now."""
        return not self.until_us or (now_us >= self.until_us and self.probe is None)

    def begin(self, call: object, now_us: int) -> None:
        """A call begins; of a half-open breaker it is the probe."""
        if self.until_us and self.probe is None and now_us >= self.until_us:
            self.probe = call

    def leave(self, call: object) -> None:
        """A call ended that proves nothing."""
        if self.probe is call:
            self.probe = None

    def succeed(self, call: object, begun_us: int) -> bool:
        """A call went well; True when that closes an open breaker."""
        self._in_a_row = 0
        self.leave(call)
        if not self.until_us:
            self.troubled = False
        if not self.until_us or begun_us < self._opened_us:
            return False
        self.until_us = self._deep = self._fails = 0
        self.cause = self.probe = None  # another call may still be probing: nobody would hear when that ends
        self.troubled = False
        return True

    def fail(self, call: object, begun_us: int, now_us: int, info: ErrorInfo, rule: Cooldown) -> float | None:
        """A call failed; the seconds of the cooldown that begins with it, None where none does."""
        probing = self.probe is call
        self.leave(call)
        kind = info.error_class
        if kind not in FAULTS or not rule.enabled:
            return None
        if self.until_us and not probing:
            if begun_us >= self._opened_us:
                self._deepen(kind, now_us, info)
            return None
        if not self._counts(kind, now_us, info, rule) and not probing:
            return None
        by_chance = kind in _QUICK and rule.allowed(kind) is None and info.retry_after_seconds is None
        self._sure_at = _SURE * _in_a_row_of(kind) if by_chance else 0
        seconds = self._seconds(kind, info, rule)
        self._opened_us, self.until_us = now_us, now_us + _us(seconds)
        self._deep += 1
        self.cause = kind
        return seconds

    def _counts(self, kind: ErrorClass, now_us: int, info: ErrorInfo, rule: Cooldown) -> bool:
        """Whether this failure is one too many."""
        if now_us - self._minute_us >= _MINUTE_US:
            self._minute_us, self._fails = now_us, 0
        self.troubled = True
        self._fails += 1
        self._in_a_row += 1
        if info.retry_after_seconds is not None:
            return True  # the provider itself says that calling sooner is of no use
        allowed = rule.allowed(kind)
        return self._in_a_row >= _in_a_row_of(kind) if allowed is None else self._fails > allowed

    def _deepen(self, kind: ErrorClass, now_us: int, info: ErrorInfo) -> None:
        """A call that was made all the same has failed too."""
        self._in_a_row += 1
        if kind not in _QUICK or info.retry_after_seconds is not None:
            self._sure_at = 0
        if info.retry_after_seconds:
            self.until_us = max(self.until_us, now_us + _us(info.retry_after_seconds))

    def _seconds(self, kind: ErrorClass, info: ErrorInfo, rule: Cooldown) -> float:
        base = max(rule.seconds, _SLOW_SECONDS) if kind in CREDENTIAL_FAULTS else rule.seconds
        seconds = base * 2.0 ** min(self._deep, 16)
        if info.retry_after_seconds is not None:
            seconds = info.retry_after_seconds if not self._deep else max(seconds, info.retry_after_seconds)
        return min(max(seconds, 0.001), LONGEST_SECONDS)


def _in_a_row_of(kind: ErrorClass) -> int:
    return _SLOWED_IN_A_ROW if kind is ErrorClass.RATE_LIMITED else _IN_A_ROW


def _us(seconds: float) -> int:
    return round(min(seconds, LONGEST_SECONDS) * 1_000_000)

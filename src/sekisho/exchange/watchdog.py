"""One timer for a whole exchange: connect, first byte, between chunks, total, and the ping to a caller who waits.

A timer per chunk would cost more than relaying the chunk; this one is armed once and moves itself when it fires.
Must stay true: when a phase outlives its time the task is cancelled once, and `expired` says which phase it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """How long each phase of an exchange may take, in seconds."""

    connect_seconds: float
    first_byte_seconds: float
    #: The same for a streamed answer's first event.
    first_event_seconds: float
    between_chunks_seconds: float
    total_seconds: float
    #: How long a caller may not take what is sent to it.
    caller_stalled_seconds: float
    #: A caller of a stream gets a sign of life after so long without one.
    ping_after_seconds: float


#: How soon a timer that has nothing to say looks again.
_TICK_SECONDS = 0.02


def own_task() -> asyncio.Task[Any]:
    """The task that this runs in. Raises RuntimeError outside of one."""
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a call runs in a task of its own")
    return task


class Watchdog:
    """Cancels `task` when a phase takes too long. `touch` is cheap enough for every chunk."""

    __slots__ = (
        "_loop",
        "_on_ping",
        "_ping_seconds",
        "_pinged",
        "_seconds",
        "_stalled_seconds",
        "_task",
        "_timer",
        "_timer_at",
        "_total_at",
        "_total_seconds",
        "expired",
        "now",
        "phase",
        "touched",
        "writing",
    )

    def __init__(self, task: asyncio.Task[Any], total_seconds: float, stalled_seconds: float) -> None:
        self._loop = task.get_loop()
        self._task = task
        self.now = self._loop.time
        self.touched = self.now()
        self._total_seconds = total_seconds
        self._total_at = self.touched + total_seconds
        self._stalled_seconds = stalled_seconds
        self._seconds = total_seconds
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._on_ping: Callable[[], None] | None = None
        self._ping_seconds = 0.0
        self._pinged = 0.0
        self.phase = "total"
        #: The caller is being written to: its time counts, not the provider's.
        self.writing = False
        #: (phase, seconds) once a phase was over its time.
        self.expired: tuple[str, float] | None = None

    def enter(self, phase: str, seconds: float) -> None:
        """A phase begins; it may take `seconds`."""
        self.phase, self._seconds = phase, seconds
        self.touch()
        self._arm()

    def touch(self) -> None:
        """Something came: the phase's time begins anew. The relay does this itself, a chunk, without the call."""
        self.touched = self.now()

    def ping_every(self, seconds: float, on_ping: Callable[[], None]) -> None:
        """Call `on_ping` whenever nothing has come for `seconds`."""
        self._ping_seconds, self._on_ping = seconds, on_ping
        self._arm()

    @property
    def total_over(self) -> bool:
        """The exchange as a whole has had its time."""
        return self._loop.time() >= self._total_at

    @property
    def left_seconds(self) -> float:
        """How long the exchange as a whole may still take."""
        return self._total_at - self._loop.time()

    def stop(self) -> None:
        """The exchange is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ends_at(self) -> float:
        """When the present phase is over its time."""
        seconds = self._stalled_seconds if self.writing else self._seconds
        return min(self.touched + seconds, self._total_at)

    def _ping_at(self) -> float:
        """When the caller has heard nothing for too long; a ping is no sign of life of the provider."""
        return max(self.touched, self._pinged) + self._ping_seconds

    def _due(self) -> float:
        due = min(self.touched + self._seconds, self._ends_at())
        return min(due, self._ping_at()) if self._on_ping is not None else due

    def _arm(self) -> None:
        due = self._due()
        if self._timer is not None:
            if self._timer_at <= due:
                return
            self._timer.cancel()
        # Never in the past: a write that outlasts the provider's time is looked at again in a moment.
        self._timer_at = max(due, self._loop.time() + _TICK_SECONDS)
        self._timer = self._loop.call_at(self._timer_at, self._fire)

    def _fire(self) -> None:
        self._timer = None
        now = self._loop.time()
        if now >= self._ends_at():
            self.expired = self._expired_phase(now)
            self._task.cancel()
            return
        if self._on_ping is not None and not self.writing and now >= self._ping_at():
            self._on_ping()
            self._pinged = now
        self._arm()

    def _expired_phase(self, now: float) -> tuple[str, float]:
        if now >= self._total_at:
            return "total", self._total_seconds
        return ("caller_stalled", self._stalled_seconds) if self.writing else (self.phase, self._seconds)

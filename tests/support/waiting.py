"""Waiting for something that another process does: ask again until it is so.

In: a question and a limit in seconds. Out: its first true answer, or a failed test that says what was missing.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(ask: Callable[[], Awaitable[T]], what: str, within_seconds: float = 10) -> T:
    """The first truthy answer of `ask`."""
    deadline, pause = time.monotonic() + within_seconds, 0.005
    while not (answer := await ask()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_seconds:g} s: {what}; last answer: {answer!r}")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), pause)
        pause = min(pause * 1.5, 0.1)
    return answer


async def stays(ask: Callable[[], T], for_seconds: float, within_seconds: float = 20) -> T:
    """What `ask` answers once its answer has been the same for so long."""
    deadline, last, since = time.monotonic() + within_seconds, ask(), time.monotonic()
    while time.monotonic() - since < for_seconds:
        if time.monotonic() > deadline:
            raise AssertionError(f"still changing after {within_seconds:g} s: {last!r}")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.02)
        if (now := ask()) != last:
            last, since = now, time.monotonic()
    return last

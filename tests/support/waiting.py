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

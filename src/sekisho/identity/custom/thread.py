"""Runs other people's functions where they hold up nobody else.

Flows in: a function, its arguments, a time. Flows out: its result, its exception, or TimeoutError. Must stay true: the
gateway's event loop is never blocked, whatever the function does (many an `async def` asks its server synchronously);
clients that it keeps between calls always see the same event loop; what hangs keeps no process alive.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from sekisho.core.errors import Overloaded

#: Plain functions that run at once, each in a thread.
AT_ONCE = 64


class FunctionThread:
    """An event loop in a thread of its own, started by the first call."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        called = getattr(function, "__call__", None)  # noqa: B004 - of an object with an async __call__
        self._waits = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asked, self._closed = 0, False
        self._free = threading.BoundedSemaphore(AT_ONCE)

    async def call(self, seconds: float, *arguments: Any) -> Any:
        """The function's result. Raises TimeoutError, Overloaded, and whatever the function raises."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=_serve, args=(self._loop,), name="sekisho-custom-auth", daemon=True).start()
        self._asked += 1
        try:
            asked = asyncio.run_coroutine_threadsafe(self._run(*arguments), self._loop)
            async with asyncio.timeout(seconds):
                return await asyncio.wrap_future(asked)
        finally:
            self._asked -= 1
            self._stop_if_over()

    def close(self) -> None:
        """No call comes any more; the thread ends with the last that is being answered."""
        self._closed = True
        self._stop_if_over()

    def _stop_if_over(self) -> None:
        if self._closed and not self._asked and self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._loop = None

    async def _run(self, *arguments: Any) -> Any:
        if self._waits:
            return await self._function(*arguments)
        if not self._free.acquire(blocking=False):
            raise Overloaded("Too many callers wait to be recognised. Try again shortly.", retry_after_seconds=1)
        return await asyncio.wrap_future(self._in_a_thread(*arguments))

    def _in_a_thread(self, *arguments: Any) -> Future[Any]:
        """In a daemon of its own: the threads of an executor are waited for at the end of the process."""
        running = Future[Any]()
        running.set_running_or_notify_cancel()
        running.add_done_callback(lambda _: self._free.release())

        def work() -> None:
            try:
                running.set_result(self._function(*arguments))
            except Exception as error:  # of other people's code: whoever waits for the result gets it
                running.set_exception(error)

        threading.Thread(target=work, name="sekisho-custom-auth-call", daemon=True).start()
        return running


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        for task in (tasks := asyncio.all_tasks(loop)):
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    finally:
        loop.close()

"""The gateway with a watch on its event loop: `python -m bench.lag_probe FILE serve --config …`, as `sekisho serve …`.

Out: at its end FILE holds a line for each moment, 2 ms apart: when it was (the machine's monotonic clock), how long
something due then had to wait for the loop, and how long it would have on a machine without other programs: no longer
than the CPU time that this process took meanwhile. All in ns. A stall counts for all the moments that it covers.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from sekisho.app import Application
from sekisho.cli import main, serve
from sekisho.exchange.answer import Receive, Send

APART_NS = 2_000_000


class Probe:
    """The application, and a timer beside it."""

    def __init__(self, app: Application, file: Path) -> None:
        self.settings = app.settings
        self.about_to_end = app.about_to_end
        self._app = app
        self._file = file
        self._moments: list[tuple[int, int, int]] = []

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        ticking = asyncio.create_task(self._tick())
        await self._app(scope, receive, send)
        ticking.cancel()
        self._file.write_text("".join(f"{due} {late} {own}\n" for due, late, own in self._moments))

    async def _tick(self) -> None:
        due = time.monotonic_ns() + APART_NS
        while True:
            cpu_before_ns = time.process_time_ns()
            await asyncio.sleep(max(0, due - time.monotonic_ns()) / 1e9)
            now, cpu_ns = time.monotonic_ns(), time.process_time_ns() - cpu_before_ns
            while due <= now:
                self._moments.append((due, now - due, min(now - due, cpu_ns)))
                due += APART_NS


if __name__ == "__main__":
    build, file = serve.application, Path(sys.argv.pop(1))
    serve.application = lambda *given: Probe(build(*given), file)  # type: ignore[assignment]
    main.main()

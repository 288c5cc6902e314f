"""`python -m bench.scale`: what reports over a large ledger take, by hand; results belong in docs/guide-operator.md.

In: sizes. Out: a line a report: the shortest of three times, and the processor time of the server for it, which does
not depend on what else the machine does. The server runs on this machine.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Connection

from bench.scale_data import Size, fill
from sekisho.core.clock import SystemClock
from sekisho.core.secret import Secret
from sekisho.store.closing import close_next
from sekisho.store.cube import Window, page
from sekisho.store.db import Store
from sekisho.store.migrate import ensure_schema
from sekisho.store.open import open_url
from sekisho.store.usage import DAY_US

#: What is asked for, by what.
REPORTS = (
    (),
    ("day", "model"),
    ("tag",),
    ("team", "model"),
    ("user",),
    ("user", "model"),
    ("user", "day", "model"),
    ("key",),
    ("key", "user", "model", "day", "tool"),
)
TICK_MS = 10


def told(text: str) -> None:
    print(text, flush=True)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("url", help="an empty database of PostgreSQL; it is filled")
    for name, number in (("keys", 1_000_000), ("users", 50_000), ("calls", 10_000_000), ("days", 365)):
        asked.add_argument(f"--{name}", type=int, default=number)
    given = asked.parse_args()
    db = open_url(Secret(given.url), patient=True)
    ensure_schema(db)
    now_us = SystemClock().now_us()
    today_us = now_us // DAY_US * DAY_US
    fill(db, Size(keys=given.keys, users=given.users, calls=given.calls, days=given.days, last_day_us=today_us), told)
    closed = close_all(db, now_us)
    told(f"{closed} days and months closed")
    for days in (30, given.days):
        window = Window(today_us - (days - 1) * DAY_US, today_us + DAY_US)
        for by in REPORTS:
            took = min(db.read(partial(timed, window=window, by=by)).result() for _ in range(3))
            told(f"{days:4} days by {', '.join(by) or 'nothing'}: {took[0]:.0f} ms, processor {took[1]} ms")
    db.close()


def close_all(db: Store, now_us: int) -> int:
    """How many days and months were closed."""
    closed = 0
    while db.write(partial(close_next, now_us=now_us)).result():
        closed += 1
    return closed


def timed(connection: Connection, window: Window, by: tuple[str, ...]) -> tuple[float, int]:
    """Milliseconds on the clock, and of the server's processor: on one core, so that it can be told."""
    process = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    connection.exec_driver_sql("SET LOCAL max_parallel_workers_per_gather = 0")
    before, started = processor_ms(process), time.perf_counter()
    page(connection, window, by, limit=1_000)
    return (time.perf_counter() - started) * 1_000, processor_ms(process) - before


def processor_ms(process: Any) -> int:
    """Of a process on this machine."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_MS


if __name__ == "__main__":
    main()

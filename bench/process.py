"""A server under test: started on its own core, and what it and its children cost."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE = {CORES[0]}
# Load and provider share the other core; with one core all share it, and only CPU figures mean something.
LOAD_CORE = {CORES[-1]}
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
START_SECONDS_MAX = 30


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    try:
        tasks = Path(f"/proc/{pid}/task").iterdir()
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []
    return [pid, *(member for child in children for member in family(child))]


class Server:
    """A running process tree.

    CPU comes from each process's own clock (clock_getcpuclockid(3)): nanoseconds, all threads, ended ones too.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def cpu_ns(self) -> int:
        total = 0
        for pid in family(self.process.pid):
            try:
                total += time.clock_gettime_ns((~pid << 3) | 2)
            except OSError:
                continue
        return total

    def memory_bytes(self) -> int:
        """Resident memory of the tree."""
        total = 0
        for pid in family(self.process.pid):
            try:
                total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
            except OSError:
                continue
        return total


@contextmanager
def running(argv: list[str], log: Path, *, core: set[int], **environment: str) -> Iterator[Server]:
    """A program for as long as the block lasts, on one core, its output in a file."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with log.open("wb") as out:
        process = subprocess.Popen(
            argv,
            stdout=out,
            stderr=out,
            env={**inherited, **environment},
            preexec_fn=lambda: os.sched_setaffinity(0, core),  # noqa: PLW1509 - this process has one thread
        )
        try:
            yield Server(process)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for(server: Server, ready: Callable[[], bool], log: Path) -> None:
    """Until `ready()`.

    Raises:
        RuntimeError: the program ended or never became ready; the message holds its last words.
    """
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            if ready():
                return
        except OSError:
            pass
        time.sleep(0.005)  # noqa: TID251 - another process has to come up, and tells nobody
    raise RuntimeError(f"{server.process.args!r} did not start: {log.read_text(errors='replace')[-2000:]}")

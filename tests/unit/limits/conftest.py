"""Servers that the limits are counted in: one for all tests of a file, or one that a test may kill."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import PostgresServer, open_postgres
from tests.support.valkey_server import ValkeyServer


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    yield from _running(ValkeyServer(tmp_path_factory.mktemp("valkey")))


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[ValkeyServer]:
    """A Valkey of this test's own."""
    yield from _running(ValkeyServer(tmp_path))


@pytest.fixture
def persistent(tmp_path: Path) -> Iterator[ValkeyServer]:
    """A mortal one that finds most of its data again."""
    yield from _running(ValkeyServer(tmp_path, persistent=True))


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """With the tables."""
    server = PostgresServer()
    server.start()
    open_postgres(server).close()
    yield server
    server.stop()


def _running(server: ValkeyServer) -> Iterator[ValkeyServer]:
    server.start()
    yield server
    server.stop()

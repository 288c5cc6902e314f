"""Debian's own PostgreSQL, and pgbouncer in front of it in transaction mode: keys, ledger and upgrades as ever."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from sekisho.core.clock import FakeClock
from sekisho.core.secret import Secret
from sekisho.identity.changes import ChangeFeed
from sekisho.identity.keys import KeyRing, token_hash
from sekisho.ledger.journal import Journal
from sekisho.store.domain import teams
from sekisho.store.migrate import ensure_schema, upgrade_schema
from sekisho.store.postgres import PostgresDatabase
from sekisho.store.spent import spent_nano_usd
from sekisho.store.url import parse_url
from sekisho.store.usage import DAY_US
from sekisho.store.verify import verify_day
from tests.support.domain import add_row, change_row
from tests.support.fleet import fleet, status_of
from tests.support.gateway import MASTER_KEY
from tests.support.ledger import NOW_US, add_key, count_stored, row, spend_of
from tests.support.ports import free_port
from tests.support.postgres import NOBODY, PostgresServer
from tests.support.provider import provider
from tests.support.sse_client import post_json
from tests.support.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
WITHIN_SECONDS = 30
POOL = """
[databases]
* = host=127.0.0.1 port={server} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_client_conn = 200
logfile = {folder}/log
pidfile = {folder}/pid
"""

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def debian() -> Iterator[PostgresServer]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("PostgreSQL is not installed (on Debian: postgresql)")
    server = PostgresServer(where=found[-1].parent)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def pool(debian: PostgresServer) -> Iterator[int]:
    """The port of a pgbouncer."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("pgbouncer is not installed (on Debian: pgbouncer)")
    folder, port = Path("/tmp") / f"sekisho-pool-{os.getpid()}", free_port()
    folder.mkdir()
    (folder / "ini").write_text(POOL.format(server=debian.port, port=port, folder=folder))
    user = NOBODY if os.getuid() == 0 else None
    if user is not None:
        os.chown(folder, user, user)
    running = subprocess.Popen([program, "-q", folder / "ini"], user=user, group=user, stderr=subprocess.DEVNULL)
    until = time.monotonic() + WITHIN_SECONDS
    while not listens(port):
        assert time.monotonic() < until
        assert running.poll() is None
    yield port
    running.terminate()
    running.wait(WITHIN_SECONDS)
    shutil.rmtree(folder)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def works(db: PostgresDatabase, folder: Path) -> None:
    """A key of a team makes calls and is blocked with its team; the books agree."""
    ensure_schema(db, alone=False)
    add_row(db, teams, team_id="t")
    add_key(db, token_hash("sk-a"), team_id="t")
    ring = KeyRing(db, FakeClock(), Secret("sk-master"))
    feed = ChangeFeed(db, FakeClock(), [ring.forget], ring.clear)
    await feed.begin()
    known = await ring.seek("sk-a")
    assert known is not None
    journal = Journal(folder, db, FakeClock())
    journal.recover()
    for number in range(1_200):
        journal.settle(row(call_id=f"{number}", key_hash=known.key_hash, team_id="t", cost_nano_usd=1))
    journal.flush().result(WITHIN_SECONDS)
    journal.close()
    assert (count_stored(db), spend_of(db, known.key_hash)) == (1_200, 1_200)
    reads = [asyncio.wrap_future(db.read(partial(verify_day, day_us=NOW_US // DAY_US * DAY_US))) for _ in range(20)]
    assert {(day.calls, day.differences) for day in await asyncio.gather(*reads)} == {(1_200, ())}
    month = {"starts_us": NOW_US - 9 * DAY_US, "ends_us": NOW_US + 9 * DAY_US}
    assert db.read_now(lambda connection: spent_nano_usd(connection, "team", "t", "", **month)) == 1_200
    change_row(db, teams, "t", blocked=True)
    await feed.poll()
    blocked = await ring.seek("sk-a")
    assert blocked is not None
    assert blocked.scopes[-1].blocked


#: They look into SQLite's file, or break it.
SQLITE_ONLY = (
    "test_app.py::test_a_store_that_fails_is_told_without_its_words",
    "test_credentials.py::test_a_credential_is_stored_sealed_and_shown_without_its_secrets",
    "test_models.py::test_a_model_is_stored_sealed_and_called_from_then_on",
)


@pytest.mark.timeout(600)
def test_the_management_api_on_postgresql() -> None:
    """Its unit tests, on the other store."""
    api = "tests/unit/api/admin"
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "tests.support.on_postgres", "-n", "2", "-m", "not real", api]
    argv += [f"--deselect={api}/{name}" for name in SQLITE_ONLY]
    environ = os.environ | {"PYTHONHASHSEED": "0"}
    done = subprocess.run(argv, cwd=ROOT, check=False, capture_output=True, text=True, env=environ)
    assert done.returncode == 0, done.stdout[-4_000:]


async def test_debians_postgresql(debian: PostgresServer, tmp_path: Path) -> None:
    debian.sql("CREATE DATABASE direct")
    db = PostgresDatabase(parse_url(Secret(debian.url("direct"))))
    assert upgrade_schema(db) is None
    await works(db, tmp_path)
    db.close()


async def test_pgbouncer_in_transaction_mode(debian: PostgresServer, pool: int, tmp_path: Path) -> None:
    debian.sql("CREATE DATABASE pooled")
    db = PostgresDatabase(parse_url(Secret(f"postgresql://postgres@127.0.0.1:{pool}/pooled?pgbouncer=true")))
    assert upgrade_schema(db) is None
    await works(db, tmp_path)
    db.close()


def test_two_gateways_through_pgbouncer(debian: PostgresServer, pool: int, tmp_path: Path) -> None:
    """They keep one limit together, and hear of each other's changes."""
    debian.sql("CREATE DATABASE shared")
    variables = {"DATABASE_URL": f"postgresql://postgres@127.0.0.1:{pool}/shared?pgbouncer=true"}
    with provider() as fake, fleet(tmp_path, 2, fake.url, variables) as gates:

        async def block() -> None:
            key = await gates[0].make_key(max_budget=1, max_parallel_requests=100)
            assert await asyncio.gather(*(status_of(gate, key) for gate in gates for _ in range(20))) == [200] * 40
            url, auth = f"{gates[0].url}/key/block", {"authorization": f"Bearer {MASTER_KEY}"}
            assert (await post_json(url, {"key": key}, auth))[0] == 200

            async def refused() -> bool:
                return await status_of(gates[1], key) == 401

            assert await eventually(refused, "the other has heard")

        asyncio.run(block())

"""What holds for every test: reproducible properties and uvloop under the async tests.

In: pytest's own hooks. Out: a suite that gives the same answer each time it runs; warnings are
errors and each test has a time limit (both in pyproject.toml).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator

import pytest
import uvloop
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

from tests.support.postgres import PostgresServer

# Wall-clock deadlines fail on a busy machine, not on a wrong program; the time limit per test stands.
settings.register_profile(
    "default",
    derandomize=True,
    deadline=None,
    max_examples=100,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
# `SEKISHO_HYPOTHESIS=search` looks for new counter-examples with fresh seeds; run by hand.
settings.register_profile("search", deadline=None, max_examples=2_000, print_blob=True)
settings.load_profile(os.environ.get("SEKISHO_HYPOTHESIS", "default"))
if "SEKISHO_HYPOTHESIS" not in os.environ:
    # It tries out strings and numbers that stand in the modules imported so far. Which those are depends on the tests
    # that ran before in the same worker: the same test would see other examples each time.
    vars(providers).update(is_local_module_file=lambda _path: False)


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Async tests run on the loop that `sekisho serve` runs on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for all tests of a worker; what each leaves in it is theirs to clear away."""
    server = PostgresServer()
    server.start()
    yield server
    server.stop()

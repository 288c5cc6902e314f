"""One gateway before one scripted provider for all pairs; and the page that a run writes when it is asked to."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.sdks.client import Client, Made
from tests.sdks.clients import CLIENTS
from tests.sdks.made import made_at
from tests.sdks.page import WRITE, Page
from tests.sdks.providers import model_list
from tests.support.gateway import gateway
from tests.support.provider import RunningProvider, provider
from tests.support.token_server import serving

_page = Page()


@pytest.fixture(scope="session")
def fake() -> Iterator[RunningProvider]:
    """The scripted provider, in whose book the tests look."""
    with provider() as running:
        yield running


@pytest.fixture(scope="session")
def made(fake: RunningProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """A running gateway with a key, and with a pair of access keys for it."""
    settings = {"num_retries": 0, "disable_cooldowns": True}
    with serving() as tokens:
        config = {"model_list": model_list(fake.url, tokens.url), "router_settings": settings}
        with gateway(tmp_path_factory.mktemp("sdks"), config, SEKISHO_ROOT_KEY="0" * 64) as running:
            yield made_at(running)


@pytest.fixture(scope="session")
def sdks(made: Made) -> Iterator[dict[str, Client]]:
    """The SDKs, each made once."""
    clients = {name: make(made) for name, make in CLIENTS.items()}
    yield clients
    for client in clients.values():
        client.close()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember how each pair did."""
    _page.see(report.passed, dict(report.user_properties))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The page, written once all workers are done."""
    if os.environ.get(WRITE) and not hasattr(session.config, "workerinput"):
        _page.write()

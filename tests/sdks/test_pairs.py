"""The vendors' own SDKs through a running gateway to every kind of provider; docs/matrix.md shows how it went."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sdks.client import Client
from tests.sdks.clients import CLIENTS
from tests.sdks.deeds import DEEDS, Pair
from tests.sdks.providers import PROVIDERS
from tests.support.provider import RunningProvider


@pytest.fixture
def pair(client: str, provider: str, sdks: dict[str, Client], fake: RunningProvider, record_property: Any) -> Pair:
    """A client and a provider, named to whoever writes the page."""
    record_property("client", client)
    record_property("provider", provider)
    return Pair(sdks[client], provider, fake)


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("client", CLIENTS)
def test_pair(pair: Pair, deed: str, record_property: Any) -> None:
    record_property("deed", deed)
    DEEDS[deed].do(pair)
    assert pair.fake.app.book.requests

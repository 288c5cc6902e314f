from __future__ import annotations

import pytest

from sekisho.providers.fake.app import FakeProvider
from sekisho.providers.fake.server import make_server
from tests.support.provider import provider
from tests.support.sse_client import Cut, call


def test_the_server_listens_where_it_was_told() -> None:
    config = make_server(FakeProvider(), "127.0.0.1", 4321).config
    assert (config.host, config.port) == ("127.0.0.1", 4321)


async def test_each_request_of_a_connection_can_be_cut() -> None:
    """The transport must be there for the app on every request, not only on the first one."""
    with provider() as fake:
        for _ in range(2):
            with pytest.raises(Cut):
                async with call("POST", f"{fake.url}/v1/embeddings?fake_cut=", {"model": "m", "input": "x"}):
                    pass
        assert [bill.end for bills in fake.app.book.calls.values() for bill in bills] == ["cut", "cut"]

from __future__ import annotations

import pytest

from sekisho.providers.compatible import PUBLIC, SERVERS
from sekisho.providers.provider import Provider


@pytest.mark.parametrize("row", PUBLIC, ids=lambda row: row.name)
def test_a_public_provider_asks_for_a_key_over_tls(row: Provider) -> None:
    assert row.base_url.startswith("https://")
    assert not row.base_url.endswith("/")
    assert row.key_variables
    assert row.compatible
    assert not row.keyless


@pytest.mark.parametrize("row", SERVERS, ids=lambda row: row.name)
def test_a_server_of_ones_own_may_need_no_key(row: Provider) -> None:
    assert row.keyless
    assert row.compatible
    assert not row.price_key
    assert row.base_url.startswith("http://127.0.0.1:") or not row.base_url


def test_no_address_stands_twice() -> None:
    addresses = [row.base_url for row in PUBLIC]
    assert len(set(addresses)) == len(addresses)

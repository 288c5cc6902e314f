from __future__ import annotations

import re

import pytest

from sekisho.core.errors import OperatorError
from sekisho.ledger.prices import PriceBook
from sekisho.providers.catalog import PROVIDERS, _by_name, find_provider
from sekisho.providers.provider import Provider
from sekisho.wire.registry import BY_NAME

EACH = pytest.mark.parametrize("row", PROVIDERS, ids=lambda row: row.name)


def test_names_are_unique_and_a_double_is_loud() -> None:
    assert len({row.name for row in PROVIDERS}) == len(PROVIDERS)
    with pytest.raises(OperatorError, match="same name"):
        _by_name((*PROVIDERS, PROVIDERS[0]))


@EACH
def test_a_row_is_found_by_its_name(row: Provider) -> None:
    assert find_provider(row.name) is row
    assert re.fullmatch(r"[a-z][a-z0-9_]*", row.name)


@EACH
def test_an_alias_leads_to_its_row(row: Provider) -> None:
    assert all(find_provider(alias) is row for alias in row.aliases)
    assert {pin for pin in (*row.aliases.values(), *row.pins.values()) if pin} <= set(row.dialects)


@EACH
def test_a_row_can_be_called(row: Provider) -> None:
    assert row.dialects
    for service in row.services:
        assert service.dialect in BY_NAME
        assert service.paths
        for path in service.paths.values():
            assert path.whole.startswith("/")
            assert path.streamed is None or path.streamed.startswith("/")
    assert row.base_url == "" or re.fullmatch(r"https?://[^/]+(/[a-z0-9.-]+)*", row.base_url)
    assert row.docs_url.startswith("https://")


@EACH
def test_a_row_has_a_way_to_prove_who_we_are(row: Provider) -> None:
    assert row.keyless or row.key_variables or row.place.__module__ == "sekisho.providers.vertex"


@EACH
def test_prices_are_listed_under_their_key(row: Provider) -> None:
    if row.price_key:
        assert row.price_key in PriceBook.load()._raw
        assert not row.base_url.startswith("http:")


def test_nobody_is_not_found() -> None:
    assert find_provider("nobody") is None

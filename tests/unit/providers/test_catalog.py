from __future__ import annotations

import re

import pytest

from sekisho.core.errors import OperatorError
from sekisho.ledger.prices import PriceBook
from sekisho.providers.catalog import PROVIDERS, _by_name, find_provider
from sekisho.providers.provider import PATHS, Provider
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
def test_a_row_can_be_called(row: Provider) -> None:
    assert row.dialects
    for dialect in row.dialects:
        assert dialect in BY_NAME
        assert "generate" in PATHS[dialect]
    assert row.base_url == "" or re.fullmatch(r"https?://[^/]+(/v1)?", row.base_url)
    assert row.keyless or row.key_variable
    assert row.docs_url.startswith("https://")


@EACH
def test_a_public_provider_has_prices_and_https(row: Provider) -> None:
    if row.price_key:
        assert row.price_key in PriceBook.load()._raw
        assert row.base_url.startswith("https://")
    else:
        assert row.compatible, "a server of one's own has no public prices"


def test_nobody_is_not_found() -> None:
    assert find_provider("nobody") is None


def test_every_path_belongs_to_a_dialect() -> None:
    assert set(PATHS) == set(BY_NAME)
    assert all(path.startswith("/") for paths in PATHS.values() for path in paths.values())

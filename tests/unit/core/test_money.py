from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.core.money import rate_nano_usd_per_mtok, usd_float, usd_text


@pytest.mark.parametrize(("usd", "rate"), [("0.000003", 3_000_000_000), ("0.0000000375", 37_500_000), ("0", 0)])
def test_a_published_price_is_exact(usd: str, rate: int) -> None:
    assert rate_nano_usd_per_mtok(Decimal(usd)) == rate


@given(st.integers(-(10**15), 10**15))
def test_text_is_the_amount(nano: int) -> None:
    text = usd_text(nano)
    assert Decimal(text) * 10**9 == nano
    assert "e" not in text.lower()


def test_a_float_is_for_display() -> None:
    assert usd_float(1_500_000_000) == 1.5

from __future__ import annotations

from decimal import Decimal

from sekisho.canonical.usage import Usage
from sekisho.ledger.prices import PriceBook
from sekisho.ledger.quote import Quote


def test_tokens_cost_what_the_rates_say_and_nothing_is_known_without() -> None:
    costs = {"input_cost_per_token": Decimal("0.000002"), "output_cost_per_token": Decimal("0.00001")}
    usage = Usage(input_tokens=1000, output_tokens=10)
    assert Quote("m", "openai", PriceBook.load().resolve("", "m", costs)).cost_nano_usd(usage) == 2_100_000
    assert Quote("m", "openai", None).cost_nano_usd(usage) is None

from __future__ import annotations

from decimal import Decimal

import pytest

from sekisho.canonical.usage import Usage
from sekisho.core.clock import FakeClock
from sekisho.ledger.prices import PriceBook, unread_costs

TABLE = b"""{"version": "made up 1", "date": "2026-01-02", "providers": {
"maker": {"fallback": [], "models": [
  {"id": "image", "match": {"equals": "big-image"}},
  {"id": "big", "match": {"or": [{"starts_with": "big"}, {"contains": "/big"}]},
   "standard": [[null, null, {"input": [4000000000, [200000, 8000000000]],
                              "cache_read": 400000000, "output": 20000000000}]],
   "flex": [[null, null, {"input": 2000000000, "output": 10000000000}]]},
  {"id": "dated", "match": {"and": [{"regex": "^dated"}, {"ends_with": "-2026-01-31"}]},
   "standard": [[null, null, {"input": 1000000000}]]}]},
"cloud": {"fallback": ["maker"], "models": []}}}"""
BOOK = PriceBook(TABLE, FakeClock())


def cost(price_key: str, model: str, costs: dict[str, str], usage: Usage, mode: str = "standard") -> int | None:
    rates = BOOK.resolve(price_key, model, {key: Decimal(text) for key, text in costs.items()})
    return None if rates is None else rates.cost_nano_usd(usage, service_tier=mode)


ONE = Usage(input_tokens=1_000, output_tokens=100)


def test_a_known_model_has_the_tables_price_and_names_the_table() -> None:
    rates = BOOK.resolve("maker", "big-1", {})
    assert rates is not None
    assert rates.cost_nano_usd(ONE) == 4_000_000 + 2_000_000
    assert rates.version == "made up 1 (2026-01-02)"


@pytest.mark.parametrize(
    ("price_key", "model"), [("maker", "other"), ("nobody", "big"), ("", "big"), ("maker", "big-image"), ("cloud", "x")]
)
def test_an_unknown_price_is_none(price_key: str, model: str) -> None:
    assert BOOK.resolve(price_key, model, {}) is None


def test_a_name_is_recognised_in_any_case_and_with_a_compact_date() -> None:
    assert cost("maker", "BIG", {}, ONE) == 6_000_000
    assert cost("maker", "dated-20260131", {}, ONE) == 1_000_000


def test_a_cloud_sells_its_makers_models_at_the_standard_price_only() -> None:
    assert cost("cloud", "x/big", {}, ONE) == 6_000_000
    assert cost("cloud", "x/big", {}, ONE, "flex") == 6_000_000
    assert cost("maker", "x/big", {}, ONE, "flex") == 3_000_000


def test_cost_keys_price_a_model_that_the_table_does_not_know() -> None:
    costs = {"input_cost_per_token": "2.5e-6", "output_cost_per_token": "1e-5"}
    rates = BOOK.resolve("", "mine", {key: Decimal(text) for key, text in costs.items()})
    assert rates is not None
    assert rates.cost_nano_usd(ONE) == 2_500_000 + 1_000_000
    assert rates.version.startswith("config:")


def test_a_cost_key_replaces_its_kind_and_leaves_the_others() -> None:
    override = {"input_cost_per_token": "1e-6"}
    usage = Usage(input_tokens=300_000, cache_read_tokens=1_000, output_tokens=100)
    assert cost("maker", "big", override, usage) == 300_000_000 + 400_000 + 2_000_000
    assert cost("maker", "big", override, ONE, "flex") == 1_000_000 + 1_000_000


def test_a_tier_can_be_overridden_alone() -> None:
    override = {"input_cost_per_token_above_200k_tokens": "5e-6"}
    assert cost("maker", "big", override, Usage(input_tokens=200_000)) == 800_000_000
    assert cost("maker", "big", override, Usage(input_tokens=200_001)) == 1_000_005_000


def test_ways_of_processing_have_keys_of_their_own() -> None:
    override = {
        "input_cost_per_token": "1e-6",
        "input_cost_per_token_priority": "3e-6",
        "input_cost_per_token_batches": "0",
    }
    costs = [cost("maker", "big", override, Usage(input_tokens=10), mode) for mode in ("standard", "priority", "batch")]
    assert costs == [10_000, 30_000, 0]


def test_every_kind_has_its_cost_key() -> None:
    override = {
        "input_cost_per_token": "1e-6",
        "output_cost_per_token": "2e-6",
        "output_cost_per_reasoning_token": "3e-6",
        "cache_read_input_token_cost": "4e-6",
        "cache_creation_input_token_cost": "5e-6",
        "cache_creation_input_token_cost_above_1hr": "6e-6",
        "cache_creation_input_token_cost_above_1hr_above_200k_tokens": "7e-6",
    }
    usage = Usage(
        input_tokens=1,
        cache_read_tokens=1,
        cache_write_tokens=2,
        cache_write_1h_tokens=1,
        output_tokens=2,
        reasoning_tokens=1,
    )
    assert cost("", "mine", override, usage) == 1_000 * (1 + 4 + 5 + 6 + 2 + 3)
    long = Usage(cache_write_tokens=200_001, cache_write_1h_tokens=200_001)
    assert cost("", "mine", override, long) == 200_001 * 7_000


def test_a_model_declared_free_is_free_in_every_kind() -> None:
    free = {"input_cost_per_token": "0", "output_cost_per_token": "0"}
    usage = Usage(input_tokens=5, cache_read_tokens=300_000, cache_write_tokens=7, output_tokens=9)
    assert cost("maker", "big", free, usage) == 0
    assert cost("", "mine", free, usage) == 0


def test_an_output_price_alone_prices_nothing() -> None:
    assert cost("", "mine", {"output_cost_per_token": "1e-6"}, ONE) is None


def test_the_version_names_the_overrides_and_what_lies_beneath() -> None:
    def version(model: str, text: str) -> str:
        rates = BOOK.resolve("maker", model, {"input_cost_per_token": Decimal(text)})
        assert rates is not None
        return rates.version

    assert version("big", "1e-6") == version("big", "0.0000010")
    assert len({version("big", "1e-6"), version("big", "2e-6"), version("unknown", "1e-6")}) == 3


def test_costs_that_no_rate_is_made_of_are_named() -> None:
    costs = {
        "input_cost_per_second": Decimal(1),
        "input_cost_per_token_flex": Decimal(1),
        "ocr_cost_per_page": Decimal(1),
    }
    assert unread_costs(costs) == ("input_cost_per_second", "ocr_cost_per_page")


DAY_US = 86_400_000_000


def dated_cost(model: str, costs: dict[str, str], dated: list[tuple[int, dict[str, str]]], at_us: int) -> int | None:
    later = [(from_us, usd(each)) for from_us, each in dated]
    rates = BOOK.resolve("maker", model, usd(costs), "", later)
    return None if rates is None else rates.cost_nano_usd(ONE, at_us=at_us)


def usd(costs: dict[str, str]) -> dict[str, Decimal]:
    return {key: Decimal(text) for key, text in costs.items()}


@pytest.mark.parametrize(
    ("at_us", "expected"),
    [
        (0, 6_000_000),
        (10 * DAY_US - 1, 6_000_000),
        (10 * DAY_US, 3_000_000 + 2_000_000),
        (20 * DAY_US - 1, 3_000_000 + 2_000_000),
        (20 * DAY_US, 3_000_000 + 500_000),
        (90 * DAY_US, 3_000_000 + 500_000),
    ],
)
def test_prices_hold_from_their_day_on_over_the_table_and_over_earlier_ones(at_us: int, expected: int) -> None:
    dated = [(10 * DAY_US, {"input_cost_per_token": "3e-6"}), (20 * DAY_US, {"output_cost_per_token": "5e-6"})]
    assert dated_cost("big", {}, dated, at_us) == expected


def test_cost_keys_without_a_day_hold_before_the_first() -> None:
    flat = {"input_cost_per_token": "1e-6", "output_cost_per_token": "1e-6"}
    dated = [(DAY_US, {"input_cost_per_token": "2e-6"})]
    assert dated_cost("nobody knows", flat, dated, 0) == 1_100_000
    assert dated_cost("nobody knows", flat, dated, DAY_US) == 2_100_000


def test_the_first_known_price_holds_before_its_day_where_nobody_knew_another() -> None:
    dated = [(DAY_US, {"output_cost_per_token": "1e-6"}), (2 * DAY_US, {"input_cost_per_token": "2e-6"})]
    assert dated_cost("nobody knows", {}, dated[:1], 0) is None
    assert dated_cost("nobody knows", {}, dated, 0) == 2_100_000


def test_a_model_may_become_free_and_cost_again() -> None:
    free = {"input_cost_per_token": "0", "output_cost_per_token": "0"}
    dated = [(DAY_US, free), (2 * DAY_US, {"output_cost_per_token": "1e-6"})]
    assert [dated_cost("big", {}, dated, day * DAY_US) for day in range(3)] == [6_000_000, 0, 100_000]


def test_a_way_of_processing_keeps_its_price_until_it_is_given_another() -> None:
    rates = BOOK.resolve("maker", "big", {}, "", [(DAY_US, usd({"input_cost_per_token_flex": "1e-6"}))])
    assert rates is not None
    assert rates.cost_nano_usd(ONE, service_tier="flex", at_us=0) == 3_000_000
    assert rates.cost_nano_usd(ONE, service_tier="flex", at_us=DAY_US) == 2_000_000
    assert rates.cost_nano_usd(ONE, at_us=DAY_US) == 6_000_000


def test_other_dates_are_another_version() -> None:
    one = [(DAY_US, usd({"input_cost_per_token": "3e-6"}))]
    versions = [BOOK.resolve("maker", "big", {}, "", dated) for dated in (one, one, [(2 * DAY_US, one[0][1])], [])]
    first, again, moved, none = (rates.version for rates in versions if rates is not None)
    assert first == again
    assert len({first, moved, none}) == 3


def test_the_longest_prompt_of_a_model_is_not_below_what_it_takes() -> None:
    book = PriceBook.load()
    assert (book.window("anthropic", "claude-sonnet-4-5-20250929") or 0) >= 200_000
    assert (book.window("google", "gemini-2.5-flash") or 0) >= 1_048_576
    assert (book.window("aws", "us.anthropic.claude-sonnet-4-5-20250929-v1:0") or 0) >= 200_000
    assert book.window("openai", "nobody") is None
    assert book.window("", "gpt-5") is None

from __future__ import annotations

import functools
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.usage import Usage
from sekisho.core.clock import FakeClock
from sekisho.ledger.rates import STANDARD, Phase, Price, Rates, Sheet, scaled

counts = st.integers(min_value=0, max_value=10**9)


def rates(sheet: Sheet, **modes: Sheet) -> Rates:
    phases = {mode: (Phase(sheet=each),) for mode, each in {STANDARD: sheet, **modes}.items()}
    return Rates.of("test", phases, FakeClock())


@given(plain=counts, read=counts, write=counts, output=counts, price=st.integers(min_value=0, max_value=10**12))
def test_a_cost_is_the_exact_amount_rounded_once(plain: int, read: int, write: int, output: int, price: int) -> None:
    sheet = {"input": Price(price), "cache_read": Price(price // 10), "output": Price(price * 5 + 1)}
    usage = Usage(input_tokens=plain, cache_read_tokens=read, cache_write_tokens=write, output_tokens=output)
    exact = Fraction((plain + write) * price + read * (price // 10) + output * (price * 5 + 1), 1_000_000)
    assert abs(rates(sheet).cost_nano_usd(usage) - exact) <= Fraction(1, 2)


def test_each_kind_has_its_price() -> None:
    sheet = {
        "input": Price(1_000_000),
        "cache_read": Price(2_000_000),
        "cache_write": Price(3_000_000),
        "cache_write_1h": Price(5_000_000),
        "output": Price(7_000_000),
        "reasoning": Price(11_000_000),
    }
    usage = Usage(
        input_tokens=1,
        cache_read_tokens=10,
        cache_write_tokens=300,
        cache_write_1h_tokens=100,
        output_tokens=5_000,
        reasoning_tokens=1_000,
    )
    assert rates(sheet).cost_nano_usd(usage) == 1 + 20 + 200 * 3 + 100 * 5 + 4_000 * 7 + 1_000 * 11


def test_a_kind_without_a_price_costs_what_stands_in_for_it() -> None:
    known = rates({"input": Price(1_000_000), "cache_write": Price(3_000_000), "output": Price(2_000_000)})
    assert known.cost_nano_usd(Usage(cache_read_tokens=10)) == 10
    assert known.cost_nano_usd(Usage(cache_write_tokens=10, cache_write_1h_tokens=10)) == 30
    assert known.cost_nano_usd(Usage(output_tokens=10, reasoning_tokens=10)) == 20


@pytest.mark.parametrize(("prompt", "cost"), [(200_000, 200_000), (200_001, 400_002), (272_001, 816_003)])
def test_the_tier_is_chosen_by_all_prompt_tokens(prompt: int, cost: int) -> None:
    stepped = rates({"input": Price(1_000_000, ((200_000, 2_000_000), (272_000, 3_000_000)))})
    assert stepped.cost_nano_usd(Usage(input_tokens=1, cache_read_tokens=prompt - 1)) == cost


def test_a_way_of_processing_has_its_price_or_the_standard_one() -> None:
    both = rates({"input": Price(2_000_000)}, batch={"input": Price(1_000_000)})
    usage = Usage(input_tokens=10)
    assert [both.cost_nano_usd(usage, service_tier=mode) for mode in ("standard", "batch", "flex")] == [20, 10, 20]


def test_prices_change_with_time() -> None:
    clock = FakeClock(0)
    phases = (
        Phase(sheet={"input": Price(1_000_000)}),
        Phase(sheet={"input": Price(2_000_000)}, from_us=86_400_000_000),
        Phase(sheet={"input": Price(5_000_000)}, daily_seconds=(82_800, 3_600)),
    )
    changing = Rates.of("test", {STANDARD: phases}, clock)
    usage = Usage(input_tokens=1)
    seen = []
    for _ in range(4):
        seen.append(changing.cost_nano_usd(usage))
        clock.advance(43_200)
    assert seen == [5, 1, 5, 2]
    assert changing.cost_nano_usd(usage, at_us=40_000_000_000) == 1


def test_the_base_prices_can_be_read() -> None:
    shown = rates({"input": Price(1, ((200_000, 9),)), "cache_read": Price(2), "output": Price(4)})
    assert (shown.input, shown.output, shown.cache_read, shown.cache_write) == (1, 4, 2, 1)


def test_the_tier_that_was_served_holds_over_the_one_asked_for() -> None:
    known = rates({"input": Price(2_000_000)}, priority={"input": Price(4_000_000)})
    asked, served = Usage(input_tokens=10), Usage(input_tokens=10, service_tier="default")
    assert known.cost_nano_usd(asked, service_tier="priority") == 40
    assert known.cost_nano_usd(served, service_tier="priority") == 20
    assert known.cost_nano_usd(Usage(input_tokens=10, service_tier="SERVICE_TIER_PRIORITY")) == 40


def test_a_geography_multiplies_the_whole_amount() -> None:
    known = Rates.of("test", {STANDARD: (Phase(sheet={"input": Price(1_000_000)}),)}, FakeClock(), {"us": (11, 10)})
    assert known.cost_nano_usd(Usage(input_tokens=100, inference_geo="us")) == 110
    assert known.cost_nano_usd(Usage(input_tokens=100, inference_geo="global")) == 100


KINDS_OF_TOKEN = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")
prices = st.integers(0, 10**11)
usages = st.builds(
    Usage, **{name: st.integers(0, 10**7) for name in KINDS_OF_TOKEN}, service_tier=st.sampled_from([None, "flex"])
)
sheets = st.builds(
    lambda base, step: {"input": Price(base, ((200_000, base + step),)), "output": Price(base * 5)}, prices, prices
)


@given(sheets, sheets, usages, st.sampled_from(KINDS_OF_TOKEN), st.integers(0, 10**6))
def test_more_tokens_never_cost_less(sheet: Sheet, flex: Sheet, usage: Usage, kind: str, more: int) -> None:
    known = rates(sheet, flex=flex)
    grown = msgspec.structs.replace(usage, **{kind: getattr(usage, kind) + more})
    cost = known.cost_nano_usd(usage)
    assert isinstance(cost, int)
    assert 0 <= cost <= known.cost_nano_usd(grown)


@given(prices, st.lists(usages, min_size=1, max_size=5))
def test_the_cost_of_calls_of_one_tier_adds_up_to_the_cost_of_their_tokens(price: int, calls: list[Usage]) -> None:
    known = rates({"input": Price(price), "output": Price(price * 5)})
    together = functools.reduce(Usage.plus, calls)
    apart = sum(known.cost_nano_usd(call) for call in calls)
    assert abs(known.cost_nano_usd(together) - apart) <= len(calls)


@given(sheets, st.integers(1, 20), st.integers(1, 20), usages)
def test_a_scaled_price_costs_its_ratio(sheet: Sheet, times: int, parts: int, usage: Usage) -> None:
    (phase,) = scaled((Phase(sheet=sheet),), (times, parts))
    exact = Fraction(rates(sheet).cost_nano_usd(usage) * times, parts)
    # Each price is rounded once (half a nano-USD a million tokens), and so are both amounts.
    assert abs(rates(phase.sheet).cost_nano_usd(usage) - exact) <= 40 + Fraction(times, parts)


def test_the_dearest_geography_is_found() -> None:
    plain = rates({"input": Price(1)})
    assert plain.dearest_geography is None
    many = msgspec.structs.replace(plain, geographies={"us": (11, 10), "jp": (6, 5), "eu": (9, 8)})
    assert many.dearest_geography == "jp"


def test_daily_prices_may_begin_on_a_day() -> None:
    phase = Phase(sheet={}, from_us=86_400_000_000, daily_seconds=(0, 3_600))
    assert [phase.holds(hour * 3_600_000_000) for hour in (0, 23, 24, 25, 48)] == [False, False, True, False, True]

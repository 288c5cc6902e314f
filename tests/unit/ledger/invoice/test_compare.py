from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.ledger.invoice.billed import KINDS, Billed, Layout, LeftOut
from sekisho.ledger.invoice.compare import Compared, Invoice
from sekisho.store.billed import UsedModel

DAY = dt.date(2026, 3, 22)
DAY_US = 1_774_137_600_000_000
COSTS = Layout(name="costs", needs=frozenset(), providers=(), read=lambda _line: (), costs=True)
TOKENS = Layout(name="tokens", needs=frozenset(), providers=(), read=lambda _line: (), kinds=KINDS)


def used(model: str = "claude-opus-4-6-20260101", day: int = 0, **changes: int) -> UsedModel:
    fields: dict[str, Any] = dict.fromkeys(UsedModel.__struct_fields__, 0)
    named = {"day_us": DAY_US + day * 86_400_000_000, "provider": "p", "model": model, "calls": 1}
    return UsedModel(**(fields | named | changes))


def compared(
    layout: Layout,
    billed: Sequence[Billed | LeftOut],
    ours: Sequence[UsedModel],
    *,
    same: Mapping[str, str] = {},
    tolerance: str = "0",
) -> list[Compared]:
    invoice = Invoice(layout, same)
    invoice.add(billed, lambda _day: True)
    return invoice.compare(ours, lambda each: each.model, Decimal(tolerance))


def test_what_agrees_and_what_does_not() -> None:
    billed = [
        Billed(day=DAY, model="Claude Opus 4.6", cost_usd=Decimal("1.5")),
        Billed(day=DAY, model="Claude Opus 4.6", cost_usd=Decimal("0.25")),
        Billed(day=DAY, model="Claude Haiku 4.5", cost_usd=Decimal(1)),
    ]
    ours = [used(cost_nano_usd=1_750_000_000), used("claude-haiku-4-5", cost_nano_usd=750_000_000, unpriced=2)]
    haiku, opus = compared(COSTS, billed, ours)
    assert (opus.within, opus.difference, opus.percent) == (True, Decimal(0), Decimal(0))
    assert (haiku.within, haiku.difference, haiku.percent) == (False, Decimal("-0.25"), Decimal(-25))
    assert (haiku.theirs, haiku.ours, haiku.unpriced) == (Decimal(1), Decimal("0.75"), 2)
    assert haiku.missing == ""


def test_what_one_side_does_not_have_at_all() -> None:
    billed = [Billed(day=DAY, model="theirs", cost_usd=Decimal(1))]
    rows = compared(COSTS, billed, [used("ours", cost_nano_usd=1), used("ours", day=1, cost_nano_usd=2), used("idle")])
    assert [(row.day.day, row.model, row.missing, row.percent, row.within) for row in rows] == [
        (22, "ours", "file", None, False),
        (22, "theirs", "ledger", -100, False),
        (23, "ours", "file", None, False),
    ]


def test_tokens_by_kind_as_the_export_counts_them() -> None:
    tokens = {"input": 100, "cache_read": 7, "output": 5}
    ours = used(
        "m", input_tokens=60, cache_write_tokens=40, cache_write_1h_tokens=10, cache_read_tokens=7, output_tokens=4
    )
    rows = compared(TOKENS, [Billed(day=DAY, model="m", tokens=tokens)], [ours])
    assert {row.what: row.difference for row in rows if not row.within} == {
        "input": -40,
        "cache_write": 30,
        "cache_write_1h": 10,
        "output": -1,
    }
    folded = msgspec.structs.replace(
        TOKENS, kinds=("input", "cache_read", "output"), folds={"cache_write": "input", "cache_write_1h": "input"}
    )
    rows = compared(folded, [Billed(day=DAY, model="m", tokens=tokens)], [ours])
    assert {row.what: row.difference for row in rows if not row.within} == {"output": -1}


def test_tokens_in_an_unknown_unit_are_not_compared() -> None:
    both = msgspec.structs.replace(TOKENS, costs=True)
    billed = [
        Billed(day=DAY, model="m", cost_usd=Decimal(1), vague=True),
        Billed(day=DAY, model="m", tokens={"input": 5}),
    ]
    rows = compared(both, billed, [used("m", cost_nano_usd=10**9, input_tokens=9)])
    assert [(row.what, row.within) for row in rows] == [("USD", True)]


@pytest.mark.parametrize(
    ("ours", "rounded", "tolerance", "within"),
    [
        (1_009_000_000, "0", "0", False),
        (1_009_000_000, "0", "0.9", True),
        (1_009_000_000, "0", "0.8", False),
        (1_009_000_000, "0.005", "0", True),  # two lines, each rounded by half a cent
        (1_011_000_000, "0.005", "0", False),
        (1_000_000_001, "0", "0", True),  # two calls, each rounded by half a billionth
        (1_000_000_002, "0", "0", False),
    ],
)
def test_what_rounding_and_tolerance_explain(ours: int, rounded: str, tolerance: str, within: bool) -> None:  # noqa: FBT001
    layout = msgspec.structs.replace(COSTS, rounded_usd=Decimal(rounded))
    billed = [Billed(day=DAY, model="m", cost_usd=Decimal("0.5"))] * 2
    (row,) = compared(layout, billed, [used("m", cost_nano_usd=ours, calls=2)], tolerance=tolerance)
    assert row.within is within


def test_names_that_are_not_alike_may_be_said_to_be_the_same() -> None:
    billed = [Billed(day=DAY, model="MistralSmall", cost_usd=Decimal(1))]
    ours = [used("mistral.mistral-small-2402-v1:0", cost_nano_usd=10**9)]
    assert len(compared(COSTS, billed, ours)) == 2
    (row,) = compared(COSTS, billed, ours, same={"MistralSmall": "mistral.mistral-small-2402-v1:0"})
    assert (row.within, row.missing) == (True, "")


def test_an_export_without_models_is_compared_by_day() -> None:
    billed = [Billed(day=DAY, model="", cost_usd=Decimal(3))]
    (row,) = compared(COSTS, billed, [used("a", cost_nano_usd=10**9), used("b", cost_nano_usd=2 * 10**9)])
    assert (row.model, row.within) == ("all models", True)


def test_what_is_left_out_is_told_by_reason() -> None:
    invoice = Invoice(COSTS, {})
    lines: list[Billed | LeftOut] = [
        LeftOut("Tax", Decimal(1)),
        LeftOut("Tax", Decimal(2)),
        Billed(day=DAY, model="m", cost_usd=Decimal(4)),
    ]
    invoice.add(lines, lambda _day: True)
    invoice.add([Billed(day=dt.date(2026, 4, 1), model="m", cost_usd=Decimal(8))], lambda day: day.month == 3)
    assert invoice.left_out == {"Tax": (2, Decimal(3)), "other days": (1, Decimal(8))}
    assert invoice.days == (DAY, DAY)
    assert Invoice(COSTS, {}).days is None


amounts = st.lists(
    st.tuples(st.sampled_from(["gpt-5", "gpt-4o"]), st.integers(0, 2), st.integers(0, 10**12)), max_size=12
)


@given(amounts)
def test_the_ledger_agrees_with_an_export_of_itself_to_the_last_digit(calls: list[tuple[str, int, int]]) -> None:
    billed = [
        Billed(day=DAY + dt.timedelta(day), model=model, cost_usd=Decimal(nano) / 10**9) for model, day, nano in calls
    ]
    ours = [used(model, day, cost_nano_usd=nano, calls=0) for model, day, nano in calls]
    rows = compared(COSTS, billed, ours)
    assert all(row.within and not row.difference for row in rows)
    assert sum(row.theirs for row in rows) == Decimal(sum(nano for *_, nano in calls)) / 10**9

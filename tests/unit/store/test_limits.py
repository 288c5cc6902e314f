from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.store.limits import NO_LIMITS, BudgetWindow, Limits, decode_limits, encode_limits, laid_over

MONTH = BudgetWindow(max_budget_nano_usd=7, budget_duration="1mo")


def test_no_limits_are_an_empty_text() -> None:
    assert encode_limits(NO_LIMITS) == "{}"
    assert decode_limits(None) is decode_limits("{}") is NO_LIMITS


AMOUNTS = st.none() | st.integers(min_value=0, max_value=2**63 - 1)
WINDOWS = st.builds(BudgetWindow, max_budget_nano_usd=st.integers(0), budget_duration=st.none() | st.text())
LIMITS = st.builds(
    Limits,
    max_budget_nano_usd=AMOUNTS,
    soft_budget_nano_usd=AMOUNTS,
    budget_duration=st.none() | st.text(),
    windows=st.lists(WINDOWS).map(tuple),
    model_max_budget=st.dictionaries(st.text(), WINDOWS),
    rpm_limit=AMOUNTS,
    model_tpm_limit=st.dictionaries(st.text(), st.integers(0)),
    increase_until_us=AMOUNTS,
    mode=st.sampled_from(["hard", "expected"]),
)


@given(LIMITS)
def test_what_is_written_is_read(limits: Limits) -> None:
    assert decode_limits(encode_limits(limits)) == limits


def test_a_limit_of_nothing_is_not_no_limit() -> None:
    text = encode_limits(Limits(max_budget_nano_usd=0, rpm_limit=0))
    assert decode_limits(text) == Limits(max_budget_nano_usd=0, rpm_limit=0) != NO_LIMITS


def test_a_field_of_a_later_version_is_passed_over_and_a_wrong_type_is_not() -> None:
    assert decode_limits('{"rpm_limit":3,"moons":1}') == Limits(rpm_limit=3)
    with pytest.raises(msgspec.ValidationError):
        decode_limits('{"rpm_limit":"many"}')


def test_a_scope_of_a_shared_budget_keeps_what_it_sets_itself() -> None:
    shared = Limits(max_budget_nano_usd=5, budget_duration="1d", model_max_budget={"m": MONTH})
    assert laid_over(NO_LIMITS, shared) == shared
    assert laid_over(Limits(rpm_limit=1), NO_LIMITS) == Limits(rpm_limit=1)
    both = laid_over(Limits(max_budget_nano_usd=0, windows=(MONTH,)), shared)
    assert (both.max_budget_nano_usd, both.budget_duration, both.windows) == (0, "1d", (MONTH,))

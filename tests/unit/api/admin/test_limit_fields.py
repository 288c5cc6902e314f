from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from sekisho.api.admin.limit_fields import LIMIT_FIELDS, LimitFields, limits_from
from sekisho.api.admin.limit_rows import limit_row, metadata_row
from sekisho.core.errors import MalformedRequest
from sekisho.core.money import nano_usd
from sekisho.store.limits import NO_LIMITS, BudgetWindow, Limits
from tests.support.ledger import NOW_US

EVERYTHING: dict[str, Any] = {
    "max_budget": 10.5,
    "soft_budget": 8.0,
    "budget_duration": "30d",
    "budget_limits": [{"max_budget": 1.0, "budget_duration": "1d"}],
    "model_max_budget": {"gpt-5": {"budget_limit": 0.1, "time_period": "1d"}},
    "tpm_limit": 1000,
    "rpm_limit": 10,
    "max_parallel_requests": 2,
    "model_tpm_limit": {"m": 5},
    "model_rpm_limit": {"m": 1},
    "temp_budget_increase": 5.0,
    "temp_budget_expiry": "2030-01-01T00:00:00Z",
    "input_tpm_limit": 7,
    "output_tpm_limit": 8,
    "time_zone": "Asia/Tokyo",
    "budget_mode": "expected",
}


def read(sent: dict[str, Any], present: Limits = NO_LIMITS) -> Limits:
    return limits_from(LimitFields.model_validate(sent), present)


def test_every_field_is_read() -> None:
    assert EVERYTHING.keys() == LIMIT_FIELDS
    limits = read(EVERYTHING)
    assert limits == Limits(
        max_budget_nano_usd=10_500_000_000,
        soft_budget_nano_usd=8_000_000_000,
        budget_duration="30d",
        windows=(BudgetWindow(max_budget_nano_usd=1_000_000_000, budget_duration="1d"),),
        model_max_budget={"gpt-5": BudgetWindow(max_budget_nano_usd=100_000_000, budget_duration="1d")},
        tpm_limit=1000,
        rpm_limit=10,
        max_parallel_requests=2,
        model_tpm_limit={"m": 5},
        model_rpm_limit={"m": 1},
        increase_nano_usd=5_000_000_000,
        increase_until_us=1_893_456_000_000_000,
        input_tpm_limit=7,
        output_tpm_limit=8,
        time_zone="Asia/Tokyo",
        mode="expected",
    )


def test_what_is_shown_can_be_sent_back() -> None:
    limits = read(EVERYTHING)
    shown = limit_row(limits, NOW_US) | metadata_row({}, limits)
    assert read({name: value for name, value in shown.items() if name in LIMIT_FIELDS}) == limits


def test_null_unsets_each_and_absence_leaves_it() -> None:
    limits = read(EVERYTHING)
    assert read({}, limits) == limits
    assert read(dict.fromkeys(EVERYTHING), limits) == NO_LIMITS
    assert read({"max_budget": "", "budget_duration": ""}, limits).max_budget_nano_usd is None


def test_zero_is_a_limit() -> None:
    assert read({"max_budget": 0, "tpm_limit": 0}) == Limits(max_budget_nano_usd=0, tpm_limit=0)


@pytest.mark.parametrize(
    "sent", [{"m": 1.5}, {"m": {"max_budget": 1.5}}, {"m": {"budget_limit": 1.5, "budget_duration": None}}]
)
def test_a_models_budget_is_spelt_in_several_ways(sent: dict[str, Any]) -> None:
    assert read({"model_max_budget": sent}).model_max_budget["m"].max_budget_nano_usd == 1_500_000_000


@pytest.mark.parametrize(
    ("sent", "param"),
    [
        ({"budget_duration": "soon"}, "budget_duration"),
        ({"budget_duration": "0d"}, "budget_duration"),
        ({"budget_limits": [{"max_budget": 1, "budget_duration": "1y"}]}, "budget_duration"),
        ({"model_max_budget": {"m": {"budget_limit": 1, "time_period": "x"}}}, "budget_duration"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"model_max_budget": {"m": {}}}, "model_max_budget"),
        ({"temp_budget_increase": 1}, "temp_budget_increase"),
        ({"temp_budget_expiry": "2030-01-01"}, "temp_budget_increase"),
        ({"temp_budget_increase": 1, "temp_budget_expiry": "9999-12-31T23:59:59-12:00"}, "temp_budget_expiry"),
    ],
)
def test_a_limit_that_cannot_be_meant_is_refused_by_name(sent: dict[str, Any], param: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        read(sent)
    assert caught.value.info.param == param


@pytest.mark.parametrize(
    "sent",
    [
        {"max_budget": -1},
        {"max_budget": 1e10},
        {"max_budget": "a lot"},
        {"tpm_limit": -1},
        {"tpm_limit": 1.5},
        {"rpm_limit": 10**18},
        {"model_rpm_limit": {"m": -1}},
        {"budget_limits": [{}]},
        {"budget_limits": [{"max_budget": 1, "budget_duration": "1d"}] * 11},
        {"budget_duration": "\x00"},
        {"budget_mode": "soft"},
    ],
)
def test_a_limit_that_is_none_is_refused(sent: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        read(sent)


@pytest.mark.parametrize(("usd", "nano"), [(0.1, 100_000_000), (0.3, 300_000_000), (1e9, 10**18), (1e-9, 1), (0, 0)])
def test_dollars_become_what_they_show(usd: float, nano: int) -> None:
    assert nano_usd(usd) == nano

from __future__ import annotations

from typing import Any

import pytest

from sekisho.cli.litellm.fields import (
    CannotImport,
    at_us,
    document,
    documents,
    limits_of,
    metadata_of,
    names,
    spend,
    stamps,
)
from sekisho.cli.litellm.findings import Findings
from sekisho.store.limits import NO_LIMITS, BudgetWindow, Limits
from tests.support.litellm_rows import NOW_US


def test_money_is_what_its_digits_say() -> None:
    assert spend({"spend": 0.1 + 0.2}) == 300_000_000
    assert spend({"spend": 0.7, "total_spend": 1.1}, "spend", "total_spend") == 1_100_000_000
    assert spend({"spend": None}) == 0


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("1970-01-01T00:00:01.5", 1_500_000),
        ("1970-01-01T09:00:00+09:00", 0),
        (None, None),
    ],
)
def test_times_are_utc(text: str | None, us: int | None) -> None:
    assert at_us(text) == us


def test_limits_are_read_off_columns_and_metadata() -> None:
    row = {
        "max_budget": 20.5,
        "budget_duration": "30d",
        "tpm_limit": 0,
        "rpm_limit": None,
        "model_max_budget": {"haiku": {"budget_limit": 1, "time_period": "1d", "rpm_limit": 7}, "opus": 2},
        "budget_limits": [{"budget_duration": "1d", "max_budget": 3, "reset_at": "2026-01-01T00:00:00Z"}],
        "metadata": {"model_tpm_limit": {"haiku": 9}, "temp_budget_increase": None},
    }
    assert limits_of(row) == Limits(
        max_budget_nano_usd=20_500_000_000,
        budget_duration="30d",
        tpm_limit=0,
        model_tpm_limit={"haiku": 9},
        model_max_budget={
            "haiku": BudgetWindow(max_budget_nano_usd=1_000_000_000, budget_duration="1d"),
            "opus": BudgetWindow(max_budget_nano_usd=2_000_000_000),
        },
        windows=(BudgetWindow(max_budget_nano_usd=3_000_000_000, budget_duration="1d"),),
    )
    assert limits_of({}) == NO_LIMITS
    assert limits_of({"max_budget": 1e15}) == Limits(max_budget_nano_usd=10**18)


def test_what_is_no_amount_or_no_time_keeps_its_row_out() -> None:
    with pytest.raises(CannotImport, match="no amount"):
        spend({"spend": "NaN"})
    with pytest.raises(CannotImport, match="no time"):
        at_us("infinity")


@pytest.mark.parametrize(
    "row",
    [
        {"max_budget": "Infinity"},
        {"max_budget": -1},
        {"budget_duration": "a year"},
        {"metadata": '{"model_rpm_limit": 3}'},
    ],
)
def test_a_limit_that_cannot_be_read_keeps_its_row_out(row: dict[str, Any]) -> None:
    with pytest.raises(CannotImport):
        limits_of(row)


def test_what_has_no_effect_here_is_told_and_not_stored() -> None:
    findings = Findings()
    metadata = {"guardrails": ["pii"], "tags": [], "model_rpm_limit": {"a": 1}, "prompts": None, "note": "x"}
    row = {"metadata": metadata, "policies": ["p"], "config": {}, "object_permission_id": "1"}
    assert metadata_of(row, "keys", "k", findings) == {"tags": [], "note": "x"}
    assert [what for what, _ in findings] == [
        "keys: metadata.guardrails",
        "keys: object_permission_id",
        "keys: policies",
    ]


def test_json_that_was_written_as_text_is_read_too() -> None:
    assert (document('{"a": 1}'), document("{"), document("[]"), document(None)) == ({"a": 1}, {}, {}, {})
    assert (documents('[{"a": 1}, 2]'), documents([{"a": 1}, None]), documents({})) == ([{"a": 1}], [{"a": 1}], [])
    assert (names(["a", 1]), names(None)) == (("a", "1"), ())


def test_who_made_a_row_stays_known() -> None:
    made = stamps({"created_at": "1970-01-01T00:00:01", "created_by": "abe"}, NOW_US)
    assert (made["created_us"], made["created_by"], made["updated_us"]) == (1_000_000, "abe", NOW_US)
    assert stamps({}, NOW_US)["created_us"] == NOW_US

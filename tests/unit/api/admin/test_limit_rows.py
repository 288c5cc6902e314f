from __future__ import annotations

from sekisho.api.admin.limit_rows import budget_row, iso, limit_row, metadata_row, reset_at, stamps_row, usd
from sekisho.store.directory import BudgetRow
from sekisho.store.limits import NO_LIMITS, BudgetWindow, Limits
from tests.support.ledger import NOW_US

ROW = BudgetRow(
    budget_id="b", limits=Limits(max_budget_nano_usd=5), created_us=NOW_US, created_by="me", updated_us=NOW_US
)


def test_times_are_iso_in_utc() -> None:
    assert iso(NOW_US + 1) == "2023-11-14T22:13:20.000001Z"
    assert iso(None) is None


def test_money_is_shown_in_dollars() -> None:
    assert (usd(1_500_000_000), usd(0), usd(None)) == (1.5, 0.0, None)


def test_a_period_ends_in_its_own_time_zone() -> None:
    assert reset_at("1d", "UTC", NOW_US) == "2023-11-15T00:00:00.000000Z"
    assert reset_at("1d", "Asia/Tokyo", NOW_US) == "2023-11-15T15:00:00.000000Z"
    assert reset_at(None, "UTC", NOW_US) is None


def test_nothing_set_is_shown_as_litellm_shows_it() -> None:
    assert limit_row(NO_LIMITS, NOW_US) == {
        "max_budget": None,
        "soft_budget": None,
        "budget_duration": None,
        "budget_reset_at": None,
        "budget_limits": None,
        "model_max_budget": {},
        "tpm_limit": None,
        "rpm_limit": None,
        "max_parallel_requests": None,
    }


def test_a_further_window_says_when_it_ends() -> None:
    window = BudgetWindow(max_budget_nano_usd=10**9, budget_duration="1h")
    shown = limit_row(Limits(windows=(window,)), NOW_US)["budget_limits"]
    assert shown == [{"max_budget": 1.0, "budget_duration": "1h", "reset_at": "2023-11-14T23:00:00.000000Z"}]


def test_limits_that_litellm_keeps_in_the_metadata_are_shown_there() -> None:
    assert metadata_row({"a": 1}, Limits(model_rpm_limit={"m": 2})) == {"a": 1, "model_rpm_limit": {"m": 2}}
    assert metadata_row({"a": 1}, NO_LIMITS) == {"a": 1}


def test_a_budget_is_shown_with_its_maker() -> None:
    shown = budget_row(ROW, NOW_US)
    assert (shown["budget_id"], shown["created_by"], shown["max_budget"]) == ("b", "me", 5e-9)
    assert stamps_row(ROW)["updated_at"] == iso(NOW_US)

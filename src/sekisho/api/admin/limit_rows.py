"""Limits as LiteLLM shows them.

Flows in: a `Limits` (nano-USD). Flows out: JSON values (USD as floats, for display). Must stay true: each field that
`limit_fields.py` reads is shown under the same name, so that what was read can be sent back.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sekisho.core.money import usd_float
from sekisho.limits.periods import period_at
from sekisho.store.directory import BudgetRow
from sekisho.store.limits import BudgetWindow, Limits


def iso(time_us: int | None) -> str | None:
    """Epoch µs as ISO 8601 in UTC."""
    if time_us is None:
        return None
    moment = dt.datetime.fromtimestamp(time_us // 1_000_000, dt.UTC).replace(microsecond=time_us % 1_000_000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def usd(nano_usd: int | None) -> float | None:
    """For display; None stays None."""
    return None if nano_usd is None else usd_float(nano_usd)


def limit_row(limits: Limits, now_us: int) -> dict[str, Any]:
    """The fields of any object that has limits. Our own stand there only where they are set."""
    own = {
        "input_tpm_limit": limits.input_tpm_limit,
        "output_tpm_limit": limits.output_tpm_limit,
        "time_zone": None if limits.time_zone == "UTC" else limits.time_zone,
        "budget_mode": None if limits.mode == "hard" else limits.mode,
    }
    return {
        "max_budget": usd(limits.max_budget_nano_usd),
        "soft_budget": usd(limits.soft_budget_nano_usd),
        "budget_duration": limits.budget_duration,
        "budget_reset_at": reset_at(limits.budget_duration, limits.time_zone, now_us),
        "budget_limits": [_window(window, limits.time_zone, now_us) for window in limits.windows] or None,
        "model_max_budget": {name: _model(window) for name, window in limits.model_max_budget.items()},
        "tpm_limit": limits.tpm_limit,
        "rpm_limit": limits.rpm_limit,
        "max_parallel_requests": limits.max_parallel_requests,
    } | {name: value for name, value in own.items() if value is not None}


def metadata_row(metadata: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """Metadata with the limits that LiteLLM keeps there."""
    kept: dict[str, Any] = {
        "model_rpm_limit": limits.model_rpm_limit,
        "model_tpm_limit": limits.model_tpm_limit,
        "temp_budget_increase": usd(limits.increase_nano_usd),
        "temp_budget_expiry": iso(limits.increase_until_us),
    }
    return metadata | {name: value for name, value in kept.items() if value}


def budget_row(row: BudgetRow, now_us: int) -> dict[str, Any]:
    """A row of LiteLLM's budget table."""
    return {"budget_id": row.budget_id} | limit_row(row.limits, now_us) | stamps_row(row)


def stamps_row(row: Any) -> dict[str, Any]:
    """Who made a row and changed it last, and when."""
    return {
        "created_at": iso(row.created_us),
        "created_by": row.created_by,
        "updated_at": iso(row.updated_us),
        "updated_by": row.updated_by,
    }


def reset_at(duration: str | None, time_zone: str, now_us: int) -> str | None:
    """When the present period ends; None for a budget that is for ever."""
    return None if duration is None else iso(period_at(duration, time_zone, now_us)[1])


def _window(window: BudgetWindow, time_zone: str, now_us: int) -> dict[str, Any]:
    return {
        "max_budget": usd_float(window.max_budget_nano_usd),
        "budget_duration": window.budget_duration,
        "reset_at": reset_at(window.budget_duration, time_zone, now_us),
    }


def _model(window: BudgetWindow) -> dict[str, Any]:
    return {"budget_limit": usd_float(window.max_budget_nano_usd), "time_period": window.budget_duration}

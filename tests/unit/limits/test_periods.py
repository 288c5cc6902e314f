from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.core.errors import MalformedRequest
from sekisho.limits.periods import NEVER_US, check_duration, period_at

YEARS = st.integers(min_value=1_000_000_000, max_value=4_000_000_000).map(lambda seconds: seconds * 1_000_000 + 7)
DURATIONS = st.sampled_from(
    ["1s", "30s", "60s", "7m", "30m", "1h", "5h", "12h", "24h", "1d", "2d", "7d", "1w", "3w", "30d", "1mo", "5mo"]
)
ZONES = st.sampled_from(
    ["UTC", "Asia/Tokyo", "Asia/Kolkata", "America/New_York", "America/Sao_Paulo", "America/St_Johns", "Pacific/Apia"]
)


def at(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1_000_000)


def shown(period: tuple[int, int], zone: str = "UTC") -> tuple[str, str]:
    starts, ends = (datetime.fromtimestamp(us / 1_000_000, ZoneInfo(zone)).strftime("%F %T") for us in period)
    return starts, ends


@pytest.mark.parametrize(
    ("duration", "starts", "ends"),
    [
        ("60s", "2026-11-21 16:09:00", "2026-11-21 16:10:00"),
        ("30m", "2026-11-21 16:00:00", "2026-11-21 16:30:00"),
        ("1h", "2026-11-21 16:00:00", "2026-11-21 17:00:00"),
        ("hourly", "2026-11-21 16:00:00", "2026-11-21 17:00:00"),
        ("1d", "2026-11-21 00:00:00", "2026-11-22 00:00:00"),
        ("24h", "2026-11-21 00:00:00", "2026-11-22 00:00:00"),
        ("7d", "2026-11-16 00:00:00", "2026-11-23 00:00:00"),
        ("1w", "2026-11-16 00:00:00", "2026-11-23 00:00:00"),
        ("1mo", "2026-11-01 00:00:00", "2026-12-01 00:00:00"),
        ("30d", "2026-11-01 00:00:00", "2026-12-01 00:00:00"),
        ("monthly", "2026-11-01 00:00:00", "2026-12-01 00:00:00"),
        ("3mo", "2026-10-01 00:00:00", "2027-01-01 00:00:00"),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_periods_follow_the_local_calendar(duration: str, starts: str, ends: str, zone: str) -> None:
    assert shown(period_at(duration, zone, at("2026-11-21 16:09:07", zone)), zone) == (starts, ends)


def test_what_has_no_duration_never_ends() -> None:
    assert period_at("", "UTC", at("2026-11-21 16:09:07")) == (0, NEVER_US)


def test_a_day_without_a_midnight_begins_when_the_clock_is_put_forward() -> None:
    period = period_at("1d", "America/Sao_Paulo", at("2018-11-04 12:00:00", "America/Sao_Paulo"))
    assert shown(period, "America/Sao_Paulo") == ("2018-11-04 01:00:00", "2018-11-05 00:00:00")
    assert period[1] - period[0] == 23 * 3_600_000_000


def test_a_day_that_did_not_exist_has_no_period() -> None:
    """Samoa left out the 30th of December 2011."""
    period = period_at("1d", "Pacific/Apia", at("2011-12-29 12:00:00", "Pacific/Apia"))
    assert shown(period, "Pacific/Apia") == ("2011-12-29 00:00:00", "2011-12-31 00:00:00")


@given(DURATIONS, ZONES, YEARS)
def test_periods_meet_without_a_gap(duration: str, zone: str, moment: int) -> None:
    starts, ends = period_at(duration, zone, moment)
    assert starts <= moment < ends
    assert period_at(duration, zone, starts) == (starts, ends)
    assert period_at(duration, zone, ends - 1) == (starts, ends)
    assert period_at(duration, zone, ends)[0] == ends
    assert period_at(duration, zone, starts - 1)[1] == starts


@given(ZONES, st.integers(min_value=0, max_value=60 * 24 * 400))
def test_every_minute_of_a_year_lies_in_its_day(zone: str, minute: int) -> None:
    moment = int(datetime(2011, 11, 1, tzinfo=UTC).timestamp() + minute * 60) * 1_000_000
    starts, ends = period_at("1d", zone, moment)
    assert starts <= moment < ends


@pytest.mark.parametrize("duration", ["", "0d", "-1d", "1", "d", "1y", "1.5h", "１d", "1d ", "99999d", "999999999mo"])
def test_unknown_durations_are_named(duration: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        check_duration(duration)
    assert caught.value.info.param == "budget_duration"


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../etc/passwd", "Asia/Tokyo\0", "a" * 5_000, "/etc/passwd"])
def test_unknown_time_zones_are_named(zone: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        check_duration("1d", zone)
    assert caught.value.info.param == "time_zone"

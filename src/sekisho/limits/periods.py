"""When a budget's period begins and ends.

Flows in: a duration in LiteLLM's words, an IANA time zone, a moment (µs, UTC). Flows out: [starts, ends) in µs. Must
stay true: every process finds the same periods whatever it was started at, they meet without a gap, and each moment
has one; days begin at local midnight, weeks on Monday, months on the first, many of them counted from ANCHOR.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from sekisho.core.errors import MalformedRequest

#: A Monday, the first of a month and of a year: periods of several days, weeks or months are counted from here.
ANCHOR: Final = date(2001, 1, 1)
#: The end of what never ends; below 2**53, so that every store can hold it as a number.
NEVER_US: Final = 9_000_000_000_000_000
#: The longest period, in days or months of its unit.
_LONGEST: Final = 3_660

_DURATION: Final = re.compile(r"([0-9]{1,9})(s|m|h|d|w|mo)")
_WORDS: Final = {"hourly": "1h", "daily": "1d", "weekly": "7d", "monthly": "1mo"}
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600}
_DAY_SECONDS: Final = 86_400
_SECOND_US: Final = 1_000_000


class _Length(msgspec.Struct, frozen=True):
    count: int
    unit: Literal["seconds", "days", "months"]


def check_duration(duration: str, time_zone: str = "UTC") -> None:
    """Raise MalformedRequest, with the field's name, for a duration or a time zone that does not exist."""
    _length_of(duration)
    _zone_of(time_zone)


def period_at(duration: str, time_zone: str, at_us: int) -> tuple[int, int]:
    """The period that `at_us` lies in; "" is for ever. Raises MalformedRequest as `check_duration` does."""
    if not duration:
        return 0, NEVER_US
    known = _current.get((duration, time_zone))
    if known is not None and known[0] <= at_us < known[1]:
        return known
    found = _found(_length_of(duration), _zone_of(time_zone), at_us)
    if len(_current) >= _CURRENT_MAX:
        _current.clear()
    _current[duration, time_zone] = found
    return found


#: The period last asked for, by duration and zone: nearly every call asks for it again.
_current: dict[tuple[str, str], tuple[int, int]] = {}
_CURRENT_MAX: Final = 10_000


@lru_cache(maxsize=1_000)
def _length_of(duration: str) -> _Length:
    match = _DURATION.fullmatch(_WORDS.get(duration, duration))
    count = int(match[1]) if match else 0
    if match is None or count == 0:
        raise MalformedRequest(
            f"'{duration[:40]}' is no duration: write 30s, 30m, 1h, 1d, 7d or 1mo.", param="budget_duration"
        )
    unit = match[2]
    seconds = count * _SECONDS.get(unit, 0)
    if unit == "w":
        length = _Length(7 * count, "days")
    elif unit == "mo" or (unit, count) == ("d", 30):  # LiteLLM: "30d" is a calendar month
        length = _Length(count if unit == "mo" else 1, "months")
    elif unit == "d":
        length = _Length(count, "days")
    elif seconds % _DAY_SECONDS == 0:
        length = _Length(seconds // _DAY_SECONDS, "days")
    else:
        length = _Length(seconds, "seconds")
    if (length.count if length.unit != "seconds" else length.count // _DAY_SECONDS) > _LONGEST:
        raise MalformedRequest(f"'{duration}' is longer than any budget: ten years at most.", param="budget_duration")
    return length


@lru_cache(maxsize=1_000)
def _zone_of(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise MalformedRequest(
            f"'{name[:80]}' is no time zone: write an IANA name such as Asia/Tokyo.", param="time_zone"
        ) from error


def _found(length: _Length, zone: tzinfo, at_us: int) -> tuple[int, int]:
    if length.unit == "seconds":
        # Of equal length also where clocks are put forward or back: aligned to the anchor's midnight.
        anchor_us, step_us = _midnight_us(ANCHOR, zone), length.count * _SECOND_US
        starts_us = at_us - (at_us - anchor_us) % step_us
        return starts_us, starts_us + step_us
    day = datetime.fromtimestamp(at_us // _SECOND_US, zone).date()
    number = (_months(day) if length.unit == "months" else (day - ANCHOR).days) // length.count
    # A clock put back over midnight shows the day before a second time: the period that began goes on.
    while at_us >= (ends_us := _begins_us(length, zone, number + 1)):
        number += 1
    return _begins_us(length, zone, number), ends_us


def _begins_us(length: _Length, zone: tzinfo, number: int) -> int:
    """When the period of this number begins, counted from the anchor."""
    if length.unit == "days":
        return _midnight_us(ANCHOR + timedelta(days=number * length.count), zone)
    years, month = divmod(number * length.count, 12)
    return _midnight_us(date(ANCHOR.year + years, month + 1, 1), zone)


def _months(day: date) -> int:
    return (day.year - ANCHOR.year) * 12 + day.month - 1


def _midnight_us(day: date, zone: tzinfo) -> int:
    """The first moment of a day; where clocks are put forward over midnight, the moment they are."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * _SECOND_US

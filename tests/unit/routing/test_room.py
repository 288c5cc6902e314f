from __future__ import annotations

from sekisho.routing.room import Minute

SECOND = 1_000_000


def test_requests_and_tokens_of_the_running_minute() -> None:
    minute = Minute()
    assert minute.used(0) == (0, 0)
    minute.take(10, 5 * SECOND)
    minute.take(20, 30 * SECOND)
    assert minute.used(64 * SECOND) == (2, 30)
    assert minute.ends_us() == 65 * SECOND
    assert minute.used(65 * SECOND) == (0, 0)


def test_room_for_one_more() -> None:
    minute = Minute()
    minute.take(90, 0)
    assert minute.has_room(None, None, 10**9, 0)
    assert minute.has_room(2, 100, 10, 0)
    assert not minute.has_room(1, None, 1, 0)
    assert not minute.has_room(None, 100, 11, 0)
    assert minute.has_room(1, 100, 11, 60 * SECOND), "that minute is over"


def test_a_request_larger_than_the_minute_fits_into_an_untouched_one() -> None:
    minute = Minute()
    assert minute.has_room(None, 100, 5000, 0)
    assert not minute.has_room(None, 0, 1, 0)
    minute.take(5000, 0)
    assert not minute.has_room(None, 100, 1, 0)


def test_an_estimate_is_corrected_in_its_own_minute_only() -> None:
    minute = Minute()
    minute.take(100, 0)
    minute.correct(-60, 0)
    assert minute.used(0) == (1, 40)
    minute.correct(-500, 0)
    assert minute.used(0) == (1, 0)
    minute.take(7, 60 * SECOND)
    minute.correct(1000, 0)
    assert minute.used(60 * SECOND) == (1, 7)

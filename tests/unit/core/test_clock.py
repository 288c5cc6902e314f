from __future__ import annotations

from sekisho.core.clock import Clock, FakeClock, SystemClock


def test_the_system_clock_counts_microseconds() -> None:
    clock: Clock = SystemClock()
    before, first = clock.now_us(), clock.monotonic_us()
    assert 1_700_000_000_000_000 < before <= clock.now_us()
    assert first <= clock.monotonic_us()


def test_a_fake_clock_moves_when_told() -> None:
    clock = FakeClock(5)
    clock.advance(1.5)
    assert (clock.now_us(), clock.monotonic_us()) == (1_500_005, 1_500_005)

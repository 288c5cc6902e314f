from __future__ import annotations

import pytest

from sekisho.routing.pace import Pace

MINUTE = 60_000_000


def test_what_is_older_weighs_less() -> None:
    pace = Pace()
    assert pace.seconds(0, MINUTE) is None
    pace.add(4.0, 0)
    assert pace.seconds(0, MINUTE) == 4.0
    pace.add(1.0, MINUTE)
    assert pace.seconds(MINUTE, MINUTE) == pytest.approx(2.0), "half a measurement of 4, one of 1"
    pace.add(1.0, 20 * MINUTE)
    assert pace.seconds(20 * MINUTE, MINUTE) == pytest.approx(1.0, abs=1e-4)


def test_what_was_not_measured_for_long_is_not_known() -> None:
    pace = Pace()
    pace.add(4.0, 0)
    assert pace.seconds(MINUTE - 1, MINUTE) == 4.0
    assert pace.seconds(MINUTE, MINUTE) is None

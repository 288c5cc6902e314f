"""Routing under fire at its full size: 10,000 calls, three of six deployments broken for the first 8,000."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.faults.fire import BROKEN, LATE_EVERY, fire

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
CALLS, BURNING = 10_000, 8_000


def test_nobody_sees_a_failure_while_a_deployment_is_well(tmp_path: Path) -> None:
    with fire(tmp_path, patience_seconds=3.0, cooldown_seconds=1.0) as burning:
        seen = burning.seen
        asyncio.run(burning.calls(CALLS, at_once=48, heal_after=BURNING))
        served = seen.well, seen.late
        asyncio.run(burning.until_back(within_calls=3_000))
        told = {name: burning.told_of(name) for name in BROKEN}
    assert seen.visible == []
    assert served == (CALLS - CALLS // LATE_EVERY, CALLS // LATE_EVERY)
    assert burning.upstream_burning <= 1.3 * BURNING
    for name in BROKEN:
        assert sum("cools down" in line for line in told[name]) > 2, "probed, and found still broken"
        assert "deployment is back" in told[name][-1]

"""More than 10,000 seeded schedules of callers under limits. They take a minute of one core."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, run_state_machine_as_test

from tests.support.limiter_schedules import Schedule


class Checked(Schedule):
    """Compared with plain sums after every step."""

    loop = asyncio.new_event_loop()

    @invariant()
    def sums_agree(self) -> None:
        self.check_sums()


class Forgetful(Checked):
    """Idle money leaves at once."""

    counters_max = 1


def check_schedules(machine: type[RuleBasedStateMachine], count: int, steps: int) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=count, stateful_step_count=steps))


@pytest.mark.parametrize(("count", "steps"), [(4_000, 8), (3_000, 16), (1_000, 40)])
def test_schedules(count: int, steps: int) -> None:
    check_schedules(Checked, count, steps)


@pytest.mark.parametrize(("count", "steps"), [(2_000, 16), (500, 40)])
def test_schedules_where_idle_money_leaves_at_once(count: int, steps: int) -> None:
    check_schedules(Forgetful, count, steps)

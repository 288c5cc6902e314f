from __future__ import annotations

import logging

import msgspec
import pytest

from sekisho.core.clock import FakeClock
from sekisho.limits.limiter import line_at
from sekisho.limits.memory import MemoryLimiter
from sekisho.limits.rule import Measure, Rule
from sekisho.limits.soft import SoftBudgets
from tests.support.limiter_contract import LEASE_SECONDS, Books, money

SOFT = msgspec.structs.replace(
    money(10_000_000_000, "1d", scope_id="core"), scope_kind="team_member", soft_limit=2_500_000_000
)


class Desk:
    """Calls that are booked, and what is told of them."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.clock, self.books = FakeClock(), Books()
        self.limiter = MemoryLimiter(self.clock, self.books.seed)
        self.soft = SoftBudgets(self.limiter, self.clock)
        self._caplog = caplog

    async def spend(self, rule: Rule, amount: int) -> None:
        lines = [line_at(rule, 0, self.clock.now_us())]
        await self.limiter.reserve("call", lines, LEASE_SECONDS)
        self.limiter.settle("call", [amount])
        self.soft.note(lines)

    async def told(self) -> list[str]:
        self._caplog.clear()
        with self._caplog.at_level(logging.WARNING):
            await self.soft.look()
        return [record.getMessage() for record in self._caplog.records]


@pytest.fixture
def desk(caplog: pytest.LogCaptureFixture) -> Desk:
    return Desk(caplog)


async def test_a_soft_budget_is_told_once_a_period(desk: Desk) -> None:
    await desk.spend(SOFT, 2_000_000_000)
    assert await desk.told() == []
    await desk.spend(SOFT, 500_000_000)
    assert await desk.told() == ["limits: team member 'core' has used 2.5 USD, its soft budget is 2.5 USD in 1d"]
    await desk.spend(SOFT, 500_000_000)
    assert await desk.told() == []
    desk.clock.advance(86_400)
    await desk.spend(SOFT, 3_000_000_000)
    assert len(await desk.told()) == 1


async def test_budgets_without_one_are_not_looked_at(desk: Desk) -> None:
    await desk.spend(money(10), 10)
    await desk.spend(Rule(scope_kind="key", scope_id="a", measure=Measure.TOKENS, limit=1, period="60s"), 1)
    assert await desk.told() == []
    assert desk.soft._spent_from == {}


async def test_what_cannot_be_known_is_asked_the_next_time(desk: Desk) -> None:
    await desk.spend(SOFT, 3_000_000_000)
    desk.clock.advance(86_400)
    desk.books.away = True
    with pytest.raises(ConnectionError):
        await desk.told()
    desk.books.away, desk.books.spent = False, 4_000_000_000
    assert len(await desk.told()) == 1


async def test_a_budget_that_was_passed_by_expectation_is_told(desk: Desk) -> None:
    rule = msgspec.structs.replace(SOFT, soft_limit=None, mode="expected")
    await desk.spend(rule, 10_000_000_000)
    assert await desk.told() == []
    await desk.spend(rule, 500_000_000)
    assert await desk.told() == ["limits: team member 'core' has passed its budget by 0.5 USD: it is 10 USD in 1d"]
    await desk.spend(rule, 500_000_000)
    assert await desk.told() == []


async def test_what_was_forgiven_is_not_counted(desk: Desk) -> None:
    forgiven = {"forgiven": 9_000_000_000, "forgiven_until_us": 2**62}
    await desk.spend(msgspec.structs.replace(SOFT, mode="expected", **forgiven), 11_000_000_000)
    assert await desk.told() == []

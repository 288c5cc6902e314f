from __future__ import annotations

from sekisho.limits.limiter import Line, Refusal, line_at
from sekisho.limits.periods import NEVER_US
from sekisho.limits.rule import MINUTE, Measure, Rule

NOON_US = 1_795_262_400_000_000


def rule(period: str = "", limit: int = 10, increase: int = 0) -> Rule:
    return Rule(
        scope_kind="key",
        scope_id="a",
        measure=Measure.TOKENS,
        limit=limit,
        period=period,
        increase=increase,
        increase_until_us=NOON_US + 1,
    )


def test_a_line_stands_in_its_period_under_the_limit_of_the_moment() -> None:
    minute = rule(MINUTE, increase=5)
    assert line_at(minute, 3, NOON_US) == Line(minute, 3, NOON_US, NOON_US + 60_000_000, 15)
    assert line_at(minute, 3, NOON_US + 1).limit == 10
    assert line_at(rule(), 3, NOON_US) == Line(rule(), 3, 0, NEVER_US, 10)


def test_a_refusal_says_what_is_left() -> None:
    line = line_at(rule(), 3, NOON_US)
    assert [Refusal(line, used).left for used in (0, 8, 10, 50)] == [10, 2, 0, 0]

from __future__ import annotations

import itertools

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sekisho.limits.rule import MINUTE, Measure, Rule

BUDGET = Rule(scope_kind="team", scope_id="a", measure=Measure.MONEY, limit=100, period="1d", time_zone="Asia/Tokyo")
TEXT = st.text(alphabet=":@1da", max_size=4)


def test_a_raised_limit_counts_on() -> None:
    raised = msgspec.structs.replace(BUDGET, limit=200, soft_limit=5, mode="expected", increase=1, on_outage="closed")
    assert raised.counter == BUDGET.counter == "team:money:1d@Asia/Tokyo:1:a:"


@given(st.lists(st.tuples(TEXT, TEXT), min_size=2, max_size=6, unique=True))
def test_no_two_scopes_share_a_count(scopes: list[tuple[str, str]]) -> None:
    rules = [msgspec.structs.replace(BUDGET, scope_id=scope, model=model) for scope, model in scopes]
    assert all(one.counter != other.counter for one, other in itertools.combinations(rules, 2))


def test_what_is_counted_differently_is_counted_apart() -> None:
    others: list[dict[str, str]] = [{"scope_kind": "key"}, {"measure": Measure.TOKENS}, {"period": MINUTE}]
    assert BUDGET.counter not in {msgspec.structs.replace(BUDGET, **other).counter for other in others}


def test_an_increase_holds_for_a_time() -> None:
    rule = msgspec.structs.replace(BUDGET, increase=50, increase_until_us=1_000)
    assert [rule.limit_at(at_us) for at_us in (0, 999, 1_000)] == [150, 150, 100]


def test_what_is_forgiven_may_be_spent_again_in_its_period() -> None:
    rule = msgspec.structs.replace(BUDGET, forgiven=30, forgiven_from_us=500, forgiven_until_us=1_000)
    assert [rule.limit_at(at_us) for at_us in (499, 500, 999, 1_000)] == [100, 130, 130, 100]
    assert [rule.forgiven_at(at_us) for at_us in (499, 500, 999, 1_000)] == [0, 30, 30, 0]
    assert rule.counter == BUDGET.counter

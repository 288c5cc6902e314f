from __future__ import annotations

import msgspec

from sekisho.limits.periods import NEVER_US, period_at
from sekisho.limits.rule import MINUTE, NO_LIMIT, Measure, Rule
from sekisho.limits.rules import applicable, rules_of
from sekisho.store.limits import BudgetWindow, Limits


class Scope(msgspec.Struct, frozen=True):
    limits: Limits
    kind: str = "team"
    id: str = "core"


def rules(**limits: object) -> tuple[Rule, ...]:
    return rules_of(Scope(msgspec.convert(limits, Limits)))


def shown(each: tuple[Rule, ...]) -> list[tuple[str, int, str, str]]:
    return [(rule.measure.value, rule.limit, rule.period, rule.model) for rule in each]


def test_no_limits_are_no_rules() -> None:
    assert rules() == ()
    assert rules(time_zone="Asia/Tokyo", increase_nano_usd=5) == ()


def test_every_limit_is_a_rule_money_first() -> None:
    every = rules(
        max_parallel_requests=3,
        rpm_limit=10,
        tpm_limit=1_000,
        input_tpm_limit=900,
        output_tpm_limit=100,
        model_rpm_limit={"a": 1},
        model_tpm_limit={"b": 2},
        max_budget_nano_usd=50,
        budget_duration="1mo",
        windows=({"max_budget_nano_usd": 5, "budget_duration": "1d"},),
        model_max_budget={"c": {"max_budget_nano_usd": 7}},
    )
    assert shown(every) == [
        ("money", 50, "1mo", ""),
        ("money", 5, "1d", ""),
        ("money", 7, "", "c"),
        ("requests", 10, MINUTE, ""),
        ("tokens", 1_000, MINUTE, ""),
        ("input_tokens", 900, MINUTE, ""),
        ("output_tokens", 100, MINUTE, ""),
        ("requests", 1, MINUTE, "a"),
        ("tokens", 2, MINUTE, "b"),
        ("parallel", 3, "", ""),
    ]
    assert {rule.measure: rule.on_outage for rule in every} == {
        measure: "closed" if measure is Measure.MONEY else "open" for measure in Measure
    }
    assert {(rule.scope_kind, rule.scope_id) for rule in every} == {("team", "core")}


def test_a_limit_of_nothing_is_a_limit() -> None:
    assert shown(rules(max_budget_nano_usd=0, rpm_limit=0, max_parallel_requests=0)) == [
        ("money", 0, "", ""),
        ("requests", 0, MINUTE, ""),
        ("parallel", 0, "", ""),
    ]


def test_a_soft_budget_alone_only_warns() -> None:
    (rule,) = rules(soft_budget_nano_usd=5)
    assert (rule.limit, rule.soft_limit) == (NO_LIMIT, 5)


def test_an_increase_belongs_to_the_first_budget() -> None:
    first, second = rules(
        max_budget_nano_usd=50,
        windows=(BudgetWindow(max_budget_nano_usd=5, budget_duration="1d"),),
        increase_nano_usd=25,
        increase_until_us=1_000,
    )
    assert [first.limit_at(0), second.limit_at(0)] == [75, 5]


def test_the_mode_is_for_money() -> None:
    assert {rule.measure: rule.mode for rule in rules(max_budget_nano_usd=1, tpm_limit=1, mode="hard")} == {
        Measure.MONEY: "hard",
        Measure.TOKENS: "expected",
    }


def test_two_budgets_of_one_count_become_the_stricter() -> None:
    windows = (
        BudgetWindow(max_budget_nano_usd=30, budget_duration="1d"),
        BudgetWindow(max_budget_nano_usd=90, budget_duration="1d"),
    )
    (rule,) = rules(max_budget_nano_usd=50, soft_budget_nano_usd=10, budget_duration="1d", windows=windows)
    assert (rule.limit, rule.soft_limit) == (30, 10)


def test_a_budget_without_an_end_has_no_zone() -> None:
    """Else another zone would begin the same budget anew."""
    (rule,) = rules(max_budget_nano_usd=1, time_zone="Asia/Tokyo")
    assert period_at(rule.period, rule.time_zone, 5) == (0, NEVER_US)
    assert rule.counter == rules(max_budget_nano_usd=1)[0].counter


def test_rules_of_models_hold_for_their_models() -> None:
    every = rules(rpm_limit=5, model_rpm_limit={"a": 1, "b": 2})
    assert shown(applicable(every, "a")) == [("requests", 5, MINUTE, ""), ("requests", 1, MINUTE, "a")]
    assert shown(applicable(every, "x", "b")) == [("requests", 5, MINUTE, ""), ("requests", 2, MINUTE, "b")]
    assert shown(applicable(every, "c")) == [("requests", 5, MINUTE, "")]
    plain = rules(rpm_limit=5)
    assert applicable(plain, "a") is plain


def test_what_is_forgiven_belongs_to_one_budget() -> None:
    given = {"nano_usd": 3, "starts_us": 0, "ends_us": 9, "budget_duration": "1d", "time_zone": "Asia/Tokyo"}
    every = rules(
        max_budget_nano_usd=50,
        budget_duration="1d",
        time_zone="Asia/Tokyo",
        windows=({"max_budget_nano_usd": 5, "budget_duration": "7d"},),
        model_max_budget={"c": {"max_budget_nano_usd": 7, "budget_duration": "1d"}},
        forgiven=(given,),
    )
    assert [(rule.period, rule.model, rule.forgiven_at(0)) for rule in every] == [
        ("1d", "", 3),
        ("7d", "", 0),
        ("1d", "c", 0),
    ]
    assert rules(max_budget_nano_usd=50, budget_duration="1d", forgiven=(given,))[0].forgiven_at(0) == 0

"""From what is stored of a scope's limits to the rules that calls are held to.

Flows in: scopes with their limits. Flows out: rules, those of money first: a call with neither money nor room in the
minute hears of the money, which no short wait mends. Must stay true: no counter stands twice among a scope's rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Protocol

import msgspec

from sekisho.limits.rule import MINUTE, NO_LIMIT, Measure, Rule
from sekisho.store.limits import NO_LIMITS, Forgiven, Limits

_NOTHING: Final = Forgiven(nano_usd=0, starts_us=0, ends_us=0)


class Limited(Protocol):
    """Anything with limits: a scope of identity/scopes.py."""

    @property
    def kind(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def limits(self) -> Limits: ...


def rules_of(scope: Limited) -> tuple[Rule, ...]:
    """Every rule of a scope; two for the same count become one, the stricter."""
    if scope.limits == NO_LIMITS:
        return ()
    rules: dict[str, Rule] = {}
    for rule in _each(scope):
        known = rules.setdefault(rule.counter, rule)
        if rule.limit < known.limit:
            rules[rule.counter] = msgspec.structs.replace(rule, soft_limit=known.soft_limit)
    return tuple(rules.values())


def applicable(rules: tuple[Rule, ...], model: str, *others: str) -> tuple[Rule, ...]:
    """The rules that hold for a call to a model, by the name that was asked for and others that it goes by."""
    if not any(rule.model for rule in rules):
        return rules
    return tuple(rule for rule in rules if not rule.model or rule.model == model or rule.model in others)


def _each(scope: Limited) -> Iterator[Rule]:
    limits = scope.limits
    yield from _budgets(scope)
    rates = (
        (Measure.REQUESTS, limits.rpm_limit),
        (Measure.TOKENS, limits.tpm_limit),
        (Measure.INPUT_TOKENS, limits.input_tpm_limit),
        (Measure.OUTPUT_TOKENS, limits.output_tpm_limit),
    )
    yield from (_rate(scope, measure, limit) for measure, limit in rates if limit is not None)
    yield from _by_model(scope, Measure.REQUESTS, limits.model_rpm_limit)
    yield from _by_model(scope, Measure.TOKENS, limits.model_tpm_limit)
    if limits.max_parallel_requests is not None:
        yield Rule(
            scope_kind=scope.kind,
            scope_id=scope.id,
            measure=Measure.PARALLEL,
            limit=limits.max_parallel_requests,
        )


def _budgets(scope: Limited) -> Iterable[Rule]:
    limits = scope.limits
    if limits.max_budget_nano_usd is not None or limits.soft_budget_nano_usd is not None:
        first = _budget(scope, limits.max_budget_nano_usd, limits.budget_duration)
        yield msgspec.structs.replace(
            first,
            soft_limit=limits.soft_budget_nano_usd,
            increase=limits.increase_nano_usd,
            increase_until_us=limits.increase_until_us or 0,
        )
    for window in limits.windows:
        yield _budget(scope, window.max_budget_nano_usd, window.budget_duration)
    for model, window in limits.model_max_budget.items():
        yield _budget(scope, window.max_budget_nano_usd, window.budget_duration, model)


def _budget(scope: Limited, limit: int | None, duration: str | None, model: str = "") -> Rule:
    time_zone = scope.limits.time_zone if duration else "UTC"
    named = duration, time_zone, model
    found = (it for it in scope.limits.forgiven if (it.budget_duration, it.time_zone, it.model) == named)
    forgiven = next(found, _NOTHING)
    return Rule(
        scope_kind=scope.kind,
        scope_id=scope.id,
        measure=Measure.MONEY,
        limit=NO_LIMIT if limit is None else limit,
        period=duration or "",
        time_zone=time_zone,
        model=model,
        mode=scope.limits.mode,
        on_outage="closed",
        forgiven=forgiven.nano_usd,
        forgiven_from_us=forgiven.starts_us,
        forgiven_until_us=forgiven.ends_us,
    )


def _rate(scope: Limited, measure: Measure, limit: int, model: str = "") -> Rule:
    return Rule(
        scope_kind=scope.kind,
        scope_id=scope.id,
        measure=measure,
        limit=limit,
        period=MINUTE,
        model=model,
        mode="expected",  # the most a call may use, reserved by many, would refuse what the minute has room for
    )


def _by_model(scope: Limited, measure: Measure, limits: Mapping[str, int]) -> Iterator[Rule]:
    return (_rate(scope, measure, limit, model) for model, limit in limits.items())

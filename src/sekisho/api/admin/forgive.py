"""After an administrator has set back what a scope has spent, its budgets of periods have room at once.

Flows in: a scope's row, and to how much. Flows out: its limits, with what each budget no longer counts in its present
period. Must stay true: rows of the ledger and counters stay as they are, so that nothing that is booked meanwhile, here
or in another process, is lost or counted twice; what was forgiven stands in the audit with the row's limits.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from sqlalchemy.engine import Connection

from sekisho.identity.scopes import Scope
from sekisho.limits.periods import period_at
from sekisho.limits.rule import Measure, Rule
from sekisho.limits.rules import rules_of
from sekisho.store.directory import BUDGETS
from sekisho.store.limits import Forgiven, Limits, laid_over
from sekisho.store.spent import spent_nano_usd


def held_limits(connection: Connection, limits: Limits, budget_id: str | None) -> Limits:
    """The limits that bind: a scope's own, over those of a budget that it shares."""
    shared = BUDGETS.get(connection, budget_id) if budget_id is not None else None
    return limits if shared is None else laid_over(limits, shared.limits)


def set_back(connection: Connection, scope: Scope, budget_id: str | None, to_nano_usd: int, now_us: int) -> Limits:
    """The scope's own limits, under which no budget says that more was spent in its period. What runs counts on."""
    held = msgspec.structs.replace(scope, limits=held_limits(connection, scope.limits, budget_id))
    forgiven = _forgiven(connection, held, to_nano_usd, now_us)
    return msgspec.structs.replace(scope.limits, forgiven=tuple(forgiven))


def counts_all_time(rule: Rule) -> bool:
    """Whether it counts what stands in the scope's own row, which an administrator has set itself."""
    return rule.measure is Measure.MONEY and not rule.period and not rule.model


def _forgiven(connection: Connection, scope: Scope, to_nano_usd: int, now_us: int) -> Iterator[Forgiven]:
    for rule in rules_of(scope):
        if rule.measure is not Measure.MONEY or counts_all_time(rule):
            continue
        starts_us, ends_us = period_at(rule.period, rule.time_zone, now_us)
        spent = spent_nano_usd(connection, scope.kind, scope.id, rule.model, starts_us=starts_us, ends_us=ends_us)
        amount = max(rule.forgiven_at(now_us), spent - to_nano_usd)
        if amount:
            yield Forgiven(
                nano_usd=amount,
                starts_us=starts_us,
                ends_us=ends_us,
                budget_duration=rule.period or None,
                time_zone=rule.time_zone,
                model=rule.model,
            )

"""What a caller is told whose call a limit has no room for.

Flows in: the line without room. Flows out: LimitReached: whose limit, how much of it is used, when it begins anew. Must
stay true: an exhausted budget is no 429 for a coding agent, which would try again for minutes and hide the message; a
rate is one, with the seconds to wait.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from sekisho.core.errors import ErrorClass, LimitReached
from sekisho.core.money import usd_text
from sekisho.exchange.call import Call
from sekisho.identity.scopes import Scope
from sekisho.limits.limiter import Refusal
from sekisho.limits.periods import NEVER_US
from sekisho.limits.rule import Measure, Rule

_WHAT = {
    Measure.REQUESTS: "requests a minute",
    Measure.TOKENS: "tokens a minute",
    Measure.INPUT_TOKENS: "input tokens a minute",
    Measure.OUTPUT_TOKENS: "output tokens a minute",
    Measure.PARALLEL: "calls at once",
}
_SCOPES = {
    "key": "this key",
    "team_member": "team member",
    "organization_member": "organization member",
    "end_user": "end user",
    "gateway": "this gateway",
}
#: A slot is free again when some call ends: nobody knows when.
_SLOT_SECONDS = 1.0


def refusal_of(refusal: Refusal, call: Call, scopes: Sequence[Scope], budget_status: int, now_us: int) -> LimitReached:
    """The error for a line that has no room; `scopes` are all that bind the call, `budget_status` is that of a budget
    for what is no coding agent.
    """
    rule, line = refusal.line.rule, refusal.line
    whose = _whose(rule, scopes) + (f" for model '{rule.model}'" if rule.model else "")
    if rule.measure is Measure.MONEY:
        period = f" in {rule.period}" if rule.period else ""
        resets = f"resets at {_iso(line.ends_us)}" if line.ends_us < NEVER_US else "does not reset by itself"
        forgiven = rule.forgiven_at(line.starts_us)
        return LimitReached(
            f"Budget has been exceeded! The budget of {whose} is {usd_text(line.limit - forgiven)} USD{period}. Spent, "
            f"or reserved by calls that run, are {usd_text(refusal.used - forgiven)} USD; this call may cost "
            f"{usd_text(line.amount)} USD. It {resets}.",
            code="budget_exceeded",
            status=400 if _is_agent(call) else budget_status,
            error_class=ErrorClass.BUDGET_EXCEEDED,
        )
    parallel = rule.measure is Measure.PARALLEL
    wait = _SLOT_SECONDS if parallel else max(1.0, (line.ends_us - now_us) / 1e6)
    when = "when one of them ends" if parallel else f"in {wait:.0f} s, at {_iso(line.ends_us)}"
    return LimitReached(
        f"Rate limit of {whose}: {line.limit} {_WHAT[rule.measure]}, of which {refusal.used} are used and this call "
        f"needs {line.amount}. Try again {when}.",
        code="rate_limit_exceeded",
        retry_after_seconds=wait,
    )


def unknown_price(model: str) -> LimitReached:
    """A model that nobody knows the price of cannot be called under a budget."""
    return LimitReached(
        f"The price of model '{model}' is not known, and calls under a budget need one. Its operator can set "
        "input_cost_per_token and output_cost_per_token, 0 for a free model, or `unknown_price: allow`.",
        code="unknown_price",
        status=400,
        error_class=ErrorClass.BUDGET_EXCEEDED,
    )


def _is_agent(call: Call) -> bool:
    """A tool with a person before it, who has to read the message."""
    return call.client is not None and call.client.tool != "unknown" and call.client.interface != "sdk"


def _whose(rule: Rule, scopes: Sequence[Scope]) -> str:
    kind, name = rule.scope_kind, rule.scope_id
    if kind in ("key", "gateway"):
        return _SCOPES[kind]
    known = (scope.name for scope in scopes if (scope.kind, scope.id) == (kind, name) and scope.name)
    return f"{_SCOPES.get(kind, kind)} '{next(known, name)}'"


def _iso(at_us: int) -> str:
    return dt.datetime.fromtimestamp(at_us // 1_000_000, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

"""Room for a call under every limit that binds its caller: taken before each attempt, settled when the call is over.

Flows in: a call and the deployment of its next attempt. Flows out: a reservation over all scopes at once, or
LimitReached naming scope, amount and reset time. Must stay true: nothing goes upstream without room; what the call was
admitted with is never asked for more than once; every exit settles, with what the call's row says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from sekisho.canonical.cache_marks import MarkPoint
from sekisho.canonical.usage import Usage
from sekisho.core.errors import MalformedRequest
from sekisho.exchange.call import GENERATES, Call
from sekisho.exchange.limiting import Limiting
from sekisho.exchange.refusal import refusal_of, unknown_price
from sekisho.exchange.tier import asked_tier
from sekisho.identity.keys import resolved_model
from sekisho.identity.scopes import Scope
from sekisho.ledger.prices import Rates
from sekisho.ledger.rows import COST_MAX_NANO_USD, TOKENS_MAX, CallRow
from sekisho.limits.limiter import Line, Refusal, line_at
from sekisho.limits.rule import Measure, Rule
from sekisho.limits.rules import applicable
from sekisho.limits.sight import sight_of
from sekisho.providers.deployment import Deployment
from sekisho.wire.estimate import STORED, family_of, stands_at_provider
from sekisho.wire.output_cap import Cap

#: After the last sign of life of a process, what it had reserved is given back.
LEASE_SECONDS: Final = 60.0
#: Where a budget has not room for all that an answer may take, and for another such beside it, one call gets this part
#: of what is left: what the next ones need is then still there, and a budget is spent to its end, not blocked by what
#: the first calls that came near it hold and will not use.
_PART: Final = 8
#: How often a call asks again with a lower maximum: others may take room meanwhile.
_ROUNDS: Final = 4
#: The longest prompt of a model of which nobody says it.
_WINDOW_TOKENS: Final = 1_050_000
#: The operations whose input is one prompt, and the beta with which Anthropic's older models take longer ones.
_ONE_PROMPT: Final = frozenset({"generate", "compact"})
_LONG_CONTEXT: Final = "context-1m"
_STORED: Final = frozenset((*STORED, "prompt"))
_CACHES_HOUR: Final = b'"1h"'
#: What a call took that was never sent.
NOTHING: Final = dict.fromkeys(Measure, 0)


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt may take. Costs are nano-USD, with what earlier attempts may be billed for."""

    input_tokens: int
    output_tokens: int
    expected_output_tokens: int
    input_cost: int
    output_cost: int
    expected_output_cost: int

    def of(self, rule: Rule) -> int:
        """The amount under one rule."""
        if rule.measure is Measure.MONEY:
            return self.input_cost + (self.output_cost if rule.mode == "hard" else self.expected_output_cost)
        if rule.measure is Measure.INPUT_TOKENS:
            return self.input_tokens
        if rule.measure is Measure.OUTPUT_TOKENS:
            return self.expected_output_tokens
        if rule.measure is Measure.TOKENS:
            return self.input_tokens + self.expected_output_tokens
        return 1


async def reserve(
    call: Call,
    deployment: Deployment,
    limiting: Limiting,
    rates: Rates | None,
    now_us: int,
    *,
    marks: Sequence[MarkPoint] = (),
) -> None:
    """Take room for an attempt at `deployment`, where the gateway sets `marks`. Raises LimitReached. Sets
    `call.output_limit` where the answer has to be shorter than was asked for.
    """
    scopes = (*call.admitted.scopes, *limiting.everybody)
    rules = _rules(call, scopes, limiting)
    call.output_limit = call.prompt_limit = None
    if not rules:
        return
    money = [rule for rule in rules if rule.measure is Measure.MONEY]
    if money:
        if rates is None and limiting.priceless == "refuse":
            raise unknown_price(deployment.model)
        _refuse_background(call)
    cap = call.output_cap()
    most, hour = most_tokens(cap, deployment), _caches_for_an_hour(call, marks)
    least = max(limiting.floor_tokens, cap.least)
    beside = most > least
    prompt = call.prompt_limit = _prompt_tokens(
        call, deployment, limiting, hard=any(rule.mode == "hard" for rule in money)
    )
    for _ in range(_ROUNDS):
        need = _need(call, deployment, limiting, rates, (prompt, most * cap.answers), hour=hour)
        lines = [_line(rule, need, now_us) for rule in rules]
        asked = _with_another(lines, need) if beside else lines
        refusal = await limiting.limiter.reserve(call.request_id, asked, LEASE_SECONDS)
        if refusal is None:
            call.reserved = lines
            return
        if beside:
            refusal = msgspec.structs.replace(refusal, line=_shifted(refusal.line, need.output_cost))
        failure = refusal_of(refusal, call, scopes, limiting.budget_status, now_us)
        room = _affordable(refusal, need, most)
        if not room or room < min(least, most):
            break
        call.output_limit = most = min(max(least, room // _PART), most - 1)
        beside = False
    raise failure


def _refuse_background(call: Call) -> None:
    """Under a budget no answer is made in the background: it would be billed after the call is over, whoever hangs up,
    and nobody would say how much.
    """
    asked = bytes(call.asked.body.values.get("background", b"null"))
    if call.dialect.name == "openai-responses" and asked not in (b"null", b"false"):
        raise MalformedRequest(
            "'background' is not open to calls under a budget: what such an answer uses is known only later. Ask for "
            "it as a stream.",
            param="background",
        )


def settle(call: Call, row: CallRow, limiting: Limiting) -> None:
    """Book what the call took, and learn from it."""
    taken = taken_by(row)
    deployment, ask = call.deployment, call.ask
    if row.usage_complete and deployment is not None and ask is not None and call.operation in GENERATES:
        # What a provider adds of its own says nothing of other bodies of this size.
        known = _STORED.isdisjoint(ask.body.values) or stands_at_provider(ask.body.values) is None
        prompt = taken[Measure.INPUT_TOKENS] if known else 0
        limiting.estimator.learn(deployment.model, len(call.body), prompt, taken[Measure.OUTPUT_TOKENS])
    if call.reserved:
        amounts = [taken.get(line.rule.measure, line.amount) for line in call.reserved]
        limiting.limiter.settle(call.request_id, amounts)
        limiting.soft.note(call.reserved)


def taken_by(row: CallRow) -> dict[Measure, int]:
    """What a call took, by its row and bounded as that: a count that no shared store can hold would stop the store.

    A cost that is not known is left out: what the call was admitted with stays booked.
    """
    kinds = row.input_tokens, row.cache_read_tokens, row.cache_write_tokens
    prompt, output = sum(min(tokens, TOKENS_MAX) for tokens in kinds), min(row.output_tokens, TOKENS_MAX)
    taken = {
        Measure.REQUESTS: 1,
        Measure.TOKENS: prompt + output,
        Measure.INPUT_TOKENS: prompt,
        Measure.OUTPUT_TOKENS: output,
        Measure.PARALLEL: 0,
    }
    cost = row.cost_nano_usd
    return taken if cost is None else taken | {Measure.MONEY: min(cost, COST_MAX_NANO_USD)}


def _rules(call: Call, scopes: Sequence[Scope], limiting: Limiting) -> Sequence[Rule]:
    """All that hold for this call, those of the scopes nearest to the caller first."""
    found = [rule for scope in scopes for rule in limiting.rulebook.of(scope)]
    asked = call.asked.model
    return applicable(tuple(found), asked, resolved_model(call.admitted, asked)) if found else ()


def _line(rule: Rule, need: Need, now_us: int) -> Line:
    """A rate is never asked for more than it allows: a large call has to pass when the minute is empty."""
    line = line_at(rule, need.of(rule), now_us)
    if rule.measure is Measure.MONEY or line.amount <= line.limit:
        return line
    return msgspec.structs.replace(line, amount=line.limit or 1)


def most_tokens(cap: Cap, deployment: Deployment) -> int:
    """The most tokens of one answer."""
    allowed = deployment.entry.info.max_output_tokens or deployment.target.profile.max_output_tokens
    return allowed if cap.tokens is None else cap.tokens


def _with_another(lines: Sequence[Line], need: Need) -> Sequence[Line]:
    """The same lines, where hard budgets must have room for another such answer."""
    return [_shifted(line, -need.output_cost) for line in lines]


def _shifted(line: Line, amount: int) -> Line:
    return msgspec.structs.replace(line, limit=line.limit + amount) if _is_hard(line.rule) else line


def _is_hard(rule: Rule) -> bool:
    return rule.measure is Measure.MONEY and rule.mode == "hard"


def _caches_for_an_hour(call: Call, marks: Sequence[MarkPoint]) -> bool:
    return _CACHES_HOUR in call.body or any(mark.ttl == "1h" for mark in marks)


def _prompt_tokens(call: Call, deployment: Deployment, limiting: Limiting, *, hard: bool) -> int:
    """Tokens of the prompt, from above; where a budget is hard also of what its bytes do not show."""
    estimator, longer = limiting.estimator, _LONG_CONTEXT in call.headers.get("anthropic-beta", "")
    window = None if longer else limiting.window(deployment)
    if hard:
        seen = sight_of(call.body, call.asked.body.values, call.dialect.shape or call.dialect.name)
        if seen.hidden:
            return window or _WINDOW_TOKENS
        tokens = estimator.input_tokens(deployment.model, seen.text_bytes)
        tokens += seen.beside(family_of(deployment.known_model))
    else:
        tokens = estimator.input_tokens(deployment.model, len(call.body))
    return min(tokens, window) if window is not None and call.operation in _ONE_PROMPT else tokens


def _need(
    call: Call,
    deployment: Deployment,
    limiting: Limiting,
    rates: Rates | None,
    tokens_in_and_out: tuple[int, int],
    *,
    hour: bool,
) -> Need:
    tokens, output = tokens_in_and_out
    expected = limiting.estimator.output_tokens(deployment.model, output, "expected")
    tier = asked_tier(call.headers, call.asked.body)

    def cost(usage: Usage) -> int:
        return 0 if rates is None else rates.cost_nano_usd(usage, service_tier=tier, at_us=call.started_us)

    place = rates.dearest_geography if rates is not None else None  # where it is served is told by the reply alone
    plain = cost(Usage(input_tokens=tokens, inference_geo=place))
    cached = cost(Usage(cache_write_tokens=tokens, cache_write_1h_tokens=tokens if hour else 0, inference_geo=place))
    input_cost = max(plain, cached)

    def beside(answer: int) -> int:
        """What the answer costs in the tier that the whole call hits; all of it may be thought."""
        said, thought = (
            cost(Usage(input_tokens=tokens, output_tokens=answer, reasoning_tokens=reasoning, inference_geo=place))
            for reasoning in (0, answer)
        )
        return max(said, thought) - plain

    earlier = call.spent_before
    return Need(
        input_tokens=tokens,
        output_tokens=output,
        expected_output_tokens=expected,
        input_cost=input_cost + ((earlier.cost_nano_usd or 0) if earlier is not None else 0),
        output_cost=beside(output),
        expected_output_cost=beside(expected),
    )


def _affordable(refusal: Refusal, need: Need, most: int) -> int:
    """Tokens of each answer for which a budget has room; 0 where a shorter answer would not help."""
    rule = refusal.line.rule
    if not _is_hard(rule) or not need.output_cost:
        return 0
    left = refusal.left - need.input_cost
    return most * max(0, left) // need.output_cost

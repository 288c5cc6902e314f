"""Coding agents under one budget, by the stations that reserve and settle: how much of it they can spend.

In: agents that call again and again, with contexts, answers and prices as agents have them. Out: what was spent when
the first of them was refused.
"""

from __future__ import annotations

import contextlib
import heapq
import logging
import random
from decimal import Decimal

import msgspec
import pytest

from sekisho.core.errors import ErrorClass, LimitReached
from sekisho.core.money import NANO_PER_USD, usd_text
from sekisho.exchange.call import Call, read_ask
from sekisho.exchange.reserve import reserve, settle
from sekisho.identity.scopes import Scope
from sekisho.limits.estimate import Estimator
from sekisho.limits.rulebook import Rulebook
from sekisho.store.limits import Limits
from tests.support.caller import Caller
from tests.support.ledger import row
from tests.support.stations import Stage, deployment

pytestmark = pytest.mark.usefixtures("unbound")

AGENTS = 20
MAX_TOKENS = 32_000
BUDGET = 50 * NANO_PER_USD
#: What an answer reserves by expectation while nothing is known of the model's; and its price.
EXPECTED_TOKENS, OUTPUT_NANO_USD = 2_048, 15_000
#: Claude Sonnet's, in USD a token.
COSTS = {
    "input_cost_per_token": Decimal("0.000003"),
    "cache_creation_input_token_cost": Decimal("0.00000375"),
    "cache_read_input_token_cost": Decimal("0.0000003"),
    "output_cost_per_token": Decimal("0.000015"),
}


class Office:
    """Agents at work."""

    def __init__(self, stage: Stage, **limits: object) -> None:
        self.stage = stage
        self.limits = msgspec.convert({"max_budget_nano_usd": BUDGET, **limits}, Limits)
        self.scope = Scope(kind="team", id=f"office-{id(self)}", limits=self.limits)
        self.limiting = msgspec.structs.replace(
            stage.limiting, everybody=(self.scope,), rulebook=Rulebook(), estimator=Estimator()
        )
        self.deployment = deployment("anthropic/claude-sonnet-4-5", costs=COSTS)
        self.chance = random.Random(7)
        self.spent = 0
        #: Answers that were cut, of how many.
        self.cut, self.calls = 0, 0

    async def begin(self, kilobytes: int) -> Call:
        """Reserve. Raises LimitReached."""
        asked = {"model": "claude", "max_tokens": MAX_TOKENS, "stream": True, "messages": "x" * kilobytes * 1_000}
        body = msgspec.json.encode(asked)
        call = self.stage.call(Caller(), "anthropic-messages", body)
        call.principal, call.ask, call.deployment = self.stage.keys.master, read_ask(body), self.deployment
        rates = self.stage.rates(self.deployment)
        await reserve(call, self.deployment, self.limiting, rates, self.stage.clock.now_us())
        return call

    def end(self, call: Call, answer_tokens: int) -> None:
        """Settle: nine tenths of the prompt were in the provider's cache."""
        rates = self.stage.rates(self.deployment)
        assert rates is not None
        tokens = len(call.body) // 4
        output = min(answer_tokens, call.output_limit or MAX_TOKENS)
        self.calls += 1
        self.cut += output < answer_tokens
        fresh = tokens // 10
        done = row(
            call_id=call.request_id,
            input_tokens=fresh // 5,
            cache_write_tokens=fresh - fresh // 5,
            cache_read_tokens=tokens - fresh,
            output_tokens=output,
        )
        done = msgspec.structs.replace(done, cost_nano_usd=rates.cost_nano_usd(done.usage))
        self.spent += done.cost_nano_usd or 0
        settle(call, done, self.limiting)

    async def until_refused(self, kilobytes: int) -> LimitReached:
        """Each agent calls again when its call is over; the first refusal."""
        running: list[tuple[float, int, Call]] = []
        now, waiting = 0.0, list(range(AGENTS))
        while True:
            for agent in waiting:
                size = round(kilobytes * self.chance.uniform(0.5, 1.5))
                try:
                    call = await self.begin(size)
                except LimitReached as refusal:
                    return refusal
                heapq.heappush(running, (now + self.chance.uniform(5, 60), agent, call))
            now, agent, call = heapq.heappop(running)
            waiting = [agent]
            self.end(call, answer_tokens=int(min(self.chance.lognormvariate(6.2, 0.8), MAX_TOKENS)))


@pytest.mark.parametrize(("kilobytes", "part"), [(1, 0.99), (40, 0.97), (120, 0.93), (235, 0.86)])
async def test_most_of_a_hard_budget_is_spent_before_the_first_refusal(
    stage: Stage, kilobytes: int, part: float
) -> None:
    """Twenty answers of 32,000 tokens hold 9.60 of 50 USD, and so would 19 % be out of reach; but near its end a budget
    lends each call only an eighth of what is left, down to 1,024 tokens (0.015 USD). What cannot be cut is the prompt,
    held as if nothing of it were cached: 20 of 120 kB hold 2.5 USD (5 %), 20 of 235 kB 4.8 USD (10 %).
    """
    office = Office(stage)
    refusal = await office.until_refused(kilobytes)
    assert refusal.info.error_class is ErrorClass.BUDGET_EXCEEDED
    assert part * BUDGET <= office.spent <= BUDGET
    assert office.cut <= office.calls / 100, "hardly an answer of an agent is as long as it may be"


async def test_an_answer_is_as_long_as_was_asked_while_another_such_has_room(stage: Stage) -> None:
    office = Office(stage, max_budget_nano_usd=2 * NANO_PER_USD)
    limits = [(await office.begin(1)).output_limit for _ in range(4)]
    assert limits[:3] == [None] * 3, "0.48 USD each: 1.04 of two dollars were left before the third"
    room_tokens = (2 - 3 * 0.48) / 0.000015
    assert room_tokens / 9 < (limits[3] or 0) < room_tokens / 8


async def test_an_expected_budget_is_passed_by_what_runs_at_most_and_that_is_told(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """The worst that can be: all calls are under way at once, and every answer takes all that it may."""
    budget = 3 * NANO_PER_USD
    office = Office(stage, mode="expected", max_budget_nano_usd=budget)
    running = [await office.begin(1) for _ in range(AGENTS)]
    with contextlib.suppress(LimitReached):
        while True:
            running.append(await office.begin(1))
    assert sum(call.reserved[0].amount for call in running) <= budget
    for call in running:
        office.end(call, answer_tokens=MAX_TOKENS)
    over = office.spent - budget
    assert 0 < over <= len(running) * (MAX_TOKENS - EXPECTED_TOKENS) * OUTPUT_NANO_USD
    assert await office.limiting.limiter.used(office.limiting.rulebook.of(office.scope), 0) == [office.spent]
    with pytest.raises(LimitReached):
        await office.begin(1)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            await office.limiting.soft.look()
    told = f"has passed its budget by {usd_text(over)} USD: it is 3 USD"
    assert [told in record.getMessage() for record in caplog.records] == [True], "once"

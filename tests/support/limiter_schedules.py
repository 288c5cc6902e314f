"""A simulation of callers under limits: they reserve, try again elsewhere, hang up, settle, in any order.

In: a limiter, and a clock that the schedule moves. Out: assertions against plain sums, after every step. What the
ledger says may come late, fail, or come after whoever asked has gone.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from sekisho.core.clock import FakeClock
from sekisho.limits.limiter import Line, Refusal, line_at
from sekisho.limits.memory import COUNTERS_MAX, MemoryLimiter
from sekisho.limits.rule import MINUTE, Measure, Rule

LIMIT = 100
KEY, TEAM, DAY, OPEN_END = (
    Rule(scope_kind=kind, scope_id="a", measure=Measure.MONEY, limit=LIMIT, period=period)
    for kind, period in (("key", ""), ("team", "1mo"), ("team", "1d"), ("pool", ""))
)
TOKENS = Rule(scope_kind="key", scope_id="a", measure=Measure.TOKENS, limit=LIMIT, period=MINUTE)
REQUESTS = Rule(scope_kind="key", scope_id="a", measure=Measure.REQUESTS, limit=3, period=MINUTE)
RUNNING = Rule(scope_kind="key", scope_id="a", measure=Measure.PARALLEL, limit=2)
#: Which rules hold for a call, as a key has them.
SETS = ((KEY, TOKENS, RUNNING), (KEY, TEAM), (TEAM, DAY, REQUESTS, RUNNING), (OPEN_END, KEY), (RUNNING,))
LEASE_SECONDS = 60.0

Count = tuple[str, int]
AMOUNT = st.integers(min_value=0, max_value=110)


class Sums:
    """What must be so, by plain sums over what was reserved and settled."""

    def __init__(self) -> None:
        self.settled: defaultdict[Count, int] = defaultdict(int)
        self.open: dict[str, list[Line]] = {}

    def used(self, count: Count, without: str = "") -> int:
        held = (line for name, lines in self.open.items() if name != without for line in lines)
        return self.settled[count] + sum(line.amount for line in held if count_of(line) == count)

    def note(self, name: str, lines: list[Line], refusal: Refusal | None) -> None:
        """What the limiter answered: it must be the right answer."""
        full = [line for line in lines if line.amount and self.used(count_of(line), name) + line.amount > line.limit]
        if refusal is None:
            assert full == [], "taken without room"
            self.open[name] = lines
        else:
            assert refusal.line is full[0], "refused with room"
            assert refusal.used == self.used(count_of(refusal.line), name)

    def settle(self, name: str, parts: int) -> list[int]:
        """Book a part (in hundredths) of what was reserved; the amounts."""
        amounts = []
        for line in self.open.pop(name):
            amount = 0 if line.rule is RUNNING else line.amount * parts // 100
            self.settled[count_of(line)] += amount
            amounts.append(amount)
        return amounts


def count_of(line: Line) -> Count:
    return line.rule.counter, line.starts_us


class Schedule(RuleBasedStateMachine):
    """One schedule of calls against a MemoryLimiter."""

    loop: asyncio.AbstractEventLoop
    counters_max = COUNTERS_MAX

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.sums = Sums()
        self.limiter = MemoryLimiter(self.clock, self.ledger, counters_max=self.counters_max)
        self.asked: list[tuple[Count, asyncio.Future[int]]] = []
        self.waiting: dict[str, asyncio.Task[None]] = {}
        self.ended: list[str] = []
        self.names = 0

    async def ledger(self, rule: Rule, starts_us: int, _ends_us: int) -> int:
        answer: asyncio.Future[int] = self.loop.create_future()
        self.asked.append(((rule.counter, starts_us), answer))
        return await answer

    def turn(self) -> None:
        """Let everything go on that can; whatever broke, breaks the test."""
        for _ in range(6):
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()
        for name in [name for name, task in self.waiting.items() if task.done()]:
            task = self.waiting.pop(name)
            if not task.cancelled() and not isinstance(task.exception(), ConnectionError):
                task.result()

    async def reserve(self, name: str, lines: list[Line]) -> None:
        self.sums.note(name, lines, await self.limiter.reserve(name, lines, LEASE_SECONDS))

    def ask(self, name: str, which: int, amount: int) -> None:
        now_us = self.clock.now_us()
        rules = SETS[which % len(SETS)]
        lines = [line_at(one, 1 if one in {RUNNING, REQUESTS} else amount, now_us) for one in rules]
        self.waiting[name] = self.loop.create_task(self.reserve(name, lines))
        self.turn()

    @rule(which=st.integers(0, 4), amount=AMOUNT)
    def begin(self, which: int, amount: int) -> None:
        self.names += 1
        self.ask(f"call-{self.names}", which, amount)

    @precondition(lambda self: self.sums.open)
    @rule(who=st.integers(0, 7), which=st.integers(0, 4), amount=AMOUNT)
    def try_again(self, who: int, which: int, amount: int) -> None:
        name = pick(list(self.sums.open), who)
        if name not in self.waiting:
            self.ask(name, which, amount)

    @precondition(lambda self: self.asked)
    @rule(who=st.integers(0, 7), away=st.sampled_from((False, False, False, True)))
    def the_ledger_answers(self, who: int, *, away: bool) -> None:
        count, answer = self.asked.pop(who % len(self.asked))
        if answer.cancelled():
            return
        if away:
            answer.set_exception(ConnectionError("away"))
        else:
            answer.set_result(self.sums.settled[count])
        self.turn()

    @precondition(lambda self: self.waiting)
    @rule(who=st.integers(0, 7))
    def hang_up(self, who: int) -> None:
        self.waiting[pick(list(self.waiting), who)].cancel()
        self.turn()

    @precondition(lambda self: self.sums.open)
    @rule(who=st.integers(0, 7), parts=st.sampled_from((0, 1, 50, 100)))
    def settle(self, who: int, parts: int) -> None:
        name = pick(list(self.sums.open), who)
        if name not in self.waiting:
            self.limiter.settle(name, self.sums.settle(name, parts))
            self.ended.append(name)

    @precondition(lambda self: self.ended)
    @rule(who=st.integers(0, 7), amount=AMOUNT)
    def settle_once_more(self, who: int, amount: int) -> None:
        self.limiter.settle(pick(self.ended, who), [amount] * 4)

    @rule(seconds=st.sampled_from((1, 30, 61, 3_600, 86_400, 2_700_000)))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)

    def check_sums(self) -> None:
        """Counters say what the sums say, and no limit is passed."""
        counts = {**self.sums.settled, **{count_of(line): 0 for lines in self.sums.open.values() for line in lines}}
        for count in counts:
            kept = self.limiter._counts.get(count)
            held = self.sums.used(count) - self.sums.settled[count]
            if kept is None:
                assert held == 0, "forgot what is reserved"
            else:
                assert kept.used == self.sums.used(count) <= LIMIT

    def teardown(self) -> None:
        """All goes home: nothing stays reserved."""
        for task in self.waiting.values():
            task.cancel()
        self.turn()
        for name in list(self.sums.open):
            self.limiter.settle(name, self.sums.settle(name, 100))
        self.check_sums()
        assert not self.limiter._open
        self.loop.run_until_complete(self.limiter.close())
        self.turn()


def pick(names: list[str], who: int) -> str:
    return names[who % len(names)]

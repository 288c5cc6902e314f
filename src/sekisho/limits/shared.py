"""A Limiter over a store that many processes share: Valkey, Redis or PostgreSQL.

Flows in: lines. Flows out: refusals, by the store's word, which checks and takes all lines at once. Must stay true:
what this process holds is known here until the store has booked it, so that a store that lost its memory hears of it;
money is admitted only when everybody has said what it holds and the ledger what was spent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from sekisho.core.clock import Clock
from sekisho.core.errors import SekishoError
from sekisho.limits.limiter import LimitsUnavailable, Line, Refusal, Seed, line_at
from sekisho.limits.periods import NEVER_US
from sekisho.limits.rule import Measure, Rule
from sekisho.limits.sender import Answer, Command, CommandFailed, Sender

#: How long a count is kept after its period, for calls that end later; and one without an end after its last use.
_LATE_MS: Final = 600_000
_NEVER_MS: Final = 35 * 86_400_000
#: Clocks of machines differ by less; more is put right by the store's.
_CLOCKS_US: Final = 100_000
#: A process that has shown no sign of life for so long is not waited for.
_ALIVE_MS: Final = 15_000
#: Commands that nobody waits for are kept while the store is away, up to here: leases tidy up after the rest.
_KEPT_MAX: Final = 10_000
#: Returns when all that was settled here is in the ledger's database.
Flushed = Callable[[], Awaitable[None]]
#: Announces a reservation where it outlives this process: whoever comes after it gives back what was not used. Raises
#: OperatorError when it cannot be kept.
Hold = Callable[[str], None]
#: What a process holds, as commands that say it again.
Holdings = Callable[[], Awaitable[list[Command]]]
_LETTERS: Final = {Measure.MONEY: "m", Measure.PARALLEL: "t"}


class _Held:
    """A reservation of this process, until the store has booked it."""

    __slots__ = ("lease_us", "lines", "renew_us", "settled")

    def __init__(self, lines: Sequence[Line], lease_us: int, renew_us: int) -> None:
        self.lines = lines
        self.lease_us = lease_us
        self.renew_us = renew_us
        self.settled = False


class SharedLimiter:
    """A Limiter over one store.

    For `grace_seconds` after its lease a reservation still counts against budgets: till then the process that recovers
    its call may book it.
    """

    def __init__(
        self,
        store: Sender,
        *,
        clock: Clock,
        seed: Seed,
        flushed: Flushed,
        hold: Hold,
        patience_seconds: float = 2.0,
        beat_seconds: float = 1.0,
        grace_seconds: float = 900.0,
    ) -> None:
        self._clock = clock
        self._seed = seed
        self._flushed = flushed
        self._hold = hold
        self._patience_seconds = patience_seconds
        self._beat_seconds = beat_seconds
        self._grace_us = round(grace_seconds * 1_000_000)
        self._open: dict[str, _Held] = {}
        self._seeding: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._unseeded: Sequence[Line] = ()
        self._ahead_us = 0
        self._beating: asyncio.Task[None] | None = None
        self._store = store
        self._troubles: tuple[type[Exception], ...] = (*store.troubles, CommandFailed)

    @property
    def processes(self) -> int:
        """How many shared the store when it was last heard of."""
        return max(1, len(self._store.members))

    async def reserve(self, reservation: str, lines: Sequence[Line], lease_seconds: float) -> Refusal | None:
        """Take all lines or none. Raises LimitsUnavailable, and what `hold`, `seed` and `flushed` raise."""
        self._start_beating()
        self._hold(reservation)
        lines = self._by_the_stores_clock(lines)
        lease_us = round(lease_seconds * 1_000_000)
        try:
            answer = await self._answered("reserve", self._reserving(reservation, lines, lease_us), lines)
        except BaseException:  # a caller who hangs up is a cancellation
            if reservation not in self._open and self._store.waiting < _KEPT_MAX:
                self._store.post(Command("settle", (reservation, "named")))  # it may have been taken all the same
            raise
        if answer[0] == "no":
            return Refusal(lines[int(answer[1])], int(answer[2]))
        self._open[reservation] = _Held(lines, lease_us, self._clock.monotonic_us() + lease_us // 3)
        return None

    def settle(self, reservation: str, amounts: Sequence[int]) -> None:
        """Book what was used, as soon as the store can be told."""
        held = self._open.get(reservation)
        if held is not None and not held.settled:
            held.settled = True
            named: list[str] = []
            for at, line in enumerate(held.lines):
                named += (_count(line), str(amounts[at] if at < len(amounts) else line.amount))
            self._book(reservation, (reservation, "named", *named))

    def settle_recovered(self, reservation: str, amounts: Mapping[Measure, int]) -> None:
        """Book a call of a process that died; the store knows its lines."""
        said = [text for measure, amount in amounts.items() for text in (measure.value, str(amount))]
        self._book(reservation, (reservation, "measured", *said))

    async def used(self, rules: Iterable[Rule], at_us: int) -> list[int]:
        """What is used of each rule. Raises LimitsUnavailable, and what `seed` and `flushed` raise."""
        self._start_beating()
        lines = [line_at(rule, 0, at_us) for rule in rules]
        answer = await self._answered("used", [_count(line) for line in lines], lines)
        return [int(amount) for amount in answer[1:]]

    async def reseed(self, rules: Iterable[Rule], at_us: int) -> None:
        """Begin again with what the ledger says. Raises LimitsUnavailable, and what `seed` raises."""
        for line in [line_at(rule, 0, at_us) for rule in rules if rule.measure is Measure.MONEY]:
            spent = await self._seed(line.rule, line.starts_us, line.ends_us)
            await self._answered("reseed", (_count(line), str(spent)), ())

    async def close(self) -> None:
        """Tell the store what it was not told yet; a second at most."""
        for task in (self._beating, *self._seeding.values()):
            if task is not None:
                task.cancel()
        await self._store.close()

    def _reserving(self, reservation: str, lines: Sequence[Line], lease_us: int, force: str = "0") -> list[str]:
        arguments = [str(self._grace_us), reservation, str(lease_us), force]
        now_us = self._clock.now_us()
        for line in lines:
            arguments += (_count(line), str(line.amount), str(line.limit), _kept_ms(line, now_us))
        return arguments

    async def _answered(self, name: str, arguments: Sequence[str], lines: Sequence[Line]) -> Answer:
        """The store's last word: asked again after the ledger was, in a new epoch, and when a connection was dead."""
        tried, patient_till_us = 0, self._clock.monotonic_us() + round(self._patience_seconds * 1_000_000)
        while True:
            try:
                async with asyncio.timeout(self._patience_seconds):
                    answer = await self._store.ask(name, arguments)
            except self._troubles as error:
                tried += 1
                if tried == 2 or isinstance(error, TimeoutError):
                    raise _unavailable() from error
                continue
            if answer[0] == "seed":
                await asyncio.gather(*(self._make(lines[int(at)]) for at in answer[1:]))
            elif answer[0] in {"wait", "epoch"}:
                if self._clock.monotonic_us() > patient_till_us:
                    raise _unavailable()
                await asyncio.sleep(min(int(answer[1]) / 1_000, 0.05) if answer[0] == "wait" else 0)
            else:
                return answer

    async def _make(self, line: Line) -> None:
        """Begin a count of money with what the ledger knows: asked once, however many calls wait or give up."""
        key = line.rule.counter, line.starts_us
        task = self._seeding.get(key)
        if task is None:
            task = self._seeding[key] = asyncio.ensure_future(self._ask_the_ledger(line))
            task.add_done_callback(lambda done: self._made(key, done))
        await asyncio.shield(task)

    async def _ask_the_ledger(self, line: Line) -> None:
        spent = await self._seed(line.rule, line.starts_us, line.ends_us)
        try:
            await self._store.ask("seed", (_count(line), str(spent), _kept_ms(line, self._clock.now_us())))
        except self._troubles as error:
            raise _unavailable() from error

    def _made(self, key: tuple[str, int], task: asyncio.Task[None]) -> None:
        del self._seeding[key]
        if not task.cancelled():
            task.exception()  # seen, also where nobody waits any more

    def _book(self, reservation: str, arguments: Sequence[str]) -> None:
        def booked(answer: Answer) -> None:
            if answer[0] != "epoch":
                self._open.pop(reservation, None)
            elif reservation in self._open:  # else the ledger has it, and nobody holds it any more
                self._book(reservation, arguments)

        self._store.post(Command("settle", arguments, booked))

    async def holdings(self) -> list[Command]:
        """What this process holds, in a new epoch. What was settled before stands in the ledger then."""
        settled = [name for name, held in self._open.items() if held.settled]
        try:
            await self._flushed()
        except SekishoError as error:  # the ledger's
            raise _unavailable() from error
        for name in settled:
            self._open.pop(name, None)
        self._unseeded = [line for held in self._open.values() for line in held.lines]
        return [
            Command("reserve", self._reserving(name, held.lines, held.lease_us, force="1"))
            for name, held in self._open.items()
        ]

    def _start_beating(self) -> None:
        if self._beating is None:
            self._beating = asyncio.ensure_future(self._beat())

    async def _beat(self) -> None:
        """Show signs of life for what goes on, hear who else is there and what time it is; whatever fails."""
        while True:
            await asyncio.sleep(self._beat_seconds)
            await asyncio.gather(self._beat_once(), return_exceptions=True)

    async def _beat_once(self) -> None:
        now_us, arguments = self._clock.monotonic_us(), [str(self._grace_us), self._store.member, str(_ALIVE_MS)]
        for name, held in self._open.items():
            if not held.settled and held.renew_us <= now_us:
                arguments += (name, str(held.lease_us))
                held.renew_us = now_us + held.lease_us // 3
        sent_us = self._clock.now_us()
        answer = await self._store.ask("beat", arguments)
        if answer[0] == "beat":
            self._ahead_us = int(answer[1]) - (sent_us + self._clock.now_us()) // 2
            self._store.members = answer[2:]
        if self._unseeded:
            # Before these calls end: what they settle could not be told from what the ledger has of it already.
            lines, self._unseeded = self._unseeded, ()
            await self._answered("used", [_count(line) for line in lines], lines)

    def _by_the_stores_clock(self, lines: Sequence[Line]) -> Sequence[Line]:
        """Where this machine's clock is wrong, all processes still count in the same periods."""
        if abs(self._ahead_us) < _CLOCKS_US:
            return lines
        now_us = self._clock.now_us()
        anew = [line_at(line.rule, line.amount, now_us + self._ahead_us) for line in lines]
        more = [
            line.limit - line.rule.limit_at(now_us) for line in lines
        ]  # than the rule says, for reasons of the call
        return [msgspec.structs.replace(line, limit=line.limit + each) for line, each in zip(anew, more, strict=True)]


def _count(line: Line) -> str:
    return f"{_LETTERS.get(line.rule.measure, 'c')}:{line.rule.counter}:{line.starts_us}"


def _kept_ms(line: Line, now_us: int) -> str:
    if line.ends_us >= NEVER_US:
        return str(_NEVER_MS)
    return str(max(0, line.ends_us - now_us) // 1_000 + _LATE_MS)


def _unavailable() -> LimitsUnavailable:
    return LimitsUnavailable(
        "What may still be spent cannot be known now. Try again in a moment.", retry_after_seconds=1.0
    )

"""What holds while the shared store is away: each rule says itself whether calls go on.

Flows in: lines, for a store that may not answer. Flows out: its word; without it, a refusal by name for rules that are
closed, and this process's share of the limit for those that are open. Must stay true: no call waits for a store that is
known to be away; whatever was admitted is counted and logged, and settles where it was reserved.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from sekisho.core.clock import Clock
from sekisho.limits.limiter import LimitsUnavailable, Line, Refusal
from sekisho.limits.memory import MemoryLimiter
from sekisho.limits.rule import Measure, Rule
from sekisho.limits.shared import SharedLimiter

log = logging.getLogger("sekisho.limits")

#: How often it is asked whether the store is back.
ASK_SECONDS: Final = 0.5


class OutageLimiter:
    """A Limiter over a shared store, and over this process's memory while the store is away."""

    def __init__(self, store: SharedLimiter, clock: Clock, *, ask_seconds: float = ASK_SECONDS) -> None:
        self._store = store
        self._clock = clock
        self._ask_seconds = ask_seconds
        self._local = MemoryLimiter(clock, _nothing)
        #: What was reserved where; a call may have tried once before the outage and once in it.
        self._in_store: dict[str, Sequence[Line]] = {}
        self._in_memory: dict[str, Sequence[Line]] = {}
        self._asking: asyncio.Task[None] | None = None
        #: Since the start: calls that went on without the store, and calls that were refused for want of it.
        self.admitted_without, self.refused_without = 0, 0

    @property
    def away(self) -> bool:
        """Whether the store is known not to answer."""
        return self._asking is not None

    async def reserve(self, reservation: str, lines: Sequence[Line], lease_seconds: float) -> Refusal | None:
        """Take all lines or none. Raises LimitsUnavailable while the store is away and a line's rule is closed."""
        if not self.away:
            try:
                refusal = await self._store.reserve(reservation, lines, lease_seconds)
            except LimitsUnavailable as error:
                self._notice(error)
            else:
                if refusal is None:
                    self._in_store[reservation] = lines
                    if reservation in self._in_memory:
                        self._local.settle(reservation, [0] * len(self._in_memory.pop(reservation)))
                return refusal
        return await self._without(reservation, lines, lease_seconds)

    def settle(self, reservation: str, amounts: Sequence[int]) -> None:
        """Book what was used where it was reserved."""
        stored, kept = self._in_store.pop(reservation, None), self._in_memory.pop(reservation, None)
        if kept is None:
            self._store.settle(reservation, amounts)
            return
        self._local.settle(reservation, amounts)
        if stored is not None:
            taken = {line.rule.counter: amount for line, amount in zip(kept, amounts, strict=False)}
            self._store.settle(reservation, [taken.get(line.rule.counter, line.amount) for line in stored])

    def settle_recovered(self, reservation: str, amounts: Mapping[Measure, int]) -> None:
        """Only the store knows of it."""
        self._store.settle_recovered(reservation, amounts)

    async def used(self, rules: Iterable[Rule], at_us: int) -> list[int]:
        """What is used of each rule. Raises LimitsUnavailable."""
        if self.away:
            raise LimitsUnavailable("What is used cannot be known now: the store of limits is away.")
        return await self._store.used(rules, at_us)

    async def reseed(self, rules: Iterable[Rule], at_us: int) -> None:
        """Ask the ledger anew. Raises LimitsUnavailable."""
        await self._store.reseed(rules, at_us)

    async def close(self) -> None:
        """Let go of both."""
        if self._asking is not None:
            self._asking.cancel()
        await self._local.close()
        await self._store.close()

    async def _without(self, reservation: str, lines: Sequence[Line], lease_seconds: float) -> Refusal | None:
        """By the rules alone. Money of an open rule is not counted meanwhile; the ledger has its calls all the same."""
        closed = next((line.rule for line in lines if line.rule.on_outage == "closed" and line.amount), None)
        if closed is not None:
            self.refused_without += 1
            raise LimitsUnavailable(
                f"The {closed.measure} limit of this {closed.scope_kind.replace('_', ' ')} cannot be checked now: the "
                "store of limits is away. Try again in a moment.",
                retry_after_seconds=1.0,
            )
        shares = [self._share(line) for line in lines]
        refusal = await self._local.reserve(reservation, shares, lease_seconds)
        if refusal is None:
            self.admitted_without += 1
            self._in_memory[reservation] = lines
        return refusal

    def _share(self, line: Line) -> Line:
        """This process's part of what all may use together."""
        if line.rule.measure is Measure.MONEY:
            return msgspec.structs.replace(line, amount=0)
        share = max(min(line.limit, 1), line.limit // self._store.processes)
        return msgspec.structs.replace(line, limit=share, amount=min(line.amount, max(share, 1)))

    def _notice(self, error: LimitsUnavailable) -> None:
        if self._asking is None:
            cause = type(error.__cause__ or error).__name__
            log.warning("limits: the store is away (%s): closed rules refuse, open ones hold by share", cause)
            self._asking = asyncio.ensure_future(self._ask())

    async def _ask(self) -> None:
        """Until it answers."""
        while True:
            await asyncio.sleep(self._ask_seconds)
            (answer,) = await asyncio.gather(self._store.used((), self._clock.now_us()), return_exceptions=True)
            if not isinstance(answer, BaseException):
                break
        self._asking = None
        log.warning(
            "limits: the store is back; without it %d calls were admitted and %d refused since the start",
            self.admitted_without,
            self.refused_without,
        )


async def _nothing(_rule: Rule, _starts_us: int, _ends_us: int) -> int:
    return 0

"""Commands to a store that counts for many processes, sent one batch after another.

Flows in: commands, from any number of calls. Flows out: their answers; all that waits goes together. Must stay true:
commands are carried out in the order in which they were handed in; those that nobody waits for (what was settled) are
kept while the store is away, and may be carried out twice.
"""

from __future__ import annotations

import asyncio
import uuid
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

#: Commands in one batch.
_TOGETHER: Final = 500

#: What a store answers: a word, then what belongs to it.
#: reserve: "taken"; "no", line, used; "seed", lines of money that the ledger has to be asked for; "wait", milliseconds.
#: settle: "settled". seed, reseed: "seeded". used: "used", amounts; "seed"; "wait".
#: beat: "beat", the time in µs, the processes that live.
#: Any: "epoch", where the store has lost its memory and the command was not carried out.
Answer = Sequence[str]


class Command:
    """`name` is one of those above; `arguments` are texts, so that no store rounds a number."""

    __slots__ = ("answer", "arguments", "done", "name")

    def __init__(self, name: str, arguments: Sequence[str], done: Callable[[Answer], None] | None = None) -> None:
        self.name = name
        self.arguments = arguments
        #: Called with the answer, in the order of the answers.
        self.done = done
        #: Set where somebody waits.
        self.answer: asyncio.Future[Answer] | None = None


class CommandFailed(Exception):
    """The store cannot carry out this one command; others it can."""


class Sender(ABC):
    """The order of commands; `_carry_out` and `_hang_up` are the store's."""

    #: What may go wrong between here and there.
    troubles: tuple[type[Exception], ...] = (OSError,)

    def __init__(self) -> None:
        self._waiting: deque[Command] = deque()
        self._working: asyncio.Task[None] | None = None
        #: What this process is called while it runs, and who else was there at the last beat.
        self.member = uuid.uuid4().hex
        self.members: Sequence[str] = ()

    @property
    def waiting(self) -> int:
        """Commands that were not carried out yet."""
        return len(self._waiting)

    def post(self, command: Command) -> None:
        """Send when it is its turn. What cannot be sent waits for the next that is asked for."""
        self._waiting.append(command)
        if self._working is None:
            self._working = asyncio.ensure_future(self._work())

    async def ask(self, name: str, arguments: Sequence[str]) -> Answer:
        """Send, and wait for the answer. Raises one of `troubles`, CommandFailed, or what the owner's callbacks do."""
        command = Command(name, arguments)
        command.answer = asyncio.get_running_loop().create_future()
        self.post(command)
        return await command.answer

    async def close(self) -> None:
        """Send what waits, for a second at most; then hang up."""
        working = self._working
        if working is not None:
            await asyncio.wait((working,), timeout=1.0)
            working.cancel()
        await self._hang_up()

    @abstractmethod
    async def _carry_out(self, batch: Sequence[Command]) -> Sequence[Answer | CommandFailed]:
        """The answers, in order. Raises one of `troubles`; then any of them may have been carried out, or none."""

    @abstractmethod
    async def _hang_up(self) -> None:
        """Let go of the connection, whatever state it is in; the next batch opens another."""

    async def _work(self) -> None:
        """Until nothing waits. Whatever fails, fails for those who wait for an answer; the rest is kept."""
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(_TOGETHER, len(self._waiting)))]
                try:
                    answers = await self._carry_out(batch)
                except BaseException:  # a cancellation too: none of them is lost
                    self._waiting.extendleft(reversed(batch))
                    raise
                for command, answer in zip(batch, answers, strict=True):
                    _answered(command, answer)
        except asyncio.CancelledError:
            self._fail(ConnectionError("closed"))
            raise
        except Exception as error:  # noqa: BLE001  a defect of the store's too: else those who wait would for ever
            await self._hang_up()
            self._fail(error)
        finally:
            self._working = None

    def _fail(self, error: BaseException) -> None:
        kept: list[Command] = []
        for command in self._waiting:
            if command.answer is None:
                kept.append(command)
            elif not command.answer.done():
                command.answer.set_exception(error)
        self._waiting = deque(kept)


def _answered(command: Command, answer: Answer | CommandFailed) -> None:
    waiting = command.answer if command.answer is not None and not command.answer.done() else None
    if isinstance(answer, CommandFailed):
        if waiting is not None:
            waiting.set_exception(answer)
        return
    if command.done is not None:
        command.done(answer)
    if waiting is not None:
        waiting.set_result(answer)

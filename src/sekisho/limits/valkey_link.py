"""The line to Valkey or Redis: one connection, on which scripts are sent in the order they are asked for.

Flows in: commands. Flows out: their answers; all that waits goes in one write. Must stay true: nothing is sent in an
epoch that this process has not joined; a server that was started anew, or another in its place, begins a new epoch even
if it kept its data, because it may have lost the last of it; no command is sent twice unless it may be.
"""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

_LUA: Final = Path(__file__).parent / "lua"
_NAMES: Final = ("reserve", "settle", "seed", "used", "join", "joined", "beat")
#: Commands in one write.
_TOGETHER: Final = 500
#: Everything that may go wrong between here and there.
LINK_ERRORS: Final = (RedisError, OSError, TimeoutError)

Answer = list[str]


class Command:
    """A script with its arguments (without the epoch, which stands first). `answer` is None where nobody waits."""

    __slots__ = ("answer", "arguments", "done", "script")

    def __init__(self, script: str, arguments: Sequence[str], done: Callable[[Answer], None] | None = None) -> None:
        self.script = script
        self.arguments = arguments
        #: Called with the answer, in the order of the answers. Without it the command was asked for by `ask`.
        self.done = done
        self.answer: asyncio.Future[Answer] | None = None


class Link:
    """To the server at `url` (redis://, rediss://, unix://). `holdings` says, when an epoch is joined, what this
    process holds; the ledger's database knows all else that it has settled.
    """

    def __init__(
        self, url: str, *, namespace: str, timeout_seconds: float, holdings: Callable[[], Awaitable[list[Command]]]
    ) -> None:
        pool = ConnectionPool.from_url(
            url,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            decode_responses=True,
            retry=Retry(NoBackoff(), 0),
        )
        self._connect: type[AbstractConnection] = pool.connection_class
        self._options = pool.connection_kwargs
        self._holdings = holdings
        self._epoch_key = f"{{{namespace}}}"
        self._connection: AbstractConnection | None = None
        self._run = ""
        self._shas: dict[str, str] = {}
        self._waiting: deque[Command] = deque()
        self._working: asyncio.Task[None] | None = None
        #: What this process is called while it runs, and who else was there at the last beat.
        self.member = uuid.uuid4().hex
        self.members: Sequence[str] = ()
        #: The epoch that was joined; "" before, and after it has ended.
        self.epoch = ""
        #: How long the first of a new epoch waits for others, at least and at most.
        self.pause_seconds, self.deadline_seconds = 1.0, 10.0

    @property
    def waiting(self) -> int:
        """Commands that were not sent yet."""
        return len(self._waiting)

    def post(self, command: Command) -> None:
        """Send when it is its turn. What cannot be sent waits for the next that is asked for."""
        self._waiting.append(command)
        if self._working is None:
            self._working = asyncio.ensure_future(self._work())

    async def ask(self, script: str, arguments: Sequence[str]) -> Answer:
        """Send, and wait for the answer. Raises one of LINK_ERRORS, or what `holdings` raises."""
        command = Command(script, arguments)
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

    async def _work(self) -> None:
        """Until nothing waits. Whatever fails, fails for those who wait for an answer; the rest is kept."""
        try:
            while self._waiting:
                if not self.epoch:
                    await self._join()
                batch = [self._waiting.popleft() for _ in range(min(_TOGETHER, len(self._waiting)))]
                answered = 0
                try:
                    for command, answer in zip(batch, await self._send(batch), strict=True):
                        self._answered(command, answer)
                        answered += 1
                finally:
                    self._waiting.extendleft(reversed(batch[answered:]))
        except asyncio.CancelledError:
            self._fail(ConnectionError("closed"))
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, those who wait have to hear of it
            await self._hang_up()
            self._fail(error)
        finally:
            self._working = None

    def _answered(self, command: Command, answer: Answer | ResponseError) -> None:
        if isinstance(answer, ResponseError):
            if type(answer) is not ResponseError:
                raise answer  # the state of the server, not this command: a replica, no memory left, scripts forgotten
            if command.answer is not None and not command.answer.done():
                command.answer.set_exception(answer)
            return
        if answer[0] == "epoch":
            self.epoch = ""
        if command.done is not None:
            command.done(answer)
        if command.answer is not None and not command.answer.done():
            command.answer.set_result(answer)

    def _fail(self, error: BaseException) -> None:
        kept: list[Command] = []
        for command in self._waiting:
            if command.answer is None:
                kept.append(command)
            elif not command.answer.done():
                command.answer.set_exception(error)
        self._waiting = deque(kept)

    async def _join(self) -> None:
        """Find this process's place in the epoch that the server is in."""
        connection = await self._connected()
        holdings = await self._holdings()
        pause, deadline = (str(round(seconds * 1e6)) for seconds in (self.pause_seconds, self.deadline_seconds))
        new = uuid.uuid4().hex[:12]
        (answer,) = await self._exchange(
            connection, [("join", (new, self._run, pause, deadline, self.member, *self.members))]
        )
        epoch = _sound(answer)[0]
        held = [(command.script, (epoch, *command.arguments)) for command in holdings]
        for answered in await self._exchange(connection, [*held, ("joined", (epoch, self.member))]):
            if _sound(answered)[0] == "epoch":
                return  # it ended meanwhile: once more
        self.epoch = epoch

    async def _send(self, batch: Sequence[Command]) -> list[Answer | ResponseError]:
        connection = await self._connected()
        if not self.epoch:  # a new connection, to a server that is not the one it was
            return [["epoch"] for _ in batch]
        return await self._exchange(
            connection, [(command.script, (self.epoch, *command.arguments)) for command in batch]
        )

    async def _exchange(
        self, connection: AbstractConnection, scripts: Sequence[tuple[str, Sequence[str]]]
    ) -> list[Answer | ResponseError]:
        packed = connection.pack_commands(
            [("EVALSHA", self._shas[name], "1", self._epoch_key, *arguments) for name, arguments in scripts]
        )
        await connection.send_packed_command(packed, check_health=False)
        return [await _answer(connection) for _ in scripts]

    async def _connected(self) -> AbstractConnection:
        """The connection; a new one knows the scripts, and we know what answers there."""
        if self._connection is not None and self._connection.is_connected:
            return self._connection
        connection = self._connection = self._connection or self._connect(**self._options)
        await connection.connect()
        for name in _NAMES:
            text = (_LUA / "common.lua").read_text() + (_LUA / f"{name}.lua").read_text()
            self._shas[name] = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
            await _said(connection, "SCRIPT", "LOAD", text)
        run = _run_of(await _said(connection, "INFO", "server"))
        if run != self._run:
            self._run, self.epoch = run, ""
        return connection

    async def _hang_up(self) -> None:
        if self._connection is not None:
            with suppress(*LINK_ERRORS):
                await self._connection.disconnect(nowait=True)


async def _said(connection: AbstractConnection, *words: str) -> Any:
    await connection.send_command(*words)
    return await connection.read_response()


async def _answer(connection: AbstractConnection) -> Answer | ResponseError:
    try:
        answer: Answer = await connection.read_response()
    except ResponseError as error:
        return error
    return answer


def _sound(answer: Answer | ResponseError) -> Answer:
    if isinstance(answer, ResponseError):
        raise answer
    return answer


def _run_of(info: Any) -> str:
    """Which run of a server this is."""
    text = info if isinstance(info, str) else ""
    return next((line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("run_id:")), "")

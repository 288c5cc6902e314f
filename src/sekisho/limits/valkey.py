"""Counters in Valkey or Redis: one connection, on which scripts are sent.

Flows in: commands. Flows out: the scripts' answers (`lua/`), a batch in one write. Must stay true: nothing is sent in
an epoch that this process has not joined; a server that was started anew, or another in its place, begins a new epoch
even if it kept its data, because it may have lost the last of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from sekisho.core.clock import Clock
from sekisho.limits.limiter import Seed
from sekisho.limits.outage import OutageLimiter
from sekisho.limits.sender import Answer, Command, CommandFailed, Sender
from sekisho.limits.shared import Flushed, Hold, Holdings, SharedLimiter

log = logging.getLogger("sekisho.limits")

#: The policy under which a server forgets nothing that it was told to keep.
_KEEPS: Final = "noeviction"
_LUA: Final = Path(__file__).parent / "lua"
#: What the server may take over one of many scripts that were sent together.
_SCRIPT_SECONDS: Final = 0.001
_NAMES: Final = ("reserve", "settle", "seed", "reseed", "used", "join", "joined", "beat")


def valkey_limiter(url: str, clock: Clock, *, seed: Seed, flushed: Flushed, hold: Hold) -> OutageLimiter:
    """The Limiter of this process over the server at `url`, which may be away."""
    store = Valkey(url)
    limiter = SharedLimiter(store, clock=clock, seed=seed, flushed=flushed, hold=hold)
    store.holdings = limiter.holdings
    return OutageLimiter(limiter, clock)


class Silence(RedisError):
    """No answer on this connection in time; on a new one there may be."""


class Valkey(Sender):
    """The server at `url` (redis://, rediss://, unix://). Its keys lie in one slot of a cluster, by `namespace`."""

    troubles = (RedisError, OSError)

    def __init__(self, url: str, *, namespace: str = "sekisho", timeout_seconds: float = 0.25) -> None:
        super().__init__()
        self._timeout_seconds = timeout_seconds
        pool = ConnectionPool.from_url(
            url,
            socket_timeout=None,  # ours holds for a whole batch; the client's costs a task and a timer for each answer
            socket_connect_timeout=timeout_seconds,
            decode_responses=True,
            retry=Retry(NoBackoff(), 0),
        )
        self._connect: type[AbstractConnection] = pool.connection_class
        self._options = pool.connection_kwargs
        self._connection: AbstractConnection | None = None
        self._epoch_key = f"{{{namespace}}}"
        self._run = ""
        self._shas: dict[str, str] = {}
        #: What this process holds, said when an epoch is joined.
        self.holdings: Holdings
        #: The epoch that was joined; "" before, and after it has ended.
        self.epoch = ""
        #: How long the first of a new epoch waits for others, at least and at most.
        self.pause_seconds, self.deadline_seconds = 1.0, 10.0

    async def _carry_out(self, batch: Sequence[Command]) -> Sequence[Answer | CommandFailed]:
        if not self.epoch:
            await self._join()
        connection = await self._connected()
        if not self.epoch:  # it has ended already, or a new connection leads to a server that is not the one it was
            return [("epoch",) for _ in batch]
        answers = await self._exchange(connection, [(each.name, (self.epoch, *each.arguments)) for each in batch])
        if any(not isinstance(answer, CommandFailed) and answer[0] == "epoch" for answer in answers):
            self.epoch = ""
        return answers

    async def _join(self) -> None:
        """Find this process's place in the epoch that the server is in."""
        connection = await self._connected()
        holdings = await self.holdings()
        pause, deadline = (str(round(seconds * 1e6)) for seconds in (self.pause_seconds, self.deadline_seconds))
        new = uuid.uuid4().hex[:12]
        (epoch,) = await self._sound(
            [("join", (new, self._run, pause, deadline, self.member, *self.members))], connection
        )
        held = [(command.name, (epoch[0], *command.arguments)) for command in holdings]
        answers = await self._sound([*held, ("joined", (epoch[0], self.member))], connection)
        if all(answer[0] != "epoch" for answer in answers):
            self.epoch = epoch[0]

    async def _sound(
        self, scripts: Sequence[tuple[str, Sequence[str]]], connection: AbstractConnection
    ) -> list[Answer]:
        """The answers, where each is needed."""
        answers = []
        for answer in await self._exchange(connection, scripts):
            if isinstance(answer, CommandFailed):
                raise answer
            answers.append(answer)
        return answers

    async def _exchange(
        self, connection: AbstractConnection, scripts: Sequence[tuple[str, Sequence[str]]]
    ) -> list[Answer | CommandFailed]:
        packed = [_packed("EVALSHA", self._shas[name], "1", self._epoch_key, *arguments) for name, arguments in scripts]
        try:
            async with asyncio.timeout(self._timeout_seconds + len(scripts) * _SCRIPT_SECONDS):
                await connection.send_packed_command(b"".join(packed), check_health=False)
                return [await _answer(connection) for _ in scripts]
        except TimeoutError as error:
            raise Silence from error

    async def _connected(self) -> AbstractConnection:
        """The connection; a new one knows the scripts, and we know what answers there."""
        if self._connection is not None and self._connection.is_connected:
            return self._connection
        connection = self._connection = self._connection or self._connect(**self._options)
        await connection.connect()
        try:
            async with asyncio.timeout(self._timeout_seconds * (len(_NAMES) + 1)):  # one after the other
                facts = await self._introduced(connection)
        except TimeoutError as error:
            raise Silence from error
        if facts.get("run_id", "") != self._run:
            self._run, self.epoch = facts.get("run_id", ""), ""
        if facts.get("maxmemory", "0") != "0" and facts.get("maxmemory_policy") != _KEEPS:
            log.warning("limits: the server may evict counters: set its maxmemory-policy to %s", _KEEPS)
        return connection

    async def _introduced(self, connection: AbstractConnection) -> dict[str, str]:
        """What the server says of itself, when it knows the scripts."""
        for name in _NAMES:
            text = (_LUA / "common.lua").read_text() + (_LUA / f"{name}.lua").read_text()
            self._shas[name] = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
            await _said(connection, "SCRIPT", "LOAD", text)
        return _facts_of(await _said(connection, "INFO"))

    async def _hang_up(self) -> None:
        if self._connection is not None:
            with suppress(*self.troubles):
                await self._connection.disconnect(nowait=True)


def _packed(*words: str) -> bytes:
    """A command as the server reads it. The client's own way takes three times as long."""
    encoded = [word.encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded)


async def _said(connection: AbstractConnection, *words: str) -> Any:
    await connection.send_command(*words)
    return await connection.read_response()


async def _answer(connection: AbstractConnection) -> Answer | CommandFailed:
    try:
        answer: list[str] = await connection.read_response()
    except ResponseError as error:
        if type(error) is not ResponseError:
            raise  # the state of the server, not this command: a replica, no memory left, scripts forgotten
        return CommandFailed(str(error))
    return answer


def _facts_of(info: Any) -> dict[str, str]:
    """What a server says of itself: which run it is, and what it does when its memory is full."""
    lines = info.splitlines() if isinstance(info, str) else ()
    return {name: value.strip() for name, colon, value in (line.partition(":") for line in lines) if colon}

"""One call through the stations of the exchange, with a provider that does what a script says, attempt by attempt.

In: scripts, and how the caller asks and listens. Out: what the caller got, what the provider was sent, what the ledger
was told, and in which order. The stations, codecs, key ring, router, price book and spool are the real ones.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from sekisho.config.model import LitellmParams, ModelEntry, ModelInfo
from sekisho.core.clock import FakeClock
from sekisho.core.envelope import Envelope
from sekisho.core.ids import new_uuid7
from sekisho.core.secret import Secret
from sekisho.exchange.answer import Answer
from sekisho.exchange.call import NOTHING_SAID, Call
from sekisho.exchange.gateway import Gateway
from sekisho.exchange.limiting import Limiting
from sekisho.exchange.run import run
from sekisho.exchange.tables import rate_table, window_table
from sekisho.exchange.watchdog import Timeouts
from sekisho.identity.access_keys import AccessKeyRing
from sekisho.identity.call_scopes import CallScopes
from sekisho.identity.credential import KeyCallers
from sekisho.identity.keys import KeyRing
from sekisho.identity.scopes import Scope
from sekisho.ledger.journal import Journal
from sekisho.ledger.prices import PriceBook
from sekisho.ledger.rows import CallRow, Intent
from sekisho.limits.estimate import Estimator
from sekisho.limits.memory import MemoryLimiter
from sekisho.limits.rule import Rule
from sekisho.limits.rulebook import Rulebook
from sekisho.limits.soft import SoftBudgets
from sekisho.providers.auth.authority import StaticKey
from sekisho.providers.catalog import find_provider
from sekisho.providers.deployment import Deployment
from sekisho.routing.memory import Memory
from sekisho.routing.router import Router
from sekisho.routing.rules import Rules
from sekisho.store.db import Database
from sekisho.store.limits import Limits
from sekisho.upstream.http import HttpRequest
from sekisho.wire.registry import BY_NAME, dialect_of
from tests.support.caller import Caller, silence
from tests.support.ledger import open_database

MASTER = "sk-master"
KEY = "sk-provider-secret"
_numbers = itertools.count()
SSE = {"content-type": "text/event-stream; charset=utf-8"}
JSON = {"content-type": "application/json"}
#: Long enough never to matter.
PATIENT = Timeouts(
    connect_seconds=30,
    first_byte_seconds=30,
    first_event_seconds=30,
    between_chunks_seconds=30,
    total_seconds=30,
    caller_stalled_seconds=30,
    ping_after_seconds=30,
)

#: Say these bytes, fail in this way, do this, or be silent for so many seconds or for ever.
Step = bytes | Exception | Callable[[], object] | float | Literal["silence"]


@dataclass(frozen=True)
class Script:
    """One attempt: what happens before the head of the answer is there, the head, its body step by step, and what
    happens when it is closed.
    """

    steps: Sequence[Step] = ()
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: dict(SSE))
    opening: Sequence[Step] = ()
    closing: Sequence[Step] = ()


def refusal(status: int, body: object, **headers: str) -> Script:
    """An error answer; `body` is JSON, or bytes as they are."""
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Script([data], status, JSON | {name.replace("_", "-"): value for name, value in headers.items()})


def whole(body: object, **headers: str) -> Script:
    """An answer in one piece."""
    return refusal(200, body, **headers)


class ScriptedReply:
    """An HttpReply that follows a script."""

    def __init__(self, script: Script) -> None:
        self.status = script.status
        self._headers = script.headers
        self._steps = list(script.steps)

    def header(self, name: str) -> str | None:
        """The first value of header `name`, or None."""
        return self._headers.get(name)

    def headers(self) -> list[tuple[str, str]]:
        """All headers."""
        return list(self._headers.items())

    async def read_chunk(self) -> bytes | None:
        """The next step that is bytes; None after the last."""
        while self._steps:
            if (said := await _take(self._steps.pop(0))) is not None:
                return said
        return None


async def _take(step: Step) -> bytes | None:
    if isinstance(step, bytes):
        return step
    if isinstance(step, Exception):
        raise step
    if callable(step):
        step()
    else:
        await silence(None if isinstance(step, str) else step)
    return None


class ScriptedExchange:
    """One attempt: entered, it is sent; left, it is closed."""

    def __init__(self, script: Script, happened: list[str]) -> None:
        self._script = script
        self._happened = happened

    async def __aenter__(self) -> ScriptedReply:
        self._happened.append("sent")
        try:
            for step in self._script.opening:
                await _take(step)
        except BaseException:
            self._happened.append("closed")
            raise
        return ScriptedReply(self._script)

    async def __aexit__(self, *unused: object) -> None:
        self._happened.append("closed")
        for step in self._script.closing:
            await _take(step)


class ScriptedTransport:
    """A Transport whose n-th exchange follows the n-th script."""

    def __init__(self, scripts: Sequence[Script | Exception], happened: list[str]) -> None:
        self._scripts = list(scripts)
        self._happened = happened
        self.requests: list[HttpRequest] = []

    def open_stream(self, request: HttpRequest) -> ScriptedExchange:
        """The next exchange; an exception stands for a defect in the transport itself."""
        self.requests.append(request)
        script = self._scripts.pop(0)
        if isinstance(script, Exception):
            raise script
        return ScriptedExchange(script, self._happened)

    async def close(self) -> None:
        """Nothing to close."""


class Book(Journal):
    """A journal that also remembers what it was given."""

    def __init__(self, folder: Path, db: Database) -> None:
        super().__init__(folder, db, FakeClock())
        self.happened: list[str] = []
        self.intents: list[Intent] = []
        self.rows: list[CallRow] = []

    def intent(self, intent: Intent) -> None:
        """Promise a row."""
        self.happened.append("intent")
        self.intents.append(intent)
        super().intent(intent)

    def settle(self, row: CallRow) -> None:
        """Keep the promise."""
        self.happened.append("row")
        self.rows.append(row)
        super().settle(row)


@dataclass(frozen=True)
class Outcome:
    """What became of a call. `happened` holds intent, sent, closed and row in their order."""

    caller: Caller
    call: Call
    requests: list[HttpRequest]
    intents: list[Intent]
    rows: list[CallRow]
    happened: list[str]

    @property
    def row(self) -> CallRow:
        """The one row of the call."""
        [row] = self.rows
        return row


def deployment(served_by: str = "openai/gpt-4.1-mini", name: str = "m", **changes: Any) -> Deployment:
    """A deployment of `provider/model` under the name that callers use."""
    prefix, _, routed = served_by.partition("/")
    row = find_provider(prefix)
    assert row is not None
    params = LitellmParams(model=served_by, costs=changes.pop("costs", {}))
    fields: dict[str, Any] = {
        "id": f"{served_by}-{next(_numbers)}",
        "model_name": name,
        "provider": row,
        "model": routed,
        "base_url": "http://provider.test/v1" if prefix != "anthropic" else "http://provider.test",
        "host": "provider.test",
        "authority": StaticKey(Secret(KEY), row.auth),
        "extra_headers": {},
        "entry": ModelEntry(model_name=name, params=params, info=ModelInfo()),
    }
    return Deployment(**(fields | changes))


def speaking(dialect: str, **changes: Any) -> Deployment:
    """A deployment that is called in `dialect`, whatever its caller speaks."""
    served_by = "anthropic/claude-sonnet-4-5" if dialect == "anthropic-messages" else "openai/gpt-4.1-mini"
    return deployment(served_by, **({"pinned_dialect": dialect} | changes))


class Stage:
    """A gateway whose ledger and keys are real; `carry` makes one call."""

    def __init__(self, folder: Path, db: Database, book: type[Book] = Book) -> None:
        self.db = db
        self.clock = FakeClock()
        self.book = book(folder, db)
        self.keys = KeyRing(db, self.clock, Secret(MASTER))
        self.rates = rate_table(PriceBook.load(self.clock))
        limiter = MemoryLimiter(self.clock, self._spent)
        self.limiting = Limiting(
            limiter=limiter,
            estimator=Estimator(),
            rulebook=Rulebook(),
            soft=SoftBudgets(limiter, self.clock),
            window=window_table(PriceBook.load(self.clock)),
        )

    def bind(self, **limits: Any) -> None:
        """From now on every call is bound by these limits, of which nothing is used yet; `unbound` takes them off."""
        scope = Scope(kind="team", id=f"t{next(_numbers)}", name="Red", limits=Limits(**limits))
        self.limiting = msgspec.structs.replace(
            self.limiting, everybody=(scope,), rulebook=Rulebook(), estimator=Estimator()
        )

    async def _spent(self, _rule: Rule, _starts_us: int, _ends_us: int) -> int:
        """Nothing was spent before the test."""
        return 0

    def gateway(
        self,
        *deployments: Deployment,
        transport: ScriptedTransport,
        timeouts: Timeouts = PATIENT,
        retries: int = 0,
        rules: Rules | None = None,
    ) -> Gateway:
        """A gateway that serves `deployments`; those of one name are tried in this order."""
        access_keys = AccessKeyRing(self.db, self.keys, Envelope(None, None), self.clock)
        return Gateway(
            router=Router(deployments, {}, rules=rules, memory=Memory(self.clock), chance=lambda: next(_numbers) / 1e9),
            callers=KeyCallers(self.keys, access_keys, None),
            access_keys=access_keys,
            call_scopes=CallScopes(self.db),
            journal=self.book,
            rates=self.rates,
            timeouts=lambda _: timeouts,
            transport=lambda _: transport,
            retries=lambda _: retries,
            fetch=None,
            limiting=self.limiting,
            dialects=BY_NAME,
            clock=self.clock,
        )

    def call(self, caller: Caller, dialect: str, body: bytes, **changes: Any) -> Call:
        """A call as the endpoint makes it, of a caller with the master key."""
        operation = changes.pop("operation", "generate")
        return Call(
            request_id=(request_id := new_uuid7()),
            started_us=self.clock.now_us(),
            dialect=dialect_of(dialect, operation),
            operation=operation,
            headers={"authorization": f"Bearer {MASTER}"} | changes.pop("headers", {}),
            body=body,
            answer=Answer(caller.send, self.clock, request_id),
            path=changes.pop("path", NOTHING_SAID),
        )

    async def carry(
        self,
        *scripts: Script | Exception,
        to: Sequence[Deployment] = (),
        dialect: str = "openai-chat",
        caller: Caller | None = None,
        timeouts: Timeouts = PATIENT,
        retries: int = 0,
        rules: Rules | None = None,
        gateway: Gateway | None = None,
        **asked: Any,
    ) -> Outcome:
        """One call of a caller of `dialect` to the deployments `to`. `asked`: see `body_of`, and headers, operation.

        Fails when it takes longer than any of the tests' timeouts.
        """
        self.book.happened, self.book.intents, self.book.rows = [], [], []
        transport = ScriptedTransport(scripts, self.book.happened)
        gateway = gateway or self.gateway(
            *(to or (deployment(),)), transport=transport, timeouts=timeouts, retries=retries, rules=rules
        )
        caller = caller or Caller()
        made = {name: asked.pop(name) for name in ("headers", "operation", "path") if name in asked}
        body = asked.pop("body", None)
        call = self.call(caller, dialect, body if body is not None else body_of(dialect, **asked), **made)
        listening = asyncio.create_task(call.answer.listen(caller.receive))
        running = asyncio.create_task(run(call, gateway))
        try:
            _, late = await asyncio.wait({running}, timeout=10)
            assert not late, "the call does not end"
            await running
        finally:
            running.cancel()
            listening.cancel()
            await asyncio.gather(running, listening, return_exceptions=True)
        book = self.book
        return Outcome(caller, call, transport.requests, book.intents, book.rows, book.happened)


def body_of(dialect: str, *, stream: bool = True, **fields: Any) -> bytes:
    """A small request."""
    asked: dict[str, Any] = {"model": "m", "stream": stream}
    if dialect == "openai-responses":
        asked["input"] = "Hi"
    else:
        asked["messages"] = [{"role": "user", "content": "Hi"}]
    if dialect == "anthropic-messages":
        asked["max_tokens"] = 50
    return msgspec.json.encode(asked | fields)


@contextmanager
def stage_in(folder: Path, book: type[Book] = Book) -> Iterator[Stage]:
    """A stage with an empty database and a journal of this kind."""
    db = open_database(folder)
    stage = Stage(folder, db, book)
    try:
        yield stage
    finally:
        stage.book.close()
        db.close()

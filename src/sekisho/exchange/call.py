"""One call on its way through the stations: what is known of it so far.

Flows in: the request as it was received. Each station adds what it found out; `settle` reads it all. Must stay true:
nothing here is shared between calls; `principal`, `ask`, `client` are None exactly until their station has passed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from sekisho.canonical.request import Request
from sekisho.canonical.usage import Usage
from sekisho.core import bounds
from sekisho.core.errors import ErrorInfo, MalformedRequest
from sekisho.exchange.answer import Answer
from sekisho.exchange.passage import Facts, Passage
from sekisho.identity.client import Client
from sekisho.identity.keys import Principal
from sekisho.limits.limiter import Line
from sekisho.providers.deployment import Deployment
from sekisho.routing.plan import Wish
from sekisho.wire.dialect import Dialect
from sekisho.wire.json_edit import JsonObject
from sekisho.wire.output_cap import COMPLETIONS, Cap, read_cap

#: Anthropic's callers ask for thoughts between tool calls by a header.
_INTERLEAVED = "interleaved-thinking"
#: What decides who may call what. Servers that read keys in any case must not find another one than the gateway did.
_DECIDING_KEYS = frozenset({"model", "stream"})
#: The operations in which a model writes an answer.
GENERATES = frozenset({"generate", "compact", COMPLETIONS})


class Surface(msgspec.Struct, frozen=True):
    """A path that callers connect to: one line of api/llm/routes.py. `{model}` in it names the model; `stream` says
    whether the answer is streamed where the path tells it.
    """

    method: str
    path: str
    dialect: str
    operation: str
    stream: bool | None = None


class PathSays(msgspec.Struct, frozen=True):
    """What a path tells of a call; None is left to the body."""

    model: str | None = None
    stream: bool | None = None


NOTHING_SAID = PathSays()


class Ask(msgspec.Struct, frozen=True):
    """What is asked for: which model, streamed or not. `body` is otherwise unread."""

    body: JsonObject
    model: str
    stream: bool


class Spent(msgspec.Struct, frozen=True):
    """What attempts may be billed for. A cost of None is unknown."""

    usage: Usage
    cost_nano_usd: int | None


class StationSkipped(RuntimeError):
    """A station was called before the one that it builds on: a defect in run.py."""


class Call:
    """One request and everything found out about it."""

    __slots__ = (
        "answer",
        "ask",
        "attempts",
        "body",
        "canonical",
        "client",
        "deployment",
        "dialect",
        "end_user",
        "error",
        "facts",
        "headers",
        "operation",
        "output_limit",
        "passage",
        "path",
        "principal",
        "prompt_limit",
        "reached_provider",
        "request_id",
        "reserved",
        "scope",
        "shared",
        "spent",
        "spent_before",
        "started_us",
        "upstream_dialect",
        "wish",
    )

    def __init__(
        self,
        *,
        request_id: str,
        started_us: int,
        dialect: Dialect,
        operation: str,
        headers: dict[str, str],
        body: bytes,
        answer: Answer,
        path: PathSays = NOTHING_SAID,
        scope: Mapping[str, Any] | None = None,
    ) -> None:
        self.request_id = request_id
        self.started_us = started_us
        self.dialect = dialect
        self.operation = operation
        self.headers = headers
        self.body = body
        self.answer = answer
        self.path = path
        #: The request as ASGI has it, for who asks more of it than its headers.
        self.scope = scope
        self.principal: Principal | None = None
        self.ask: Ask | None = None
        #: What it brings to the choice of a deployment.
        self.wish: Wish | None = None
        self.client: Client | None = None
        #: In whose name it is made, by its own word.
        self.end_user: str | None = None
        #: The caller's request in canonical words: read once, when the first attempt needs a translation.
        self.canonical: Request | None = None
        self.deployment: Deployment | None = None
        self.upstream_dialect = ""
        self.attempts = 0
        #: The provider has the request and has not refused it: it may bill.
        self.reached_provider = False
        #: The accepted stream on its way, and what is known of the answer so far (of a stream: the passage itself).
        self.passage: Passage | None = None
        self.facts: Facts | None = None
        #: The usage that was priced last: a whole answer's, which its caller is told before it is booked.
        self.spent: Spent | None = None
        #: What attempts before the present one may be billed for: they failed on the provider's side.
        self.spent_before: Spent | None = None
        #: What the limits of its caller hold free for it, and the shorter answer that they have room for.
        self.reserved: Sequence[Line] = ()
        self.output_limit: int | None = None
        #: The most tokens that its prompt takes, as they were reserved.
        self.prompt_limit: int | None = None
        self.error: ErrorInfo | None = None
        #: What intent and row have in common, from the intent of the present attempt on.
        self.shared: dict[str, Any] | None = None

    @property
    def asked(self) -> Ask:
        """The top of the body. Only after `read_ask`."""
        if self.ask is None:
            raise StationSkipped("ask")
        return self.ask

    @property
    def admitted(self) -> Principal:
        """Who calls. Only after the key was recognised."""
        if self.principal is None:
            raise StationSkipped("principal")
        return self.principal

    @property
    def wished(self) -> Wish:
        """What the call brings to routing. Only when that begins."""
        if self.wish is None:
            raise StationSkipped("wish")
        return self.wish

    @property
    def sent_to(self) -> Deployment:
        """The deployment of the present attempt. Only after routing."""
        if self.deployment is None:
            raise StationSkipped("deployment")
        return self.deployment

    @property
    def streams(self) -> bool:
        """Whether the caller asked for a stream, of what can be one: embeddings are not, whatever their body says."""
        return self.ask is not None and self.ask.stream and self.operation in GENERATES

    def output_cap(self) -> Cap:
        """The most that the caller asked for of each answer. Only after `read_ask`."""
        if self.operation not in GENERATES:
            return Cap(tokens=0)
        return read_cap(self.capped_as(self.dialect), self.asked.body)

    def capped_as(self, dialect: Dialect) -> str:
        """How wire/output_cap.py knows a body of `dialect` that asks for what this call does."""
        return COMPLETIONS if self.operation == COMPLETIONS else dialect.shape or dialect.name

    def request(self) -> Request:
        """The caller's request in canonical words. Raises MalformedRequest or UnsupportedFeature."""
        if self.canonical is None:
            request = self.dialect.decode_request(self.body)
            if self.path is not NOTHING_SAID:
                request = msgspec.structs.replace(request, model=self.asked.model, stream=self.asked.stream)
            if request.reasoning is not None and _INTERLEAVED in self.headers.get("anthropic-beta", ""):
                thinking = msgspec.structs.replace(request.reasoning, interleaved=True)
                request = msgspec.structs.replace(request, reasoning=thinking)
            self.canonical = request
        return self.canonical


def read_ask(body: bytes, path: PathSays = NOTHING_SAID) -> Ask:
    """What a body asks for, and the path it was sent to. Raises MalformedRequest naming the field."""
    json = JsonObject(body)
    for key in json.values:
        if key.casefold() in _DECIDING_KEYS and key not in _DECIDING_KEYS:
            raise MalformedRequest(f"'{key}' must be written in lower case.", param=key)
    model = path.model if path.model is not None else _model(json)
    if not model:
        raise MalformedRequest("'model' is empty: name the model to call.", param="model")
    if len(model) > bounds.MODEL_CHARS:
        raise MalformedRequest(f"'model' is longer than {bounds.MODEL_CHARS} characters.", param="model")
    return Ask(json, model, path.stream if path.stream is not None else _stream(json))


def _model(json: JsonObject) -> str:
    if "model" not in json.values:
        raise MalformedRequest("'model' is missing: name the model to call.", param="model")
    try:
        return msgspec.json.decode(json.values["model"], type=str)
    except msgspec.DecodeError:
        raise MalformedRequest("'model' must be a string.", param="model") from None


def _stream(json: JsonObject) -> bool:
    try:
        return bool("stream" in json.values and msgspec.json.decode(json.values["stream"], type=bool | None))
    except msgspec.DecodeError:
        raise MalformedRequest("'stream' must be true or false.", param="stream") from None

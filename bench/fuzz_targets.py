"""What is fuzzed: each dialect's codec, in every direction, as the exchange uses it.

Flows in: a body or a stream of one dialect. Flows out: nothing; what should not happen is raised. Must stay true: a
declared error (SekishoError, and none of the operator's) is an answer like any other; what comes out is well-formed.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import msgspec

from sekisho.canonical.reply import Reply
from sekisho.canonical.request import Message, Request, Text
from sekisho.canonical.target import Target
from sekisho.core.errors import ErrorClass, ErrorInfo, OperatorError, SekishoError
from sekisho.exchange.call import read_ask
from sekisho.exchange.passage import Passage, Reframed, SameDialect, Translated, Unsaid, completed
from sekisho.providers.profiles import profile_of
from sekisho.routing.affinity import beginning_hash
from sekisho.wire.carried import carry_request
from sekisho.wire.carrier import Said
from sekisho.wire.dialect import Dialect
from sekisho.wire.json_edit import JsonObject
from sekisho.wire.registry import BY_NAME, CARRIED, DIALECTS

UNSAID = Unsaid("0123456789", "served", 1_700_000_000)
_ID = "01a1fef1-0851-71c3-a6d4-fa1d1fed8e67"
_MODELS = {
    "anthropic-messages": "claude-sonnet-4-5",
    "openai-chat": "gpt-4.1-mini",
    "openai-responses": "gpt-5",
    "bedrock-converse": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "gemini-generate": "gemini-2.5-pro",
}
_ASKED = Request(model="m", messages=(Message("user", (Text("Hi"),)),), stream=True, include_usage=True)
_FAILURE = ErrorInfo(error_class=ErrorClass.UPSTREAM_ERROR, message="It failed.", status=502)
_REFUSED = ErrorInfo(error_class=ErrorClass.INVALID_REQUEST, message="Invalid `signature` in `thinking`", status=400)
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Unlike(Exception):
    """What came out is not what it must be."""


def request(dialect: Dialect, body: bytes) -> Request | None:
    """A caller's request, to every provider; what it asks for, where it could be read."""
    for other in (*DIALECTS, *CARRIED):
        if other.name != dialect.name and other.shares_body_with(dialect):
            with declared():
                carry_request(JsonObject(body), dialect, other, Said(model="m", stream=True, betas=("b",)))
    with declared():
        beginning_hash(read_ask(body).body.values)
    with declared():
        dialect.mend(body, _REFUSED)
    asked = None
    with declared():
        asked = dialect.decode_request(body)
        _to_every_provider(asked)
    return asked


def _to_every_provider(asked: Request) -> None:
    for other in DIALECTS:
        with declared():
            made = other.encode_request(asked, Target(model="m", profile=profile_of(_MODELS[other.name])))
            _object.decode(made.body)


def reply(dialect: Dialect, body: bytes, asked: Request | None = None) -> None:
    """A provider's whole answer, to callers of every dialect."""
    with declared():
        dialect.read_facts(body)
    with declared():
        _to_every_caller(dialect.decode_reply(body), asked or _ASKED)


def _to_every_caller(said: Reply, asked: Request) -> None:
    for other in DIALECTS:
        with declared():
            _object.decode(other.encode_reply(completed(said, UNSAID), asked))


def error(dialect: Dialect, status: int, body: bytes, kind: str) -> None:
    """A provider's refusal, to callers of every dialect: nothing may be raised here."""
    info = dialect.parse_error(status, body, kind)
    for other in (*DIALECTS, *CARRIED):
        told_status, told = other.render_error(info, _ID)
        if not 400 <= told_status < 600:
            raise Unlike(f"status {told_status}")
        _object.decode(told)
        other.render_error_event(info, _ID)
        other.error_headers(info)


def stream(dialect: Dialect, pieces: Sequence[bytes], asked: Request | None = None) -> None:
    """A provider's stream, to callers of every dialect; cut elsewhere it comes out the same, if nothing is raised."""
    for other in BY_NAME.values():
        whole = _passed(dialect, other, [b"".join(pieces)], asked)
        cut = _passed(dialect, other, pieces, asked)
        if not whole.sound or not cut.sound:
            continue
        if whole.ended != cut.ended:
            raise Unlike(f"cut elsewhere it ends otherwise, for {other.name}")
        # Bedrock's metrics tell what was counted so far, which differs where events stand in the wrong order.
        if whole.ended and other in DIALECTS and whole.shown != cut.shown:
            raise Unlike(f"cut elsewhere it is otherwise, for {other.name}")


def framed(dialect: Dialect, data: bytes) -> bytes:
    """A stream of what `dialect` carries, in its framing. Raises UpstreamProtocolError."""
    wrap = dialect.carrier.wrap()
    return wrap.feed(data) + wrap.close()


class _Passed(NamedTuple):
    """What the caller is shown, whether it is a complete answer, and whether nothing was raised on the way."""

    shown: bytes
    ended: bool
    sound: bool


def _passed(dialect: Dialect, caller: Dialect, pieces: Iterable[bytes], asked: Request | None) -> _Passed:
    """As the relay does it, for which nothing spoils a complete answer."""
    passage = _passage(dialect, caller, asked or _ASKED)
    out = bytearray()
    failure, sound = _FAILURE, True
    try:
        for piece in pieces:
            out += passage.feed(piece)
        out += passage.close()
    except OperatorError:
        raise
    except SekishoError as error:
        failure, sound = error.info, False
    if passage.failed is not None:
        return _Passed(bytes(out), ended=False, sound=sound)
    if passage.finished:
        return _Passed(bytes(out), ended=True, sound=sound)
    return _Passed(bytes(out + passage.fail(failure)), ended=False, sound=sound)


def _passage(dialect: Dialect, caller: Dialect, asked: Request) -> Passage:
    if not dialect.shares_body_with(caller):
        return Translated(dialect, caller, asked, UNSAID)
    watched = caller if dialect.name == caller.name else BY_NAME[dialect.shape or dialect.name]
    inner = SameDialect(watched, watched.stream_watch(False), _ID)
    return inner if watched is caller else Reframed(dialect, caller, inner, _ID)


@contextmanager
def declared() -> Iterator[None]:
    """Lets declared errors pass, but for those that are laid to the operator: no caller may cause one."""
    try:
        yield
    except OperatorError:
        raise
    except SekishoError:
        return


def anything(dialect: Dialect, body: bytes, dice: random.Random) -> None:
    """One body as everything that it could be."""
    asked = request(dialect, body)
    reply(dialect, body, asked)
    error(dialect, dice.choice((400, 401, 403, 404, 413, 424, 429, 500, 503, 529, 418)), body, dice.choice(("", "x:y")))

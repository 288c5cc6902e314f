"""A stream on its way from provider to caller: the same bytes, or translated. Both sides look alike to the relay.

Flows in: the provider's chunks. Flows out: the caller's bytes, and what the ledger wants to know. Must stay true:
`feed` of a passage of the same dialect returns the provider's own bytes; a translated one emits a legal event order or
fails; the facts are valid at any moment, also after a cut.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

import msgspec

from sekisho.canonical import events as e
from sekisho.canonical.order import OrderChecker
from sekisho.canonical.reply import Reply
from sekisho.canonical.request import Request
from sekisho.canonical.usage import Usage
from sekisho.core import bounds
from sekisho.core.errors import ErrorInfo, UpstreamProtocolError
from sekisho.wire.dialect import Dialect, StreamWatch, whole_sse
from sekisho.wire.sse import SseReader


class Facts(Protocol):
    """What the ledger wants to know of an answer, at any moment of it."""

    @property
    def usage(self) -> Usage | None:
        """The provider's latest count, cumulative."""

    @property
    def served_model(self) -> str | None:
        """The model that the provider says answered."""

    @property
    def finished(self) -> bool:
        """The provider has said that its answer is complete."""

    @property
    def text_bytes(self) -> int:
        """UTF-8 bytes of answer seen so far: text, thought and arguments."""


class Passage(Facts, Protocol):
    """What the relay needs of a stream."""

    @property
    def begun(self) -> bool:
        """The provider has said something that a caller may see."""

    @property
    def spoken(self) -> bool:
        """The provider has given a first piece of its answer, or has ended it: no start-up event, no ping."""

    @property
    def failed(self) -> ErrorInfo | None:
        """The error that the provider reported inside the stream."""

    @property
    def ended(self) -> bool:
        """The provider has said its last word: what becomes of its connection now changes nothing."""

    @property
    def mid_event(self) -> bool:
        """What has come out so far ends inside an event: nothing else may be said now."""

    def feed(self, chunk: bytes) -> bytes:
        """The caller's bytes for one chunk. Raises UpstreamProtocolError."""

    def close(self) -> bytes:
        """The caller's bytes that only the end of the stream gives."""

    def fail(self, error: ErrorInfo) -> bytes:
        """The caller's bytes that say, inside the stream, that it failed."""


#: Half a server-sent event longer than this is passed on unfinished rather than held: its reader finds the next one
#: behind it. Half a message of another framing would swallow what is said after it.
_HELD_BYTES = 64 * 1024


class SameDialect:
    """The provider's bytes pass, in whole events: a stream that is cut never shows its caller half of one."""

    __slots__ = ("_dialect", "_half", "_is_sse", "_request_id", "_split", "_watch", "mid_event")

    def __init__(self, dialect: Dialect, watch: StreamWatch, request_id: str) -> None:
        self._dialect = dialect
        self._request_id = request_id
        self._watch = watch
        self._split = dialect.split
        self._is_sse = dialect.split is whole_sse
        self._half = b""
        self.mid_event = False

    usage = property(lambda self: self._watch.usage)
    served_model = property(lambda self: self._watch.served_model)
    begun = property(lambda self: self._watch.events > 0)
    spoken = property(lambda self: self._watch.text_bytes > 0 or self._watch.finished or self._watch.ended)
    finished = property(lambda self: self._watch.finished)
    ended = property(lambda self: self._watch.ended)
    failed = property(lambda self: self._watch.failed)
    text_bytes = property(lambda self: self._watch.text_bytes)

    def feed(self, chunk: bytes) -> bytes:
        """The events that `chunk` completes, as they came."""
        out = self._watch.feed(chunk)
        data = self._half + out if self._half else out
        end = self._split(data)
        if data and end == len(data):
            self._half, self.mid_event = b"", False
            return data
        unfinished = self._is_sse and len(data) - end > _HELD_BYTES
        if unfinished:
            end = len(data)
        elif len(data) - end > bounds.STREAM_EVENT_BYTES:
            raise UpstreamProtocolError("The provider sent an event without an end.")
        if end:
            self.mid_event = unfinished
        self._half = data[end:]
        return data[:end]

    def close(self) -> bytes:
        """What came without an event's end: a provider may leave out the last blank line, but half an event is none."""
        rest = self._half + self._watch.close()
        if not self._is_sse:
            return rest if self._split(rest) == len(rest) else b""
        return rest if self.mid_event or self._watch.ended or _is_whole(rest) else b""

    def fail(self, error: ErrorInfo) -> bytes:
        """The error as an event of this dialect, apart from half an event before it, which only SSE can have shown."""
        return (b"\n\n" if self.mid_event else b"") + self._dialect.render_error_event(error, self._request_id)


def _is_whole(rest: bytes) -> bool:
    """Whether the data of each event in `rest` is JSON to its end."""
    reader = SseReader()
    try:
        for _, data in (*reader.feed(rest), *reader.close()):
            msgspec.json.decode(data)
    except (UpstreamProtocolError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


class Reframed:
    """Events pass in another framing: out of the provider's carrier, seen as the dialect's own, into the caller's."""

    __slots__ = ("_caller", "_inner", "_request_id", "_unwrap", "_wrap")

    def __init__(self, provider: Dialect, caller: Dialect, inner: SameDialect, request_id: str) -> None:
        self._caller = caller
        self._request_id = request_id
        self._unwrap = provider.carrier.unwrap()
        self._wrap = caller.carrier.wrap()
        self._inner = inner

    usage = property(lambda self: self._inner.usage)
    served_model = property(lambda self: self._inner.served_model)
    begun = property(lambda self: self._inner.begun)
    spoken = property(lambda self: self._inner.spoken)
    finished = property(lambda self: self._inner.finished)
    ended = property(lambda self: self._inner.ended)
    failed = property(lambda self: self._inner.failed)
    text_bytes = property(lambda self: self._inner.text_bytes)
    mid_event = property(lambda self: self._inner.mid_event)

    def feed(self, chunk: bytes) -> bytes:
        """The events that `chunk` completes, in the caller's framing."""
        return self._wrap.feed(self._inner.feed(self._unwrap.feed(chunk)))

    def close(self) -> bytes:
        """The last events, and what the caller's framing says at its end."""
        rest = self._wrap.feed(self._inner.feed(self._unwrap.close()) + self._inner.close())
        return rest + self._wrap.close() if self.finished else rest

    def fail(self, error: ErrorInfo) -> bytes:
        """The error in the caller's framing."""
        return self._caller.render_error_event(error, self._request_id)


class Unsaid(msgspec.Struct, frozen=True):
    """What stands in an answer whose provider does not say it."""

    id: str
    model: str
    created_seconds: int


_Said = TypeVar("_Said", Reply, e.Started)


def completed(said: _Said, unsaid: Unsaid) -> _Said:
    """`said` with everything that its caller's dialect must tell."""
    if said.id and said.model and said.created_seconds is not None:
        return said
    seconds = unsaid.created_seconds if said.created_seconds is None else said.created_seconds
    return msgspec.structs.replace(
        said, id=said.id or unsaid.id, model=said.model or unsaid.model, created_seconds=seconds
    )


class Translated:
    """Provider's dialect -> events -> caller's dialect."""

    __slots__ = (
        "_checker",
        "_reader",
        "_unsaid",
        "_writer",
        "begun",
        "failed",
        "finished",
        "served_model",
        "text_bytes",
        "usage",
    )
    #: A writer says whole events only.
    mid_event = False

    def __init__(self, provider: Dialect, caller: Dialect, request: Request, unsaid: Unsaid) -> None:
        self._unsaid = unsaid
        self._reader = provider.stream_reader()
        self._writer = caller.stream_writer(request)
        self._checker = OrderChecker()
        self.usage: Usage | None = None
        self.served_model: str | None = None
        self.begun = False
        self.finished = False
        self.failed: ErrorInfo | None = None
        self.text_bytes = 0

    def feed(self, chunk: bytes) -> bytes:
        """Translate one chunk."""
        return self._write(self._reader.feed(chunk))

    def close(self) -> bytes:
        """Translate the end."""
        return self._write(self._reader.close())

    def _write(self, events: list[e.Event]) -> bytes:
        out = []
        for seen in events:
            self._see(seen)
            event = completed(seen, self._unsaid) if isinstance(seen, e.Started) else seen
            self._checker.see(event)
            out.append(self._writer.write(event))
        return b"".join(out)

    @property
    def spoken(self) -> bool:
        """As in Passage: a start-up event carries no text, thought or arguments."""
        return self.text_bytes > 0 or self.finished

    @property
    def ended(self) -> bool:
        """As in Passage: a reader says `Finished` at its dialect's last word."""
        return self.finished

    def _see(self, event: e.Event) -> None:
        if isinstance(event, (e.TextDelta, e.ThinkingDelta, e.ArgumentsDelta)):
            self.text_bytes += len(event.text.encode())
        elif isinstance(event, e.UsageReported):
            self.usage = event.usage
        elif isinstance(event, e.Started):
            self.begun, self.served_model, self.usage = True, event.model or None, event.usage
        elif isinstance(event, e.Finished):
            self.finished = True
        elif isinstance(event, e.Failed):
            self.failed = event.error

    def fail(self, error: ErrorInfo) -> bytes:
        """The error in the caller's words."""
        return self._writer.write(e.Failed(error))


class WholeReply(msgspec.Struct, frozen=True):
    """The facts of an answer that came in one piece."""

    usage: Usage | None
    served_model: str | None
    text_bytes: int
    finished: bool = True

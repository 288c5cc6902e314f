"""What a dialect offers: five jobs, each a plain function or a small incremental object; and how it travels.

Flows in: bytes of a request, a reply, a stream, an error. Flows out: canonical values; and back. Each dialect is one
`Dialect` value named DIALECT in its package; wire/registry.py lists them.
Must stay true: any bytes either decode or raise MalformedRequest / UnsupportedFeature (requests) or
UpstreamProtocolError (replies), never anything else; a stream split at any byte gives the same events.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from sekisho.canonical.events import Event
from sekisho.canonical.reply import Reply
from sekisho.canonical.request import Request
from sekisho.canonical.target import Encoded, Target
from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorInfo
from sekisho.wire.carrier import PLAIN, Carrier
from sekisho.wire.sse import SSE_TYPE


class StreamReader(Protocol):
    """Provider's stream bytes -> events."""

    def feed(self, chunk: bytes) -> list[Event]:
        """The events completed by `chunk`. Raises UpstreamProtocolError on bytes that are not this dialect."""

    def close(self) -> list[Event]:
        """The events that only the end of the stream tells; `Failed` when it ended before its time."""


class StreamWriter(Protocol):
    """Events -> stream bytes for a caller, framing included. Never raises on a legal event order."""

    def write(self, event: Event) -> bytes:
        """Bytes for `event`; b"" when this dialect says it later or not at all. `Failed` gives the in-stream error."""


class StreamWatch(Protocol):
    """Looks at a stream that passes unchanged: cheap enough for every chunk (a few microseconds).

    `feed` returns what the caller gets: the same bytes, except an event that only the gateway asked for. It never
    raises: what it cannot read it passes on and counts. Attributes are valid at any time, also after a cut.
    """

    usage: Usage | None
    served_model: str | None
    events: int
    #: The answer is complete; and the dialect's last word was said, after which nothing may come.
    finished: bool
    ended: bool
    failed: ErrorInfo | None
    text_bytes: int

    def feed(self, chunk: bytes) -> bytes:
        """See one chunk; return the bytes to forward."""

    def close(self) -> bytes:
        """The end of the stream: bytes still held back."""


class ReplyFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger wants of a reply that passes unchanged. `text_bytes` may be left out of one whose provider has
    counted its output.
    """

    usage: Usage | None = None
    served_model: str | None = None
    text_bytes: int = 0


def whole_sse(data: bytes) -> int:
    """How many leading bytes of `data` are whole server-sent events."""
    if data.endswith(_EVENT_ENDS):
        return len(data)
    return max(at + len(mark) if (at := data.rfind(mark)) >= 0 else 0 for mark in _EVENT_ENDS)


_EVENT_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")


def no_headers(_error: ErrorInfo) -> tuple[tuple[bytes, bytes], ...]:
    """For a dialect that says everything about an error in its body."""
    return ()


def no_usage_headers(_usage: Usage) -> tuple[tuple[bytes, bytes], ...]:
    """For a dialect that says what a call used in its body."""
    return ()


def unmended(_body: bytes, _error: ErrorInfo) -> bytes | None:
    """For a dialect in which no refusal can be mended: see `Dialect.mend`."""
    return None


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """One wire format."""

    #: "anthropic-messages" | "openai-chat" | "openai-responses" …: the name in CLI, ledger and logs.
    name: str
    decode_request: Callable[[bytes], Request]
    encode_request: Callable[[Request, Target], Encoded]
    decode_reply: Callable[[bytes], Reply]
    #: The caller's own request is needed: tool kinds and namespaces, fields that the reply echoes.
    encode_reply: Callable[[Reply, Request], bytes]
    read_facts: Callable[[bytes], ReplyFacts]
    stream_reader: Callable[[], StreamReader]
    stream_writer: Callable[[Request], StreamWriter]
    #: The flag: strip the usage event, which only the gateway asked for.
    stream_watch: Callable[[bool], StreamWatch]
    #: (status, body, value of `error_header`) of an error answer -> what it means; total over any bytes.
    parse_error: Callable[[int, bytes, str], ErrorInfo]
    #: (a request of this dialect, why its provider refused it) -> the request to send in its place, or None.
    mend: Callable[[bytes, ErrorInfo], bytes | None]
    #: (error, request id) -> (status, body): the answer before a stream has begun.
    render_error: Callable[[ErrorInfo, str], tuple[int, bytes]]
    #: (error, request id) -> stream bytes: the same inside a stream that passes unchanged.
    render_error_event: Callable[[ErrorInfo, str], bytes]
    #: What a stream is served as.
    stream_type: str = SSE_TYPE
    #: The dialect whose body this one carries in a framing of its own: bodies of one shape are never translated.
    shape: str = ""
    #: The framing in which its bodies and streams travel: see wire/carried.py.
    carrier: Carrier = PLAIN
    #: Model and streaming are said by the path: `decode_request` leaves them empty, `encode_request` writes neither.
    model_in_path: bool = False
    #: How many leading bytes of stream data are whole events. UpstreamProtocolError where they begin with none at all.
    split: Callable[[bytes], int] = whole_sse
    #: The response header in which a provider names its error.
    error_header: str | None = None
    #: The headers of an error answer to a caller.
    error_headers: Callable[[ErrorInfo], tuple[tuple[bytes, bytes], ...]] = no_headers

    #: The headers of a streamed answer, beside its type; and of a whole one whose tokens are known.
    stream_headers: tuple[tuple[bytes, bytes], ...] = ()
    usage_headers: Callable[[Usage], tuple[tuple[bytes, bytes], ...]] = no_usage_headers

    def shares_body_with(self, other: Dialect) -> bool:
        """Whether a body of one is a body of the other, but for the keys that only its framing has."""
        return (self.shape or self.name) == (other.shape or other.name)

"""Streams of InvokeModelWithResponseStream: `chunk` messages of an AWS event stream, and the JSON that is in them.

Flows in: AWS messages, or server-sent events. Flows out: the other. Must stay true: the JSON of an event passes as it
is; `amazon-bedrock-invocationMetrics` stands on the last chunk and nowhere else; an exception becomes the carried
dialect's own error and back.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from typing import Literal

import msgspec

from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorInfo, MalformedRequest, UpstreamProtocolError
from sekisho.wire import aws_errors
from sekisho.wire.dialect import Dialect, StreamWatch
from sekisho.wire.eventstream import EventStreamReader, encode_message
from sekisho.wire.json_edit import JsonObject
from sekisho.wire.sse import SseReader

METRICS = "amazon-bedrock-invocationMetrics"
_METRICS = METRICS.encode()
_HEADERS = {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}
#: Line ends between tokens: JSON texts hold none.
_LINE_ENDS = re.compile(rb"[\r\n]+")


class Metrics(msgspec.Struct, frozen=True, rename="camel"):
    """What Bedrock counts of a call. `input_token_count` excludes what was read from a cache or written to one."""

    input_token_count: int = 0
    output_token_count: int = 0
    cache_read_input_token_count: int = 0
    cache_write_input_token_count: int = 0


class _Chunk(msgspec.Struct, frozen=True):
    carried: bytes = msgspec.field(name="bytes")


class _Counted(msgspec.Struct, frozen=True):
    metrics: Metrics | None = msgspec.field(name=METRICS, default=None)


class _Failed(msgspec.Struct, frozen=True):
    error: msgspec.Raw = msgspec.Raw(b"null")


_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_decode_counted = msgspec.json.Decoder(_Counted).decode
_decode_failed = msgspec.json.Decoder(_Failed).decode


class FromChunks:
    """AWS messages -> the carried dialect's stream. `event_of` makes an event of the JSON in a chunk, and of what
    Bedrock counted where the chunk says it; `error_of` makes one of an exception.
    """

    __slots__ = ("_error_of", "_event_of", "_reader")

    def __init__(
        self, event_of: Callable[[bytes, Metrics | None], bytes], error_of: Callable[[ErrorInfo], bytes]
    ) -> None:
        self._reader = EventStreamReader()
        self._event_of, self._error_of = event_of, error_of

    def feed(self, chunk: bytes) -> bytes:
        """See Filter."""
        out = []
        for message in self._reader.feed(chunk):
            if aws_errors.is_exception(message):
                out.append(self._error_of(aws_errors.read_exception(message)))
            elif message.header(":event-type") == "chunk":
                out.append(self._event(message.payload))
        return b"".join(out)

    def close(self) -> bytes:
        """Half a message is none."""
        return b""

    def _event(self, payload: bytes) -> bytes:
        try:
            data = _decode_chunk(payload).carried
            if b"\n" in data or b"\r" in data:
                data = _LINE_ENDS.sub(b" ", data)
            if _METRICS not in data:
                return self._event_of(data, None)
            metrics = _decode_counted(data).metrics
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise UpstreamProtocolError("The provider's event stream has a chunk that cannot be read.") from None
        # In an answer's text the name is only a word.
        return self._event_of(data if metrics is None else with_keys(data, {METRICS: None}), metrics)


Place = Literal["within", "maybe_last", "last", "end"]


class ToChunks:
    """Server-sent events of the carried dialect -> AWS messages.

    `place_of` says where in its stream an event stands: "within", "maybe_last" (held until it is known), "last", or
    "end" (a word of the framing, which chunks have no place for).
    """

    __slots__ = ("_dialect", "_held", "_place_of", "_sse", "_watch")

    def __init__(self, dialect: Dialect, place_of: Callable[[bytes, bytes], Place]) -> None:
        self._dialect = dialect
        self._sse = SseReader()
        #: Counts what is passed on.
        self._watch: StreamWatch = dialect.stream_watch(False)
        self._place_of = place_of
        self._held: bytes | None = None

    def feed(self, chunk: bytes) -> bytes:
        """See Filter."""
        self._watch.feed(chunk)
        return b"".join(piece for name, data in self._sse.feed(chunk) for piece in self._pieces(name, data))

    def close(self) -> bytes:
        """The last event, where nothing said that it is the last."""
        self._watch.close()
        pieces = [piece for name, data in self._sse.close() for piece in self._pieces(name, data)]
        return b"".join([*pieces, *self._take_held(last=True)])

    def _pieces(self, name: bytes, data: bytes) -> Iterator[bytes]:
        if name == b"error" or _is_error(data):
            yield from self._take_held(last=False)
            yield aws_errors.render_error_event(self._dialect.parse_error(200, data, ""))
            return
        place = self._place_of(name, data)
        yield from self._take_held(last=place == "end")
        if place == "maybe_last":
            self._held = data
        elif place == "last":
            yield encode_chunk(self._counted(data))
        elif place == "within":
            yield encode_chunk(data)

    def _take_held(self, *, last: bool) -> Iterator[bytes]:
        held, self._held = self._held, None
        if held is not None:
            yield encode_chunk(self._counted(held) if last else held)

    def _counted(self, data: bytes) -> bytes:
        return with_keys(data, {METRICS: msgspec.json.encode(metrics_of(self._watch.usage or Usage()))})


def metrics_of(usage: Usage) -> Metrics:
    """`usage` as Bedrock counts."""
    return Metrics(usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.cache_write_tokens)


def encode_chunk(data: bytes) -> bytes:
    """One chunk that holds `data`."""
    return encode_message(_HEADERS, b'{"bytes":"%b"}' % base64.b64encode(data))


def with_keys(data: bytes, changes: dict[str, bytes | None]) -> bytes:
    """A provider's event with other top-level keys. Raises UpstreamProtocolError."""
    try:
        return JsonObject(data).edited(changes)
    except MalformedRequest:
        raise UpstreamProtocolError("The provider sent an event that cannot be read.") from None


def _is_error(data: bytes) -> bool:
    if b'"error"' not in data:
        return False
    try:
        return bytes(_decode_failed(data).error) != b"null"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False

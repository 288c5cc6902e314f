"""A dialect in the framing of a carrier, as a dialect like any other; and bodies and streams changing their carrier.

Flows in: a dialect and a carrier, or two dialects of one shape with a body or a stream between them. Flows out: a
Dialect; the body as the other side takes it; a filter. Must stay true: nothing is translated here: what is carried
keeps its bytes, except the keys that say in one framing what the other says elsewhere.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sekisho.canonical.events import Event, Failed, Finished
from sekisho.canonical.request import Request
from sekisho.canonical.target import Encoded, Target
from sekisho.core.errors import ErrorInfo, UpstreamProtocolError
from sekisho.wire.carrier import PLAIN, Carrier, Chain, Filter, Said, Saying
from sekisho.wire.dialect import Dialect, StreamReader, StreamWatch, StreamWriter
from sekisho.wire.json_edit import JsonObject


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """A request body in another framing, the headers that say the rest, and the names of what had to stay behind."""

    body: bytes
    headers: dict[str, str]
    dropped: tuple[str, ...]


def carry_request(body: JsonObject, source: Dialect, to: Dialect, said: Said) -> Carried:
    """A request of `source` as `to` takes it, whose shape is the same. `said.betas` are those of the caller's header;
    those in the body are added. Raises MalformedRequest where a list that must be cleaned is none.
    """
    if source.name == to.name:
        return Carried(body=body.body, headers={}, dropped=())
    betas = tuple(dict.fromkeys((*said.betas, *source.carrier.betas(body))))
    saying = _saying(to, msgspec.structs.replace(said, betas=betas))
    gone: dict[str, bytes | None] = dict.fromkeys(source.carrier.keys)
    made = to.carrier.clean(body.edited(gone | saying.keys))
    return Carried(body=made, headers=saying.headers, dropped=saying.dropped)


def _saying(to: Dialect, said: Said) -> Saying:
    if to.carrier is PLAIN and to.model_in_path:
        return Saying(keys={})
    return to.carrier.says(said)


def reframed(source: Dialect, to: Dialect) -> Filter:
    """Brings a stream of `source` into the framing of `to`, whose shape is the same."""
    return Chain(source.carrier.unwrap(), to.carrier.wrap())


def carried(dialect: Dialect, carrier: Carrier, **own: Any) -> Dialect:
    """`dialect` in the framing of `carrier`; `own` are the fields of Dialect in which the framing has its own way."""

    def decode_request(body: bytes) -> Request:
        keys: dict[str, bytes | None] = dict.fromkeys(carrier.keys)
        if not dialect.model_in_path:
            keys |= {"model": b'""', "stream": None}
        return dialect.decode_request(JsonObject(body).edited(keys))

    def encode_request(request: Request, target: Target) -> Encoded:
        encoded = dialect.encode_request(request, target)
        saying = carrier.says(Said(model=target.model, stream=request.stream))
        return Encoded(JsonObject(encoded.body).edited(saying.keys), encoded.dropped)

    fields: dict[str, Any] = {
        "name": f"{dialect.name}@{carrier.name}",
        "shape": dialect.name,
        "carrier": carrier,
        "model_in_path": True,
        "decode_request": decode_request,
        "encode_request": encode_request,
        "stream_reader": lambda: CarriedReader(carrier.unwrap(), dialect.stream_reader()),
        "stream_writer": lambda request: CarriedWriter(dialect.stream_writer(request), carrier.wrap()),
        "stream_watch": lambda _strip: CarriedWatch(carrier.unwrap(), dialect.stream_watch(False)),
    }
    return msgspec.structs.replace(dialect, **(fields | own))


class CarriedReader:
    """A StreamReader of the carried dialect behind the filter that unwraps it."""

    __slots__ = ("_filter", "_reader")

    def __init__(self, unwrap: Filter, reader: StreamReader) -> None:
        self._filter, self._reader = unwrap, reader

    def feed(self, chunk: bytes) -> list[Event]:
        """See StreamReader."""
        return self._reader.feed(self._filter.feed(chunk))

    def close(self) -> list[Event]:
        """See StreamReader."""
        return self._reader.feed(self._filter.close()) + self._reader.close()


class CarriedWriter:
    """A StreamWriter of the carried dialect in front of the filter that wraps it."""

    __slots__ = ("_filter", "_writer")

    def __init__(self, writer: StreamWriter, wrap: Filter) -> None:
        self._writer, self._filter = writer, wrap

    def write(self, event: Event) -> bytes:
        """See StreamWriter. The last event also gives what the framing says at its end."""
        data = self._filter.feed(self._writer.write(event))
        return data + self._filter.close() if isinstance(event, Finished | Failed) else data


class CarriedWatch:
    """A StreamWatch that sees what is carried; the bytes pass as they came."""

    __slots__ = ("_broken", "_filter", "_watch")

    def __init__(self, unwrap: Filter, watch: StreamWatch) -> None:
        self._filter, self._watch = unwrap, watch
        #: What broke the framing: nothing behind it can be read.
        self._broken: ErrorInfo | None = None

    usage = property(lambda self: self._watch.usage)
    served_model = property(lambda self: self._watch.served_model)
    events = property(lambda self: self._watch.events)
    finished = property(lambda self: self._watch.finished)
    ended = property(lambda self: self._watch.ended)
    failed = property(lambda self: self._watch.failed or self._broken)
    text_bytes = property(lambda self: self._watch.text_bytes)

    def feed(self, chunk: bytes) -> bytes:
        """See one chunk; it goes on unchanged."""
        if self._broken is None:
            try:
                self._watch.feed(self._filter.feed(chunk))
            except UpstreamProtocolError as error:
                self._broken = error.info
        return chunk

    def close(self) -> bytes:
        """The end of the stream."""
        if self._broken is None:
            self._watch.feed(self._filter.close())
            self._watch.close()
        return b""

"""Looks at ConverseStreams and Converse replies that pass unchanged.

Flows in: the provider's bytes, which go to the caller as they are. Flows out: usage, counts, failure. Must stay true:
it never raises and never holds a byte back; a stream split at any byte gives the same facts; one event costs a few
microseconds. Converse names no model, unless a prompt router chose one.
"""

from __future__ import annotations

import msgspec

from sekisho.core.errors import UpstreamProtocolError
from sekisho.wire.aws_errors import is_exception, read_exception
from sekisho.wire.bedrock_converse.reply_schema import EventOut, ReplyOut, served_model_of, usage_of
from sekisho.wire.dialect import ReplyFacts
from sekisho.wire.eventstream import EventStreamReader, Message
from sekisho.wire.sse_watch import Watched


class _Input(msgspec.Struct, frozen=True, gc=False):
    input: str = ""


class _Thought(msgspec.Struct, frozen=True, gc=False):
    text: str = ""


class _Delta(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    text: str = ""
    tool_use: _Input = _Input()
    reasoning_content: _Thought = _Thought()


class _DeltaEvent(msgspec.Struct, frozen=True, gc=False):
    delta: _Delta = _Delta()


_delta_decoder = msgspec.json.Decoder(_DeltaEvent)
_event_decoder = msgspec.json.Decoder(EventOut)
_reply_decoder = msgspec.json.Decoder(ReplyOut)
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class ConverseWatch(Watched):
    """A StreamWatch (wire/dialect.py). There is nothing to strip in this dialect."""

    __slots__ = ("_frames",)

    def __init__(self, strip_usage: bool = False) -> None:  # noqa: FBT001, FBT002, ARG002 -- the contract's flag
        super().__init__()
        #: None after bytes that are no event stream: nobody can tell where the next message begins.
        self._frames: EventStreamReader | None = EventStreamReader()

    def feed(self, chunk: bytes) -> bytes:
        """See one chunk; it goes on unchanged."""
        if self._frames is not None:
            try:
                for message in self._frames.feed(chunk):
                    self._see(message)
            except UpstreamProtocolError:
                self._frames = None
        return chunk

    def close(self) -> bytes:
        """Nothing is held back."""
        return b""

    def _see(self, message: Message) -> None:
        self.events += 1
        kind = message.header(":event-type")
        try:
            if kind == "contentBlockDelta":
                self._count(_delta_decoder.decode(message.payload).delta)
            elif kind == "metadata":
                self._read(_event_decoder.decode(message.payload))
            elif kind == "messageStop":
                self.finished = True
            elif is_exception(message):
                self.failed = read_exception(message)
        except _UNREADABLE:
            return

    def _count(self, delta: _Delta) -> None:
        text = delta.text or delta.tool_use.input or delta.reasoning_content.text
        self.text_bytes += len(text) if text.isascii() else len(text.encode())

    def _read(self, event: EventOut) -> None:
        self.ended = True
        self.served_model = served_model_of(event.trace)
        if event.usage is not None:
            self.usage = usage_of(event.usage, event.service_tier)


def read_facts(body: bytes) -> ReplyFacts:
    """What the ledger wants of a whole reply; nothing where it cannot be read."""
    try:
        reply = _reply_decoder.decode(body)
    except _UNREADABLE:
        return ReplyFacts()
    text_bytes = 0
    message = reply.output.message if reply.output is not None else None
    for block in message.content if message is not None else ():
        thought = block.reasoning_content
        texts = [
            block.text or "",
            thought.reasoning_text.text if thought is not None and thought.reasoning_text else "",
        ]
        if block.citations_content is not None:
            texts += [piece.text for piece in block.citations_content.content or ()]
        text_bytes += sum(len(text.encode()) for text in texts)
        text_bytes += memoryview(block.tool_use.input).nbytes if block.tool_use is not None else 0
    return ReplyFacts(
        usage=None if reply.usage is None else usage_of(reply.usage, reply.service_tier),
        served_model=served_model_of(reply.trace),
        text_bytes=text_bytes,
    )

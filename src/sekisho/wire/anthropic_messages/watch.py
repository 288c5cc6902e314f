"""Looks at Messages streams and replies that pass unchanged.

Flows in: the provider's bytes, which go to the caller as they are. Flows out: usage, served model, counts, failure.
Must stay true: it never raises and never holds a byte back; a stream split at any byte gives the same facts; one
event costs a few microseconds.
"""

from __future__ import annotations

import msgspec

from sekisho.canonical.usage import Usage
from sekisho.wire.anthropic_messages.errors import error_info, read_error
from sekisho.wire.anthropic_messages.reply_schema import EventOut, MessageOut, usage_after
from sekisho.wire.dialect import ReplyFacts
from sekisho.wire.sse_watch import SseWatch


class _Delta(msgspec.Struct, frozen=True, gc=False):
    text: str = ""
    thinking: str = ""
    partial_json: str = ""


class _DeltaEvent(msgspec.Struct, frozen=True, gc=False):
    delta: _Delta = _Delta()


_delta_decoder = msgspec.json.Decoder(_DeltaEvent)
_event_decoder = msgspec.json.Decoder(EventOut)
_message_decoder = msgspec.json.Decoder(MessageOut)
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
#: Events that only frame blocks or keep the line awake: counted, not read.
_FRAMES = (b"content_block_start", b"content_block_stop", b"ping")


class MessagesWatch(SseWatch):
    """A StreamWatch (wire/dialect.py). There is nothing to strip in this dialect."""

    __slots__ = ()

    def _see(self, name: bytes, data: bytes) -> None:
        self.events += 1
        if name == b"content_block_delta":
            try:
                delta = _delta_decoder.decode(data).delta
            except _UNREADABLE:
                return
            self._count(delta.text or delta.partial_json or delta.thinking)
        elif name not in _FRAMES:
            try:
                self._read(_event_decoder.decode(data))
            except _UNREADABLE:
                return

    def _count(self, text: str) -> None:
        self.text_bytes += len(text) if text.isascii() else len(text.encode())

    def _read(self, event: EventOut) -> None:
        kind = event.type
        if kind == "message_start" and event.message is not None:
            self.served_model = event.message.model or None
            if event.message.usage is not None:
                self.usage = usage_after(Usage(), event.message.usage)
        elif kind == "message_delta" and event.usage is not None:
            self.usage = usage_after(self.usage or Usage(), event.usage)
        elif kind == "message_stop":
            self.finished = self.ended = True
        elif kind == "content_block_delta" and event.delta is not None:  # a server that names no events
            self._count(event.delta.text or event.delta.partial_json or event.delta.thinking)
        elif kind == "error":
            self.failed = error_info(None, *read_error(event.error))


def read_facts(body: bytes) -> ReplyFacts:
    """What the ledger wants of a whole reply; nothing where it cannot be read."""
    try:
        message = _message_decoder.decode(body)
    except _UNREADABLE:
        return ReplyFacts()
    texts = (block.text or block.thinking or "" for block in message.content)
    inputs = (memoryview(block.input).nbytes for block in message.content if block.type == "tool_use")
    return ReplyFacts(
        usage=None if message.usage is None else usage_after(Usage(), message.usage),
        served_model=message.model or None,
        text_bytes=sum(len(text.encode()) for text in texts) + sum(inputs),
    )

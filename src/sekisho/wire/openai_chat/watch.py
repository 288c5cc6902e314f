"""Looks at a stream that passes unchanged, cheaply enough for every chunk.

Flows in: the provider's bytes, cut anywhere. Flows out: the same bytes, except the usage event where only the gateway
asked for it; and counts for the ledger. Must stay true: nothing raises; without `strip_usage` no byte is held back;
with it only an unfinished event is; what a cut leaves is still counted.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from sekisho.core import bounds
from sekisho.wire.openai_chat.errors import parse_error
from sekisho.wire.openai_chat.usage import UsageBody, read_usage
from sekisho.wire.sse import SseReader
from sekisho.wire.sse_watch import Watched

#: A blank line. A CR at the very end may be half of a CRLF, so it does not count yet.
_END = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r(?=[^\n]))")
#: How far before new bytes such a blank line may begin.
_OVERLAP = 3
_DONE = b"[DONE]"


class _Function(msgspec.Struct):
    arguments: Any = None


class _Custom(msgspec.Struct):
    input: Any = None


class _Call(msgspec.Struct):
    function: _Function | None = None
    custom: _Custom | None = None


class _Delta(msgspec.Struct):
    content: Any = None
    refusal: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    """`text` is the legacy completions' form."""

    delta: _Delta | None = None
    text: str | None = None
    finish_reason: str | None = None
    usage: UsageBody | None = None


class _Chunk(msgspec.Struct):
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: UsageBody | None = None
    service_tier: Any = None
    error: Any = None


_decode = msgspec.json.Decoder(_Chunk).decode


class ChatWatch(Watched):
    """See wire/dialect.py, StreamWatch. `text_bytes` counts answer, thought and arguments, in bytes of UTF-8."""

    __slots__ = (
        "_edge",
        "_half",
        "_half_bytes",
        "_strip",
    )

    def __init__(self, strip_usage: bool = False) -> None:  # noqa: FBT001, FBT002 - the contract passes one flag
        super().__init__()
        self._strip = strip_usage
        #: An event whose end has not come, in pieces: joined once, or long events would cost their square.
        self._half: list[bytes] = []
        self._half_bytes = 0
        #: Its last bytes, with which its end may begin.
        self._edge = b""

    def feed(self, chunk: bytes) -> bytes:
        """See one chunk; what to forward of it."""
        if not self._half and chunk.endswith(b"\n\n") and chunk.find(b"\n\n") == len(chunk) - 2:
            drop = self._see(chunk)
            return b"" if drop and self._strip else chunk
        return self._feed_cut(chunk)

    def _feed_cut(self, chunk: bytes) -> bytes:
        """A chunk that is not just one event."""
        seam = self._edge + chunk
        self._half.append(chunk)
        self._half_bytes += len(chunk)
        self._edge = seam[-_OVERLAP:]
        kept = [] if _END.search(seam) is None else self._whole_events(len(seam))
        if self._half_bytes > bounds.STREAM_EVENT_BYTES:
            kept.append(self._take_half())  # no event is that long: it passes unread
        return b"".join(kept) if self._strip else chunk

    def _whole_events(self, new_bytes: int) -> list[bytes]:
        """See the events that have their end now, in the last `new_bytes`; what to forward of them."""
        data = self._take_half()
        at, kept = 0, []
        for end in _END.finditer(data, len(data) - new_bytes):
            event = data[at : end.end()]
            at = end.end()
            if not self._see(event):
                kept.append(event)
        if half := data[at:]:
            self._half, self._half_bytes, self._edge = [half], len(half), half[-_OVERLAP:]
        return kept

    def _take_half(self) -> bytes:
        half = b"".join(self._half)
        self._half, self._half_bytes, self._edge = [], 0, b""
        return half

    def close(self) -> bytes:
        """The end of the stream: bytes still held back."""
        tail = self._take_half()
        drop = bool(tail) and self._see(tail)
        return tail if self._strip and not drop else b""

    def _see(self, event: bytes) -> bool:
        """Count one event with its blank line; whether it is the usage event that nothing else is in."""
        if event.startswith(b"data: {") and event.find(b"\n") == len(event) - 2:
            return self._data(event[6:-2], b"")
        reader = SseReader()
        drops = [self._data(data, name) for name, data in (*reader.feed(event), *reader.close())]
        return drops == [True]

    def _data(self, data: bytes, name: bytes) -> bool:
        if data.strip() == _DONE:
            self.finished = self.ended = True
            return False
        self.events += 1
        try:
            chunk = _decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        if chunk.model:
            self.served_model = chunk.model
        if chunk.choices:
            for choice in chunk.choices:
                self._choice(choice, chunk.service_tier)
        if chunk.usage is not None:
            self._count(chunk.usage, chunk.service_tier)
        if chunk.error is not None or name == b"error":
            self.failed = parse_error(200, data)
        return chunk.choices == [] and chunk.usage is not None and chunk.error is None

    def _choice(self, choice: _Choice, tier: Any) -> None:
        if choice.finish_reason:
            self.finished = True
        if choice.usage is not None:
            self._count(choice.usage, tier)
        if choice.text:
            self.text_bytes += _size(choice.text)
        delta = choice.delta
        if delta is None:
            return
        # Vendors who send a thought in both fields send the same one.
        thought = delta.reasoning_content or delta.reasoning
        self.text_bytes += _size(delta.content) + _size(delta.refusal) + _size(thought)
        for call in delta.tool_calls or ():
            if call.function is not None:
                self.text_bytes += _size(call.function.arguments)
            elif call.custom is not None:
                self.text_bytes += _size(call.custom.input)

    def _count(self, body: UsageBody, tier: Any) -> None:
        self.usage = read_usage(body, tier) or self.usage


def _size(value: Any) -> int:
    """Bytes of a text in UTF-8; what is no text counts as its JSON."""
    if not value:
        return 0
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode())
    return len(msgspec.json.encode(value))

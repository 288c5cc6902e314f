"""Looks at streams that pass unchanged.

Flows in: the provider's bytes, which go to the caller as they are. Flows out: usage, served model, counts, failure.
Must stay true: it never raises and never holds a byte back; a stream split at any byte gives the same facts.
"""

from __future__ import annotations

from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorInfo, UpstreamProtocolError
from sekisho.wire.gemini_generate.errors import read_error
from sekisho.wire.gemini_generate.reply import text_bytes
from sekisho.wire.gemini_generate.reply_schema import UNREADABLE, ChunkOut, decode_chunk
from sekisho.wire.gemini_generate.usage import read_usage
from sekisho.wire.sse import SseReader


class GenerateWatch:
    """A StreamWatch (wire/dialect.py). Every chunk carries the usage, so there is nothing to strip."""

    __slots__ = ("_sse", "ended", "events", "failed", "finished", "served_model", "text_bytes", "usage")

    def __init__(self, strip_usage: bool = False) -> None:  # noqa: FBT001, FBT002, ARG002 -- the contract's flag
        self._sse = SseReader()
        self.usage: Usage | None = None
        self.served_model: str | None = None
        self.events = 0
        self.finished = self.ended = False
        self.failed: ErrorInfo | None = None
        self.text_bytes = 0

    def feed(self, chunk: bytes) -> bytes:
        """See one chunk; it goes on unchanged."""
        try:
            for _, data in self._sse.feed(chunk):
                self._see(data)
        except UpstreamProtocolError:
            self._sse = SseReader()  # an event without an end: what follows may be readable again
        return chunk

    def close(self) -> bytes:
        """The end of the stream; a last event may lack its blank line."""
        for _, data in self._sse.close():
            self._see(data)
        return b""

    def _see(self, data: bytes) -> None:
        self.events += 1
        try:
            chunk = decode_chunk(data)
        except UNREADABLE:
            return
        if chunk.error is not None:
            self.failed = read_error({"error": chunk.error}, 200)
            return
        self._read(chunk)

    def _read(self, chunk: ChunkOut) -> None:
        if chunk.model_version:
            self.served_model = chunk.model_version
        self.usage = read_usage(chunk.usage_metadata) or self.usage
        self.text_bytes += text_bytes(chunk)
        blocked = chunk.prompt_feedback is not None and chunk.prompt_feedback.block_reason
        if blocked or any(candidate.finish_reason for candidate in chunk.candidates or ()):
            self.finished = self.ended = True  # this dialect has no other last word

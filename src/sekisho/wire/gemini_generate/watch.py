"""Looks at streams that pass unchanged.

Flows in: the provider's bytes, which go to the caller as they are. Flows out: usage, served model, counts, failure.
Must stay true: it never raises and never holds a byte back; a stream split at any byte gives the same facts.
"""

from __future__ import annotations

from sekisho.wire.gemini_generate.errors import read_error
from sekisho.wire.gemini_generate.reply import text_bytes
from sekisho.wire.gemini_generate.reply_schema import UNREADABLE, ChunkOut, decode_chunk
from sekisho.wire.gemini_generate.usage import read_usage
from sekisho.wire.sse_watch import SseWatch


class GenerateWatch(SseWatch):
    """A StreamWatch (wire/dialect.py). Every chunk carries the usage, so there is nothing to strip."""

    __slots__ = ()

    def _see(self, _name: bytes, data: bytes) -> None:
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

"""A provider's streamGenerateContent answer -> events.

Flows in: server-sent events cut anywhere; each holds one chunk. Flows out: canonical events in legal order. Must stay
true: the answer is whole when its last chunk has named a `finishReason` (there is no other last word); chunks that say
nothing are passed over.
"""

from __future__ import annotations

from sekisho.canonical.events import Event, Failed
from sekisho.core.errors import ErrorClass, ErrorInfo, UpstreamProtocolError
from sekisho.wire.gemini_generate.chunk_reader import ChunkReader
from sekisho.wire.gemini_generate.reply_schema import UNREADABLE, decode_chunk
from sekisho.wire.sse import SseReader


class GenerateReader:
    """A StreamReader (wire/dialect.py)."""

    def __init__(self) -> None:
        self._sse = SseReader()
        self._chunks = ChunkReader()

    def feed(self, chunk: bytes) -> list[Event]:
        """The events completed by `chunk`. Raises UpstreamProtocolError."""
        out: list[Event] = []
        for _, data in self._sse.feed(chunk):
            self._see(data, out)
        return out

    def close(self) -> list[Event]:
        """What the end of the stream tells: the end of the answer, or that it came too early."""
        out: list[Event] = []
        for _, data in self._sse.close():
            self._see(data, out)
        if not self._chunks.close(out):
            message = "The provider ended its stream in the middle of the answer."
            out.append(Failed(ErrorInfo(error_class=ErrorClass.UPSTREAM_ERROR, message=message, status=502)))
            self._chunks.ended = True
        return out

    def _see(self, data: bytes, out: list[Event]) -> None:
        try:
            chunk = decode_chunk(data)
        except UNREADABLE:
            raise UpstreamProtocolError("The provider sent an event that is not of a Gemini stream.") from None
        self._chunks.see(chunk, out)

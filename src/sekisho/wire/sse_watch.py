"""What every look at a passing stream tells, and the look at server-sent events.

Flows in: the provider's bytes, which go to the caller as they are. Flows out: usage, served model, counts, failure.
Must stay true: it never raises and never holds a byte back; a stream split at any byte gives the same facts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorInfo, UpstreamProtocolError
from sekisho.wire.sse import SseReader


class Watched:
    """The facts of a StreamWatch (wire/dialect.py)."""

    __slots__ = ("ended", "events", "failed", "finished", "served_model", "text_bytes", "usage")

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.served_model: str | None = None
        self.events = 0
        self.finished = self.ended = False
        self.failed: ErrorInfo | None = None
        self.text_bytes = 0


class SseWatch(Watched, ABC):
    """A StreamWatch of a dialect in which there is nothing to strip; `_see` reads one event."""

    __slots__ = ("_sse",)

    def __init__(self, strip_usage: bool = False) -> None:  # noqa: FBT001, FBT002, ARG002 -- the contract's flag
        super().__init__()
        self._sse = SseReader()

    def feed(self, chunk: bytes) -> bytes:
        """See one chunk; it goes on unchanged."""
        try:
            for name, data in self._sse.feed(chunk):
                self._see(name, data)
        except UpstreamProtocolError:
            self._sse = SseReader()  # an event without an end: what follows may be readable again
        return chunk

    def close(self) -> bytes:
        """The end of the stream; a last event may lack its blank line."""
        for name, data in self._sse.close():
            self._see(name, data)
        return b""

    @abstractmethod
    def _see(self, name: bytes, data: bytes) -> None:
        """Read one event. Raises nothing."""

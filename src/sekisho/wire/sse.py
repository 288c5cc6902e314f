"""Server-sent events (WHATWG HTML, section 9.2): incremental reader, and writer.

Flows in: bytes cut anywhere. Flows out: (event name, data bytes) for each complete event.
Must stay true: LF, CR and CRLF line ends, several `data:` lines and comments all read alike; the size of an
unfinished event is bounded.
"""

from __future__ import annotations

from sekisho.core import bounds
from sekisho.core.errors import UpstreamProtocolError

#: A byte order mark may stand before the first event.
_BOM = b"\xef\xbb\xbf"


class SseReader:
    """Feeds bytes, yields events. Comments and `id:`/`retry:` lines are passed over."""

    __slots__ = ("_half", "_half_bytes", "_held")

    def __init__(self) -> None:
        #: An event whose end has not come, in pieces: joined once, or long events would cost their square.
        self._half: list[bytes] = []
        self._half_bytes = 0
        #: A CR at the very end of a chunk: it may be half of a CRLF.
        self._held = b""

    def feed(self, chunk: bytes) -> list[tuple[bytes, bytes]]:
        """Events completed by `chunk`, as (event name or b"", data). Raises UpstreamProtocolError when one event
        outgrows bounds.STREAM_EVENT_BYTES.
        """
        data = self._without_cr(chunk) if self._held or b"\r" in chunk else chunk
        if not data:
            return []
        if self._half:
            ends = b"\n\n" in data or (data.startswith(b"\n") and self._half[-1].endswith(b"\n"))
            self._half.append(data)
            if not ends:
                return self._hold(len(data))
            data = b"".join(self._half)
        *blocks, tail = data.split(b"\n\n")
        self._half, self._half_bytes = [], 0
        if tail:
            self._half.append(tail)
            self._hold(len(tail))
        return [event for block in blocks if (event := _parse(block)) is not None]

    def close(self) -> list[tuple[bytes, bytes]]:
        """The last event, where the stream ended without its blank line."""
        tail = b"".join(self._half)
        self._half, self._half_bytes, self._held = [], 0, b""
        event = _parse(tail) if tail else None
        return [event] if event is not None else []

    def _without_cr(self, chunk: bytes) -> bytes:
        data = self._held + chunk
        self._held = data[-1:] if data.endswith(b"\r") else b""
        return (data[:-1] if self._held else data).replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _hold(self, size_bytes: int) -> list[tuple[bytes, bytes]]:
        self._half_bytes += size_bytes
        if self._half_bytes > bounds.STREAM_EVENT_BYTES:
            raise UpstreamProtocolError("The provider sent an event without an end.")
        return []


def _parse(block: bytes) -> tuple[bytes, bytes] | None:
    if block.startswith(b"data:") and b"\n" not in block:  # OpenAI's only form
        return b"", block[6:] if block[5:6] == b" " else block[5:]
    first, mark, rest = block.partition(b"\ndata: ")
    if mark and first.startswith(b"event:") and b"\n" not in first and b"\n" not in rest:  # the others' usual form
        return first[6:].strip(), rest
    name, data = b"", []
    for line in block.removeprefix(_BOM).split(b"\n"):
        if line.startswith(b"data:"):
            data.append(line[6:] if line[5:6] == b" " else line[5:])
        elif line.startswith(b"event:"):
            name = line[6:].strip()
    return (name, b"\n".join(data)) if data else None


def sse_event(data: bytes, name: str = "") -> bytes:
    """One event; `data` holds no line break (JSON)."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data) if name else b"data: %b\n\n" % data


SSE_TYPE = "text/event-stream"
#: Keeps proxies and clients awake; every SSE reader passes over comments.
COMMENT_PING = b": ping\n\n"

"""Gemini's streams as one JSON array, for callers who do not ask for server-sent events (`?alt=sse`).

Flows in: server-sent events whose data are JSON objects. Flows out: the same objects as items of an array, each with
what separates it from the one before; and back. Must stay true: after each item the bytes so far are an array but for
its end, so that a caller can read along; an error is the last item.
"""

from __future__ import annotations

import re

from sekisho.core import bounds
from sekisho.core.errors import ErrorInfo, UpstreamProtocolError
from sekisho.wire.carried import carried
from sekisho.wire.carrier import Carrier, Said, Saying
from sekisho.wire.dialect import Dialect
from sekisho.wire.sse import SseReader, sse_event

_BETWEEN = b",\r\n"
_END = b"\r\n]"
#: What may stand around items; what ends a text, and what opens, closes or quotes in an object.
_AROUND = re.compile(rb"[ \t\r\n,\[\]]*")
_IN_OBJECT = re.compile(rb'[{}"]')
_IN_TEXT = re.compile(rb'"|\\.', re.DOTALL)
_LINE_ENDS = re.compile(rb"[\r\n]+")


def as_array(dialect: Dialect) -> Dialect:
    """`dialect` with its streams as arrays. Its bodies are its own."""

    def render_error_event(error: ErrorInfo, request_id: str) -> bytes:
        data = dialect.render_error_event(error, request_id)
        return b"".join(_BETWEEN + item for _, item in SseReader().feed(data)) + _END

    carrier = Carrier(name="array", says=_says_nothing, unwrap=FromArray, wrap=ToArray)
    return carried(
        dialect, carrier, render_error_event=render_error_event, stream_type="application/json", split=whole_items
    )


def _says_nothing(_said: Said) -> Saying:
    return Saying(keys={})


class ToArray:
    """Server-sent events -> an array."""

    __slots__ = ("_begun", "_closed", "_sse")

    def __init__(self) -> None:
        self._sse = SseReader()
        self._begun = self._closed = False

    def feed(self, chunk: bytes) -> bytes:
        """See Filter."""
        return b"".join(self._item(data) for _, data in self._sse.feed(chunk))

    def close(self) -> bytes:
        """The last item where it came without its blank line, and the array's end, once."""
        if self._closed:
            return b""
        rest = b"".join(self._item(data) for _, data in self._sse.close())
        self._closed = True
        return rest + (_END if self._begun else b"[]")

    def _item(self, data: bytes) -> bytes:
        before = _BETWEEN if self._begun else b"["
        self._begun = True
        return before + data


class _Items:
    """Finds whole objects in the bytes of an array, looking at each byte once, however they come."""

    __slots__ = ("_at", "_depth", "_in_text", "_start", "data")

    def __init__(self) -> None:
        #: What has come and was not taken; the object that begins at `_start` is read up to `_at`.
        self.data = b""
        self._start = self._at = self._depth = 0
        self._in_text = False

    @property
    def half_bytes(self) -> int:
        """The size of what has come of an object that has not ended."""
        return len(self.data) - self._start

    def feed(self, chunk: bytes) -> None:
        """More bytes; what was taken is forgotten."""
        self.data = self.data[self._start :] + chunk
        self._at -= self._start
        self._start = 0

    def next(self) -> tuple[int, int] | None:
        """(start, end) of the next whole object in `data`. Raises UpstreamProtocolError when none can stand there."""
        if self._depth == 0 and not self._opens():
            return None
        while (mark := self._next_mark()) is not None:
            if self._in_text or mark == b'"':
                self._in_text = mark != b'"' if self._in_text else True
            else:
                self._depth += 1 if mark == b"{" else -1
            if self._depth == 0:
                start, self._start = self._start, self._at
                return start, self._at
        return None

    def _opens(self) -> bool:
        around = _AROUND.match(self.data, self._start)
        at = self._start if around is None else around.end()
        if at == len(self.data):
            return False
        if self.data[at : at + 1] != b"{":
            raise UpstreamProtocolError("The provider's stream is no array of objects.")
        self._start, self._at, self._depth = at, at + 1, 1
        return True

    def _next_mark(self) -> bytes | None:
        """What opens, closes, quotes or escapes next; None where the data end before it."""
        found = (_IN_TEXT if self._in_text else _IN_OBJECT).search(self.data, self._at)
        if found is not None:
            self._at = found.end()
            return found[0]
        unread = self.data[self._at :]
        self._at += len(unread) - (self._in_text and unread.endswith(b"\\"))  # half an escape is looked at again
        return None


class FromArray:
    """An array -> server-sent events."""

    __slots__ = ("_items",)

    def __init__(self) -> None:
        self._items = _Items()

    def feed(self, chunk: bytes) -> bytes:
        """See Filter."""
        items = self._items
        items.feed(chunk)
        out = []
        while (span := items.next()) is not None:
            # White space between tokens only: JSON texts hold no bare line ends.
            out.append(sse_event(_LINE_ENDS.sub(b" ", items.data[slice(*span)])))
        if items.half_bytes > bounds.STREAM_EVENT_BYTES:
            raise UpstreamProtocolError("The provider sent an event without an end.")
        return b"".join(out)

    def close(self) -> bytes:
        """Half an item is none."""
        return b""


def whole_items(data: bytes) -> int:
    """How many leading bytes of `data` are whole items with what stands around them. Raises UpstreamProtocolError where
    it begins with bytes that are none.
    """
    items, end = _Items(), 0
    items.feed(data)
    try:
        while (span := items.next()) is not None:
            end = span[1]
    except UpstreamProtocolError:
        if not end:
            raise
        return end
    around = _AROUND.match(data, end)
    # What separates waits for the item behind it; the array's end belongs to the item before it.
    return around.end() if around is not None and around[0].rstrip().endswith(b"]") else end

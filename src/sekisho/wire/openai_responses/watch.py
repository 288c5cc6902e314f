"""Looks at a Responses stream that passes unchanged, for the ledger.

Flows in: chunks cut anywhere. Flows out: the same bytes; usage, served model, end and error as attributes. Must stay
true: nothing raises and nothing is changed; only events that say something for the ledger are decoded; the counts are
the same however the stream was cut.
"""

from __future__ import annotations

import msgspec

from sekisho.core.errors import UpstreamProtocolError
from sekisho.wire.openai_responses.errors import error_info
from sekisho.wire.openai_responses.schema import Kind, WireError, WireResponse, decode
from sekisho.wire.sse_watch import SseWatch


class _Delta(msgspec.Struct):
    delta: str


class _ResponseEvent(msgspec.Struct):
    response: WireResponse


class _ErrorEvent(msgspec.Struct):
    error: WireError | None = None
    code: str | int | None = None
    message: str | None = None


_delta = msgspec.json.Decoder(_Delta)
#: Events whose delta is counted. Arguments of hosted tools and code are billed as output too.
_COUNTED = b".delta"
_ENDS = frozenset({b"response.completed", b"response.incomplete", b"response.failed", b"response.cancelled"})
_BEGINS = frozenset({b"response.created", b"response.queued", b"response.in_progress"})


class StreamWatch(SseWatch):
    """wire.dialect.StreamWatch of this dialect."""

    __slots__ = ()

    def _see(self, name: bytes, data: bytes) -> None:
        self.events += 1
        try:
            name = name or (decode(data, Kind).type or "").encode()
            if name.endswith(_COUNTED):
                text = _delta.decode(data).delta
                self.text_bytes += len(text) if text.isascii() else len(text.encode())
            elif name in _ENDS:
                self._end(decode(data, _ResponseEvent).response, name)
            elif name in _BEGINS:
                self.served_model = decode(data, _ResponseEvent).response.model or self.served_model
            elif name == b"error":
                event = decode(data, _ErrorEvent)
                self.failed = error_info(event.error or WireError(code=event.code, message=event.message))
        except (UpstreamProtocolError, ValueError, RecursionError):
            return  # what cannot be read is passed on and counted

    def _end(self, response: WireResponse, name: bytes) -> None:
        self.served_model = response.model or self.served_model
        self.usage = response.counted or self.usage
        if name in {b"response.completed", b"response.incomplete"}:
            self.finished = self.ended = True
        else:
            self.failed = self.failed or error_info(response.error or WireError())

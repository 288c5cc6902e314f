"""A provider's Messages stream -> events.

Flows in: bytes cut anywhere. Flows out: canonical events in legal order. Must stay true: the grammar is
`message_start (content_block_start delta* content_block_stop)* message_delta message_stop`, with pings anywhere; usage
in `message_delta` is cumulative and replaces; events, blocks and deltas of unknown kinds are passed over.
"""

from __future__ import annotations

import msgspec

from sekisho.canonical import events as e
from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorClass, ErrorInfo, UpstreamProtocolError
from sekisho.wire.anthropic_messages.errors import error_info, read_error
from sekisho.wire.anthropic_messages.reply_schema import (
    KINDS,
    STOPS,
    BlockOut,
    DeltaOut,
    EventOut,
    citation_of,
    usage_after,
)
from sekisho.wire.raw_text import providers_text
from sekisho.wire.sse import SseReader
from sekisho.wire.thoughts import ORIGIN

event_decoder = msgspec.json.Decoder(EventOut)
#: Delta type -> the kind of block that may carry it.
_DELTA_OF = {
    "text_delta": "text",
    "citations_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "thinking",
    "input_json_delta": "tool_use",
}


class _Open:
    """A block that has started: its canonical index, and what is only known at its end."""

    __slots__ = ("index", "input", "kind", "signature")

    def __init__(self, index: int, block: BlockOut) -> None:
        self.index = index
        self.kind = block.type
        self.signature = block.signature or ""
        #: Some servers send the whole input with the start; Anthropic sends {} there and deltas after.
        self.input = providers_text(block.input)


class MessagesReader:
    """A StreamReader (wire/dialect.py)."""

    def __init__(self) -> None:
        self._sse = SseReader()
        self._usage = Usage()
        self._blocks = 0
        #: The stream's own index -> the open block; None for a block that is passed over.
        self._open: dict[int, _Open | None] = {}
        self._stop: e.Finished | None = None
        self._started = False
        self._ended = False

    def feed(self, chunk: bytes) -> list[e.Event]:
        """The events completed by `chunk`. Raises UpstreamProtocolError."""
        out: list[e.Event] = []
        for _, data in self._sse.feed(chunk):
            self._see(data, out)
        return out

    def close(self) -> list[e.Event]:
        """What the end of the stream tells: nothing, or that it came too early."""
        out: list[e.Event] = []
        for _, data in self._sse.close():
            self._see(data, out)
        if self._ended:
            return out
        if self._stop is not None:  # the whole answer is here, only the last word is missing
            self._finish(out)
            return out
        message = "The provider ended its stream in the middle of the answer."
        out.append(e.Failed(ErrorInfo(error_class=ErrorClass.UPSTREAM_ERROR, message=message, status=502)))
        self._ended = True
        return out

    def _see(self, data: bytes, out: list[e.Event]) -> None:
        if self._ended or data == b"[DONE]":
            return
        try:
            event = event_decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise UpstreamProtocolError("The provider sent an event that is not of a Messages stream.") from None
        kind = event.type
        if kind == "content_block_delta":
            self._delta(event.index, event.delta, out)
        elif kind == "content_block_start":
            self._block_start(event, out)
        elif kind == "content_block_stop":
            self._block_stop(event.index, out)
        elif kind == "ping":
            out.append(e.Ping())
        else:
            self._message_event(event, out)

    def _message_event(self, event: EventOut, out: list[e.Event]) -> None:
        if event.type == "message_start":
            self._start(event, out)
        elif event.type == "message_delta":
            self._message_delta(event, out)
        elif event.type == "message_stop":
            self._must_have_started("message_stop")
            self._finish(out)
        elif event.type == "error":
            out.append(e.Failed(error_info(None, *read_error(event.error))))
            self._ended = True

    def _start(self, event: EventOut, out: list[e.Event]) -> None:
        message = event.message
        if message is None or self._started:
            raise UpstreamProtocolError("The provider's stream has no message in its start, or starts twice.")
        self._started = True
        if message.usage is not None:
            self._usage = usage_after(self._usage, message.usage)
        out.append(e.Started(id=message.id, model=message.model, usage=self._usage if message.usage else None))

    def _must_have_started(self, what: str) -> None:
        if not self._started:
            raise UpstreamProtocolError(f"The provider sent '{what}' before 'message_start'.")

    def _block_start(self, event: EventOut, out: list[e.Event]) -> None:
        self._must_have_started("content_block_start")
        block = event.content_block
        if block is None or event.index in self._open:
            raise UpstreamProtocolError("The provider started a block without contents, or twice.")
        if block.type not in KINDS:
            self._open[event.index] = None
            return
        index = self._blocks
        self._blocks += 1
        self._open[event.index] = _Open(index, block)
        if block.type == "tool_use":
            start = e.BlockStarted(index=index, kind="tool_call", call_id=block.id or "", name=block.name or "")
            out.append(start)
        elif block.type == "redacted_thinking":
            out.append(e.BlockStarted(index=index, kind="redacted_thinking", data=block.data or ""))
        elif block.type == "thinking":
            out.append(e.BlockStarted(index=index, kind="thinking", origin=ORIGIN))
            if block.thinking:
                out.append(e.ThinkingDelta(index, block.thinking))
        else:
            out.append(e.BlockStarted(index=index, kind="text"))
            if block.text:
                out.append(e.TextDelta(index, block.text))

    def _delta(self, at: int, delta: DeltaOut | None, out: list[e.Event]) -> None:
        if at not in self._open or delta is None:
            raise UpstreamProtocolError("The provider sent a delta for a block that is not open.")
        block, kind = self._open[at], delta.type
        if block is None or kind not in _DELTA_OF:
            return
        if _DELTA_OF[kind] != block.kind:
            raise UpstreamProtocolError(f"The provider sent a {kind} for a block of another kind.")
        if kind == "text_delta":
            out.append(e.TextDelta(block.index, delta.text))
        elif kind == "input_json_delta":
            if delta.partial_json:
                block.input = ""
                out.append(e.ArgumentsDelta(block.index, delta.partial_json))
        elif kind == "thinking_delta":
            out.append(e.ThinkingDelta(block.index, delta.thinking))
        elif kind == "signature_delta":
            block.signature += delta.signature
        elif delta.citation is not None:
            out.append(e.CitationAdded(block.index, citation_of(delta.citation)))

    def _block_stop(self, at: int, out: list[e.Event]) -> None:
        if at not in self._open:
            raise UpstreamProtocolError("The provider ended a block that is not open.")
        self._close_block(self._open.pop(at), out)

    def _close_block(self, block: _Open | None, out: list[e.Event]) -> None:
        if block is None:
            return
        if block.kind == "tool_use" and block.input:
            out.append(e.ArgumentsDelta(block.index, block.input))
        if block.kind == "thinking" and block.signature:
            out.append(e.SignatureDelta(block.index, block.signature, ORIGIN))
        out.append(e.BlockEnded(block.index))

    def _message_delta(self, event: EventOut, out: list[e.Event]) -> None:
        self._must_have_started("message_delta")
        if event.usage is not None:
            self._usage = usage_after(self._usage, event.usage)
            out.append(e.UsageReported(self._usage))
        delta = event.delta
        if delta is not None and delta.stop_reason is not None:
            stop = STOPS.get(delta.stop_reason, e.StopReason.END_TURN)
            self._stop = e.Finished(stop=stop, stop_sequence=delta.stop_sequence)

    def _finish(self, out: list[e.Event]) -> None:
        for block in self._open.values():
            self._close_block(block, out)
        self._open = {}
        out.append(self._stop or e.Finished(stop=e.StopReason.END_TURN))
        self._ended = True

"""A provider's ConverseStream -> events.

Flows in: bytes cut anywhere. Flows out: canonical events in legal order. Must stay true: the grammar is
`messageStart (contentBlockStart? contentBlockDelta* contentBlockStop)* messageStop metadata`; only calls are announced
by a start; usage comes after the stop reason, so the end is said at `metadata`, or where the stream ends without it.
"""

from __future__ import annotations

import base64
from typing import Literal

import msgspec

from sekisho.canonical import events as e
from sekisho.core.errors import ErrorClass, ErrorInfo, UpstreamProtocolError
from sekisho.wire.aws_errors import is_exception, read_exception
from sekisho.wire.bedrock_converse.reply_schema import (
    SERVER_TOOL,
    BlockOut,
    EventOut,
    ReasoningOut,
    citation_of,
    stop_of,
    stop_sequence_of,
    usage_of,
)
from sekisho.wire.eventstream import EventStreamReader, Message
from sekisho.wire.thoughts import ORIGIN

event_decoder = msgspec.json.Decoder(EventOut)
_input_decoder = msgspec.json.Decoder(str)


class _Open:
    """A block that has started: its canonical index, and what is only known at its end."""

    __slots__ = ("index", "kind", "redacted", "signature")

    def __init__(self, index: int, kind: str) -> None:
        self.index = index
        #: "text", "thinking", "redacted_thinking" or "tool_call"; "" for a block that is passed over.
        self.kind = kind
        self.signature = ""
        self.redacted: list[str] = []


class ConverseReader:
    """A StreamReader (wire/dialect.py)."""

    def __init__(self) -> None:
        self._frames = EventStreamReader()
        self._blocks = 0
        #: contentBlockIndex -> the open block.
        self._open: dict[int, _Open] = {}
        self._stop: e.Finished | e.Failed | None = None
        self._started = False
        self._ended = False

    def feed(self, chunk: bytes) -> list[e.Event]:
        """The events completed by `chunk`. Raises UpstreamProtocolError."""
        out: list[e.Event] = []
        for message in self._frames.feed(chunk):
            self._see(message, out)
        return out

    def close(self) -> list[e.Event]:
        """What the end of the stream tells: nothing, or that it came too early."""
        out: list[e.Event] = []
        if self._ended:
            return out
        self._ended = True
        if self._stop is not None and not self._frames.mid_message:  # the whole answer is here, only its counts are not
            out.append(self._stop)
            return out
        message = "The provider ended its stream in the middle of the answer."
        out.append(e.Failed(ErrorInfo(error_class=ErrorClass.UPSTREAM_ERROR, message=message, status=502)))
        return out

    def _see(self, message: Message, out: list[e.Event]) -> None:
        if self._ended:
            return
        if is_exception(message):
            out.append(e.Failed(read_exception(message)))
            self._ended = True
            return
        try:
            event = event_decoder.decode(message.payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise UpstreamProtocolError("The provider sent an event that is not of a ConverseStream.") from None
        kind = message.header(":event-type")
        if kind == "messageStart":
            self._start(out)
        elif not self._started:
            raise UpstreamProtocolError("The provider's stream does not begin with 'messageStart'.")
        else:
            self._event(kind, event, out)

    def _event(self, kind: str, event: EventOut, out: list[e.Event]) -> None:
        """Any event but the first; those of unknown kinds are passed over."""
        if kind == "contentBlockDelta":
            self._delta(event.content_block_index, event.delta or BlockOut(), out)
        elif kind == "contentBlockStart":
            self._block_start(event.content_block_index, event.start or BlockOut(), out)
        elif kind == "contentBlockStop":
            self._close_block(self._open.pop(event.content_block_index, None), out)
        elif kind == "messageStop":
            self._message_stop(event, out)
        elif kind == "metadata":
            self._metadata(event, out)

    def _start(self, out: list[e.Event]) -> None:
        if self._started:
            raise UpstreamProtocolError("The provider's stream starts twice.")
        self._started = True
        out.append(e.Started(id="", model=""))

    def _block_start(self, at: int, start: BlockOut, out: list[e.Event]) -> None:
        if at in self._open:
            raise UpstreamProtocolError("The provider started a block twice.")
        call = start.tool_use
        if call is None or call.type == SERVER_TOOL:  # what a tool of the provider did has no canonical word
            self._open[at] = _Open(-1, "")
            return
        index = self._begin(at, "tool_call").index
        out.append(e.BlockStarted(index=index, kind="tool_call", call_id=call.tool_use_id, name=call.name))

    def _begin(self, at: int, kind: str) -> _Open:
        block = self._open[at] = _Open(self._blocks, kind)
        self._blocks += 1
        return block

    def _delta(self, at: int, delta: BlockOut, out: list[e.Event]) -> None:
        block = self._open.get(at)
        if block is not None and not block.kind:
            return
        if delta.reasoning_content is not None:
            self._thought_delta(at, delta.reasoning_content, out)
        elif delta.tool_use is not None:
            if block is None or block.kind != "tool_call":
                raise UpstreamProtocolError("The provider sent a part of a call that was not started.")
            piece = _piece_of(delta.tool_use.input)
            if piece:
                out.append(e.ArgumentsDelta(block.index, piece))
        elif delta.text is not None:
            out.append(e.TextDelta(self._opened(at, "text", out).index, delta.text))
        elif delta.citation is not None:
            out.append(e.CitationAdded(self._opened(at, "text", out).index, citation_of(delta.citation)))

    def _thought_delta(self, at: int, thought: ReasoningOut, out: list[e.Event]) -> None:
        if thought.redacted_content is not None:
            self._opened(at, "redacted_thinking", out).redacted.append(thought.redacted_content)
            return
        block = self._opened(at, "thinking", out)
        block.signature += thought.signature or ""
        if thought.text:
            out.append(e.ThinkingDelta(block.index, thought.text))

    def _opened(self, at: int, kind: Literal["text", "thinking", "redacted_thinking"], out: list[e.Event]) -> _Open:
        """The open block; what is no call begins with its first delta, and what has no deltas here at its end."""
        block = self._open.get(at)
        if block is not None and block.kind != kind:
            raise UpstreamProtocolError("The provider sent a delta for a block of another kind.")
        if block is not None:
            return block
        if kind == "redacted_thinking":
            block = self._open[at] = _Open(-1, kind)
            return block
        block = self._begin(at, kind)
        origin = ORIGIN if kind == "thinking" else None
        out.append(e.BlockStarted(index=block.index, kind=kind, origin=origin))
        return block

    def _close_block(self, block: _Open | None, out: list[e.Event]) -> None:
        if block is None or not block.kind:  # a text block may end without ever having begun
            return
        if block.kind == "redacted_thinking":
            block.index = self._blocks
            self._blocks += 1
            data = _joined(block.redacted)
            out.append(e.BlockStarted(index=block.index, kind="redacted_thinking", data=data))
        if block.signature:
            out.append(e.SignatureDelta(block.index, block.signature, ORIGIN))
        out.append(e.BlockEnded(block.index))

    def _message_stop(self, event: EventOut, out: list[e.Event]) -> None:
        for block in self._open.values():
            self._close_block(block, out)
        self._open = {}
        stop = stop_of(event.stop_reason)
        fired = stop_sequence_of(event.additional_model_response_fields)
        if isinstance(stop, ErrorInfo):
            self._stop = e.Failed(stop)
        else:
            self._stop = e.Finished(stop=stop, stop_sequence=fired)

    def _metadata(self, event: EventOut, out: list[e.Event]) -> None:
        if self._stop is None:
            raise UpstreamProtocolError("The provider sent 'metadata' before 'messageStop'.")
        if event.usage is not None:
            out.append(e.UsageReported(usage_of(event.usage, event.service_tier)))
        out.append(self._stop)
        self._ended = True


def _piece_of(raw: msgspec.Raw) -> str:
    try:
        return _input_decoder.decode(raw)
    except msgspec.DecodeError:
        raise UpstreamProtocolError("The provider sent a part of a call that is no text.") from None


def _joined(blobs: list[str]) -> str:
    """Pieces of a blob, each in base64, as one."""
    if len(blobs) == 1:
        return blobs[0]
    try:
        return base64.b64encode(b"".join(base64.b64decode(blob, validate=True) for blob in blobs)).decode()
    except ValueError:
        raise UpstreamProtocolError("The provider sent a thought that is not base64.") from None

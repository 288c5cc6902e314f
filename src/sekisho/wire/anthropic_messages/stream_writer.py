"""Events -> a Messages stream for a caller.

Flows in: canonical events in legal order. Flows out: SSE bytes. Must stay true: `message_start` first, blocks strictly
one after the other with dense indexes, `message_delta` with the whole usage, then a bare `message_stop`; what belongs
to a later block waits until the current one has ended; a block without contents is not begun at all.
"""

from __future__ import annotations

import msgspec

from sekisho.canonical import events as e
from sekisho.canonical.request import Request
from sekisho.canonical.tools import CUSTOM_ARGUMENT
from sekisho.canonical.usage import Usage
from sekisho.wire.anthropic_messages.blocks import Json
from sekisho.wire.anthropic_messages.errors import error_event
from sekisho.wire.anthropic_messages.reply import (
    caller_names,
    citation_object,
    message_id,
    redacted_block,
    stop_word,
    usage_counts,
    usage_object,
)
from sekisho.wire.in_turn import BlockEvent, InTurn
from sekisho.wire.sse import sse_event
from sekisho.wire.thoughts import ORIGIN, signature_for_caller

_encoder = msgspec.json.Encoder()
_PING = sse_event(b'{"type":"ping"}', "ping")
_MESSAGE_STOP = sse_event(b'{"type":"message_stop"}', "message_stop")


def _event(kind: str, **fields: object) -> bytes:
    return sse_event(_encoder.encode({"type": kind, **fields}), kind)


class MessagesWriter:
    """A StreamWriter (wire/dialect.py) for the caller who sent `request`."""

    def __init__(self, request: Request) -> None:
        self._names = caller_names(request)
        self._usage = Usage()
        self._started = False
        self._called_tool = False
        self._blocks = InTurn(self._begun, self._written)
        self._next_index = 0

    def write(self, event: e.Event) -> bytes:
        """Bytes for `event`; b"" when they are said later or not at all."""
        if isinstance(event, BlockEvent):
            return self._blocks.tell(event)
        if isinstance(event, e.BlockStarted):
            return self._block_started(event)
        if isinstance(event, e.UsageReported):
            self._usage = event.usage
            return b""
        if isinstance(event, e.Ping):
            return _PING if self._started else b""
        if isinstance(event, e.Started):
            return self._start(event)
        if isinstance(event, e.Finished):
            return self._finish(event)
        return error_event(event.error)

    def _start(self, event: e.Started) -> bytes:
        self._started = True
        self._usage = event.usage or self._usage
        message: Json = {
            "id": message_id(event.id),
            "type": "message",
            "role": "assistant",
            "model": event.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage_object(self._usage),
        }
        return _event("message_start", message=message)

    def _block_started(self, event: e.BlockStarted) -> bytes:
        self._called_tool = self._called_tool or event.kind == "tool_call"
        return self._blocks.begin(event.index, _Block(event, self._names))

    def _begun(self, block: _Block) -> bytes:
        """Tool calls and redacted thoughts are something by themselves; text and thought only with their contents."""
        return b"" if block.head is None else self._open(block, block.head)

    def _open(self, block: _Block, head: Json) -> bytes:
        block.wire_index = self._next_index
        self._next_index += 1
        return _event("content_block_start", index=block.wire_index, content_block=head)

    def _written(self, block: _Block, event: BlockEvent) -> bytes:
        if isinstance(event, e.BlockEnded):
            return self._ended(block)
        delta = block.delta(event)
        return b"" if delta is None else self._delta(block, delta)

    def _delta(self, block: _Block, delta: Json) -> bytes:
        opening = self._open(block, block.late_head()) if block.wire_index < 0 else b""
        return opening + _event("content_block_delta", index=block.wire_index, delta=delta)

    def _ended(self, block: _Block) -> bytes:
        block.ended = True
        last = block.last_delta()
        out = self._delta(block, last) if last is not None else b""
        if block.wire_index < 0 and block.signature:
            out += self._open(block, redacted_block(block.signature))
        return out + _event("content_block_stop", index=block.wire_index) if block.wire_index >= 0 else out

    def _finish(self, event: e.Finished) -> bytes:
        stop = stop_word(event.stop, calls=self._called_tool)
        delta = {"stop_reason": stop, "stop_sequence": event.stop_sequence}
        return _event("message_delta", delta=delta, usage=usage_counts(self._usage)) + _MESSAGE_STOP


class _Block:
    """One canonical block on its way to the caller."""

    __slots__ = ("_free_text", "_start", "ended", "head", "held", "signature", "wire_index")

    def __init__(self, start: e.BlockStarted, names: dict[str, str]) -> None:
        self._start = start
        #: The index on the wire; negative until the block is begun there.
        self.wire_index = -1
        self.held: list[BlockEvent] = []
        self.ended = False
        #: A signature that waits for the block's end: whether there is text beside it decides how it is said.
        self.signature = ""
        self._free_text: list[str] = []
        self.head: Json | None = None
        if start.kind == "tool_call":
            name = names.get(start.name, start.name)
            self.head = {"type": "tool_use", "id": start.call_id, "name": name, "input": {}}
        elif start.kind == "redacted_thinking":
            self.head = redacted_block(start.data)

    def late_head(self) -> Json:
        """The start of a text or thinking block, written with its first contents."""
        if self._start.kind == "thinking":
            return {"type": "thinking", "thinking": "", "signature": ""}
        return {"type": "text", "text": ""}

    def delta(self, event: BlockEvent) -> Json | None:
        """The delta to write now; None when there is nothing, or nothing yet."""
        if isinstance(event, e.TextDelta):
            return {"type": "text_delta", "text": event.text} if event.text else None
        if isinstance(event, e.ThinkingDelta):
            return {"type": "thinking_delta", "thinking": event.text} if event.text else None
        if isinstance(event, e.CitationAdded):
            return {"type": "citations_delta", "citation": citation_object(event.citation)}
        if isinstance(event, e.ArgumentsDelta):
            if not self._start.custom:
                return {"type": "input_json_delta", "partial_json": event.text} if event.text else None
            self._free_text.append(event.text)
        elif isinstance(event, e.SignatureDelta):
            self.signature = signature_for_caller(event.signature, event.origin, self._start.item_id)
            return self._signature() if event.origin == ORIGIN else None
        return None

    def last_delta(self) -> Json | None:
        """What only the block's end tells: a foreign thought's seal, the whole input of a free-text tool."""
        if self._start.custom:
            arguments = _encoder.encode({CUSTOM_ARGUMENT: "".join(self._free_text)}).decode()
            return {"type": "input_json_delta", "partial_json": arguments}
        return self._signature() if self.signature and self.wire_index >= 0 else None

    def _signature(self) -> Json:
        signature, self.signature = self.signature, ""
        return {"type": "signature_delta", "signature": signature}

"""Events -> a ConverseStream for a caller.

Flows in: canonical events in legal order. Flows out: messages of an event stream. Must stay true: `messageStart` first,
blocks strictly one after the other with dense indexes, a start only for calls, `messageStop`, then `metadata` with the
whole usage; what belongs to a later block waits until the current one has ended; a block without contents is not begun.
"""

from __future__ import annotations

import msgspec

from sekisho.canonical import events as e
from sekisho.canonical.request import Request
from sekisho.canonical.tools import CUSTOM_ARGUMENT
from sekisho.canonical.usage import Usage
from sekisho.wire.aws_errors import render_error_event
from sekisho.wire.bedrock_converse.blocks import Json
from sekisho.wire.bedrock_converse.media import redacted_content, sealed_content
from sekisho.wire.bedrock_converse.reply import caller_names, citation_object, counts, response_fields, stop_word
from sekisho.wire.eventstream import encode_message
from sekisho.wire.in_turn import BlockEvent, InTurn
from sekisho.wire.thoughts import ORIGIN, signature_for_caller

_encoder = msgspec.json.Encoder()


def event_message(kind: str, payload: Json) -> bytes:
    """One event, its headers in the order in which Bedrock writes them."""
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return encode_message(headers, _encoder.encode(payload))


class ConverseWriter:
    """A StreamWriter (wire/dialect.py) for the caller who sent `request`."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._names = caller_names(request)
        self._usage = Usage()
        self._called_tool = False
        self._blocks = InTurn(self._begun, self._written)
        self._next_index = 0

    def write(self, event: e.Event) -> bytes:
        """Bytes for `event`; b"" when they are said later or not at all."""
        if isinstance(event, BlockEvent):
            return self._blocks.tell(event)
        if isinstance(event, e.BlockStarted):
            return self._block_started(event)
        if isinstance(event, e.Started):
            self._usage = event.usage or self._usage
            return event_message("messageStart", {"role": "assistant"})
        if isinstance(event, e.UsageReported):
            self._usage = event.usage
        elif isinstance(event, e.Finished):
            return self._finish(event)
        elif isinstance(event, e.Failed):
            return render_error_event(event.error)
        return b""  # this dialect has no ping

    def _block_started(self, event: e.BlockStarted) -> bytes:
        self._called_tool = self._called_tool or event.kind == "tool_call"
        return self._blocks.begin(event.index, _Block(event, self._names))

    def _begun(self, block: _Block) -> bytes:
        """A call and a redacted thought are something by themselves; other blocks begin with their contents."""
        if block.call is not None:
            self._count(block)
            start = {"toolUse": block.call}
            return event_message("contentBlockStart", {"start": start, "contentBlockIndex": block.wire_index})
        return b"" if block.redacted is None else self._delta(block, block.redacted)

    def _count(self, block: _Block) -> None:
        block.wire_index = self._next_index
        self._next_index += 1

    def _written(self, block: _Block, event: BlockEvent) -> bytes:
        if not isinstance(event, e.BlockEnded):
            delta = block.delta(event)
            return b"" if delta is None else self._delta(block, delta)
        block.ended = True
        last = block.last_delta()
        out = b"" if last is None else self._delta(block, last)
        if block.wire_index < 0:
            return out
        return out + event_message("contentBlockStop", {"contentBlockIndex": block.wire_index})

    def _delta(self, block: _Block, delta: Json) -> bytes:
        if block.wire_index < 0:
            self._count(block)
        return event_message("contentBlockDelta", {"delta": delta, "contentBlockIndex": block.wire_index})

    def _finish(self, event: e.Finished) -> bytes:
        stop: Json = {"stopReason": stop_word(event.stop, calls=self._called_tool)}
        stop |= response_fields(self._request, event.stop_sequence)
        return event_message("messageStop", stop) + event_message("metadata", counts(self._usage))


class _Block:
    """One canonical block on its way to the caller."""

    __slots__ = ("_free_text", "_sealed", "_start", "call", "ended", "held", "redacted", "wire_index")

    def __init__(self, start: e.BlockStarted, names: dict[str, str]) -> None:
        self._start = start
        #: The index on the wire; negative until the block is begun there.
        self.wire_index = -1
        self.held: list[BlockEvent] = []
        self.ended = False
        #: A foreign thought's seal, which waits for the end: whether there is text beside it decides how it is said.
        self._sealed = ""
        self._free_text: list[str] = []
        self.call: Json | None = None
        self.redacted: Json | None = None
        if start.kind == "tool_call":
            self.call = {"toolUseId": start.call_id, "name": names.get(start.name, start.name)}
        elif start.kind == "redacted_thinking":
            self.redacted = {"reasoningContent": {"redactedContent": redacted_content(start.data)}}

    def delta(self, event: BlockEvent) -> Json | None:
        """The delta to write now; None when there is nothing, or nothing yet."""
        if isinstance(event, e.TextDelta):
            return {"text": event.text} if event.text else None
        if isinstance(event, e.ThinkingDelta):
            return {"reasoningContent": {"text": event.text}} if event.text else None
        if isinstance(event, e.CitationAdded):
            return {"citation": citation_object(event.citation)}
        if isinstance(event, e.ArgumentsDelta):
            if not self._start.custom:
                return {"toolUse": {"input": event.text}} if event.text else None
            self._free_text.append(event.text)
        elif isinstance(event, e.SignatureDelta):
            if event.origin == ORIGIN:
                return {"reasoningContent": {"signature": event.signature}}
            self._sealed = signature_for_caller(event.signature, event.origin, self._start.item_id)
        return None

    def last_delta(self) -> Json | None:
        """What only the block's end tells: a foreign thought's seal, the whole input of a free-text tool."""
        if self._start.custom:
            return {"toolUse": {"input": _encoder.encode({CUSTOM_ARGUMENT: "".join(self._free_text)}).decode()}}
        if not self._sealed:
            return None
        if self.wire_index < 0:  # nothing to read: the seal alone
            return {"reasoningContent": {"redactedContent": sealed_content(self._sealed)}}
        return {"reasoningContent": {"signature": self._sealed}}

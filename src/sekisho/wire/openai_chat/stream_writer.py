"""Events -> chunks for a caller of this dialect.

Flows in: events in the order of canonical/order.py, and the caller's own request. Flows out: framed chunks.
Must stay true: one id, one creation time, one model in all chunks; the first delta has the role; tool calls are
counted by themselves; no chunk is empty; usage comes in a chunk of its own and only when asked for; after an error
there is no [DONE]. Lists in deltas carry an `index`, without which OpenAI's SDK cannot join them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sekisho.canonical import events as e
from sekisho.canonical.request import Request
from sekisho.canonical.usage import Usage
from sekisho.wire.openai_chat.citations import write_citation
from sekisho.wire.openai_chat.errors import render_error_event
from sekisho.wire.openai_chat.google import ORIGIN as GOOGLE
from sekisho.wire.openai_chat.google import write_signature
from sekisho.wire.openai_chat.identifiers import reply_id
from sekisho.wire.openai_chat.names import CallerTools, free_text
from sekisho.wire.openai_chat.stops import write_stop
from sekisho.wire.openai_chat.thoughts import redacted_block, signed_block
from sekisho.wire.openai_chat.usage import write_usage
from sekisho.wire.sse import COMMENT_PING

DONE = b"data: [DONE]\n\n"

_encode = msgspec.json.encode


class _Block:
    """What must be remembered of an open block."""

    __slots__ = ("number", "said", "signature", "start", "start_chars", "texts")

    def __init__(self, start: e.BlockStarted, number: int, start_chars: int) -> None:
        self.start = start
        #: Of a tool call: its place among the calls.
        self.number = number
        #: Of a text: where it begins in the message, in characters; and how much was said.
        self.start_chars = start_chars
        self.said = 0
        #: Thought (repeated beside its signature), or arguments that are translated when they are whole.
        self.texts: list[str] = []
        self.signature: e.SignatureDelta | None = None


class ChatStreamWriter:
    """See wire/dialect.py, StreamWriter."""

    def __init__(self, request: Request) -> None:
        self._tools = CallerTools(request)
        self._include_usage = request.include_usage
        self._head = self._tail = b""
        self._common: dict[str, Any] = {}
        self._blocks: dict[int, _Block] = {}
        self._calls = 0
        self._thoughts = 0
        self._notes = 0
        self._chars = 0
        self._has_refusal = False
        #: Google's, of the block before.
        self._signature: str | None = None
        self._usage: Usage | None = None

    def write(self, event: e.Event) -> bytes:
        """Framed bytes for `event`; b"" when it says nothing here, or only later."""
        if isinstance(event, e.TextDelta):
            return self._text(event)
        if isinstance(event, e.ArgumentsDelta):
            return self._arguments(event)
        if isinstance(event, e.ThinkingDelta):
            self._blocks[event.index].texts.append(event.text)
            return self._delta(b'{"reasoning_content":%b}' % _encode(event.text)) if event.text else b""
        return self._rare(event)

    def _rare(self, event: e.Event) -> bytes:
        if isinstance(event, e.BlockStarted):
            return self._start(event)
        if isinstance(event, e.BlockEnded):
            return self._end(self._blocks.pop(event.index))
        if isinstance(event, e.SignatureDelta):
            self._blocks[event.index].signature = event
        elif isinstance(event, e.CitationAdded):
            return self._citation(event)
        elif isinstance(event, e.UsageReported):
            self._usage = event.usage
        return self._edge(event)

    def _edge(self, event: e.Event) -> bytes:
        """The events around the blocks."""
        if isinstance(event, e.Started):
            return self._begin(event)
        if isinstance(event, e.Finished):
            return self._finish(event)
        if isinstance(event, e.Failed):
            return render_error_event(event.error, "")
        return COMMENT_PING if isinstance(event, e.Ping) else b""

    def _begin(self, event: e.Started) -> bytes:
        self._usage = event.usage
        self._common = {
            "id": reply_id(event.id),
            "object": "chat.completion.chunk",
            "created": event.created_seconds or 0,
            "model": event.model,
        }
        self._head = b"data: " + _encode(self._common)[:-1] + b',"choices":[{"index":0,"delta":'
        usage = b',"usage":null' if self._include_usage else b""
        self._tail = b',"logprobs":null,"finish_reason":null}]' + usage + b"}\n\n"
        return self._delta(b'{"role":"assistant","content":"","refusal":null}')

    def _delta(self, delta: bytes) -> bytes:
        return self._head + delta + self._tail

    def _start(self, start: e.BlockStarted) -> bytes:
        block = self._blocks[start.index] = _Block(start, self._calls, self._chars)
        signature, self._signature = self._signature, None
        if start.kind == "redacted_thinking":
            return self._thinking_block(redacted_block(start.data))
        if start.kind != "tool_call":
            self._has_refusal = self._has_refusal or start.kind == "refusal"
            return b""
        self._calls += 1
        custom = start.custom or self._tools.travels_as_function(start.name, custom=start.custom)
        kind, field = ("custom", "input") if custom else ("function", "arguments")
        call = {"index": block.number, "id": start.call_id, "type": kind}
        call[kind] = {"name": self._tools.name(start.name), field: ""}
        if signature is not None:
            call["extra_content"] = write_signature(signature)
        return self._delta(_encode({"tool_calls": [call]}))

    def _text(self, event: e.TextDelta) -> bytes:
        if not event.text:
            return b""
        block = self._blocks[event.index]
        if block.start.kind == "refusal":
            return self._delta(b'{"refusal":%b}' % _encode(event.text))
        block.said += len(event.text)
        self._chars += len(event.text)
        return self._delta(b'{"content":%b}' % _encode(event.text))

    def _arguments(self, event: e.ArgumentsDelta) -> bytes:
        block = self._blocks[event.index]
        if not event.text:
            return b""
        if self._tools.travels_as_function(block.start.name, custom=block.start.custom):
            block.texts.append(event.text)
            return b""
        block.said += len(event.text)
        return self._call_piece(block, event.text, custom=block.start.custom)

    def _call_piece(self, block: _Block, text: str, *, custom: bool) -> bytes:
        form = b'{"tool_calls":[{"index":%d,"custom":{"input":%b}}]}'
        if not custom:
            form = b'{"tool_calls":[{"index":%d,"function":{"arguments":%b}}]}'
        return self._delta(form % (block.number, _encode(text)))

    def _end(self, block: _Block) -> bytes:
        start = block.start
        if start.kind == "thinking" and block.signature is not None and block.signature.signature:
            signed = block.signature
            self._signature = signed.signature if signed.origin == GOOGLE else None
            text = "".join(block.texts)
            return self._thinking_block(signed_block(text, signed.signature, signed.origin, start.item_id))
        if start.kind != "tool_call":
            return b""
        if self._tools.travels_as_function(start.name, custom=start.custom):
            text = free_text("".join(block.texts))
            return self._call_piece(block, text, custom=True) if text else b""
        # A call without arguments: clients parse what they joined, and "" is no JSON.
        return b"" if block.said or start.custom else self._call_piece(block, "{}", custom=False)

    def _thinking_block(self, block: dict[str, Any]) -> bytes:
        self._thoughts += 1
        return self._delta(_encode({"thinking_blocks": [{"index": self._thoughts - 1, **block}]}))

    def _citation(self, event: e.CitationAdded) -> bytes:
        block = self._blocks[event.index]
        note = write_citation(event.citation, block.start_chars, block.said)
        if note is None:
            return b""
        self._notes += 1
        return self._delta(_encode({"annotations": [{"index": self._notes - 1, **note}]}))

    def _finish(self, event: e.Finished) -> bytes:
        stop = write_stop(event.stop, has_calls=self._calls > 0, has_refusal=self._has_refusal)
        usage = b',"usage":null' if self._include_usage else b""
        out = self._head + b'{},"logprobs":null,"finish_reason":%b}]%b}\n\n' % (_encode(stop), usage)
        if self._include_usage and self._usage is not None:
            last = {**self._common, "choices": [], "usage": write_usage(self._usage)}
            out += b"data: " + _encode(last) + b"\n\n"
        return out + DONE

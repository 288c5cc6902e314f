"""Events -> a Responses stream, and a whole Reply -> a response object by the same way.

Flows in: canonical events. Flows out: the full event sequence, because agents read every step of it. Must stay true:
item lifecycles are strictly nested (blocks that run beside each other are held back and told one after the other);
sequence numbers count from 0; `output_index` is the place in `response.output`; neighbouring texts share one message.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sekisho.canonical import events as e
from sekisho.canonical.request import Request
from sekisho.canonical.usage import Usage
from sekisho.wire.openai_responses.errors import failure
from sekisho.wire.openai_responses.output import (
    REDACTING,
    Face,
    Item,
    annotation,
    free_text,
    sealed_content,
    status_of,
)
from sekisho.wire.sse import COMMENT_PING

_encode = msgspec.json.encode


class Said:
    """Numbers events and frames them."""

    def __init__(self) -> None:
        self._next = 0

    def event(self, name: str, **fields: Any) -> bytes:
        """One event; `event:` equals `type`."""
        data = _encode({"type": name, **fields, "sequence_number": self._next})
        self._next += 1
        return b"event: %b\ndata: %b\n\n" % (name.encode(), data)


class _Block:
    """The block that is being told."""

    __slots__ = ("citations", "encrypted", "item", "place", "start", "texts")

    def __init__(self, start: e.BlockStarted, item: Item, place: dict[str, Any]) -> None:
        self.start = start
        self.item = item
        #: item_id, output_index, and content_index where the block is a message's part
        self.place = place
        self.texts: list[str] = []
        self.citations: list[e.Citation] = []
        self.encrypted: str | None = None


class StreamWriter:
    """wire.dialect.StreamWriter of this dialect."""

    def __init__(self, request: Request) -> None:
        self._face = Face(request)
        self._said = Said()
        #: The finished answer as JSON, once it is.
        self.final = msgspec.Raw(b"null")
        self._usage: Usage | None = None
        self._begun = False
        self._refused = False
        #: Finished items, and the one that is open.
        self._output: list[Item] = []
        self._item: Item | None = None
        self._block: _Block | None = None
        #: Blocks that started while another was open: index -> their events so far, in order of start.
        self._waiting: dict[int, list[e.Event]] = {}

    def write(self, event: e.Event) -> bytes:
        """Bytes for `event`; a block that runs beside an open one is told later."""
        if isinstance(event, e.Ping):
            return COMMENT_PING
        if isinstance(event, e.UsageReported):
            self._usage = event.usage
            return b""
        if isinstance(event, e.Started):
            return self._start(event)
        if isinstance(event, e.Finished):
            return self._finish(event)
        if isinstance(event, e.Failed):
            return self._fail(event)
        if self._block is not None and event.index != self._block.start.index:
            self._waiting.setdefault(event.index, []).append(event)
            return b""
        out = self._tell(event)
        while self._waiting and self._block is None:  # catch up, until one is still open
            held = self._waiting.pop(next(iter(self._waiting)))
            out += b"".join(self._tell(late) for late in held)
        return out

    def _start(self, event: e.Started) -> bytes:
        self._begun, self._usage = True, event.usage
        self._face.begin(event.id, event.model, event.created_seconds)
        response = self._face.response("in_progress", [], None)
        return self._said.event("response.created", response=response) + self._said.event(
            "response.in_progress", response=response
        )

    def _finish(self, event: e.Finished) -> bytes:
        status, reason = status_of(event.stop, refused=self._refused)
        out = self._close_item("completed" if status == "completed" else "incomplete")
        if status == "incomplete" and self._output:
            self._output[-1]["status"] = "incomplete"
        self.final = response = self._face.response(status, self._output, self._usage, reason=reason)
        return out + self._said.event(f"response.{status}", response=response)

    def _fail(self, event: e.Failed) -> bytes:
        """First `error`, at which SDKs raise; then `response.failed`, which agents read."""
        told = failure(event.error)
        out = self._said.event("error", **told)
        if self._begun:
            error = {"code": told["code"], "message": told["message"]}
            response = self._face.response("failed", self._output, self._usage, error=error)
            out += self._said.event("response.failed", response=response)
        return out

    def _tell(self, event: e.Event) -> bytes:
        if isinstance(event, e.BlockStarted):
            return self._open(event)
        return self._go_on(self._block, event) if self._block is not None else b""

    def _go_on(self, block: _Block, event: e.Event) -> bytes:
        if isinstance(event, (e.TextDelta, e.ThinkingDelta, e.ArgumentsDelta)):
            return self._delta(block, event.text)
        if isinstance(event, e.CitationAdded):
            block.citations.append(event.citation)
        elif isinstance(event, e.SignatureDelta):
            block.encrypted = sealed_content(event.signature, event.origin, block.start.item_id)
        elif isinstance(event, e.BlockEnded):
            return self._end(block)
        return b""

    def _open(self, start: e.BlockStarted) -> bytes:
        if start.kind in {"text", "refusal"}:
            return self._open_part(start)
        out = self._close_item("completed")
        at = len(self._output)
        if start.kind == "tool_call":
            item = self._face.call(start, at)
        else:
            item = {"type": "reasoning", "id": start.item_id or self._face.item_id("reasoning", at), "summary": []}
        self._item = item
        self._block = _Block(start, item, {"item_id": item["id"], "output_index": at})
        if start.kind == "redacted_thinking":
            self._block.encrypted = sealed_content(start.data, REDACTING, redacted=True)
        return out + self._said.event("response.output_item.added", output_index=at, item=item)

    def _open_part(self, start: e.BlockStarted) -> bytes:
        out, at = b"", len(self._output)
        if self._item is None or self._item["type"] != "message":
            out = self._close_item("completed")
            at = len(self._output)
            self._item = {
                "type": "message",
                "id": self._face.item_id("message", at),
                "status": "in_progress",
                "role": "assistant",
                "content": [],
            }
            out += self._said.event("response.output_item.added", output_index=at, item=self._item)
        place = {"item_id": self._item["id"], "output_index": at, "content_index": len(self._item["content"])}
        self._block = _Block(start, self._item, place)
        self._refused = self._refused or start.kind == "refusal"
        return out + self._said.event("response.content_part.added", **place, part=_part(start, "", []))

    def _delta(self, block: _Block, text: str) -> bytes:
        if not text:
            return b""
        said, first = self._said, not block.texts
        block.texts.append(text)
        if block.start.kind == "text":
            return said.event("response.output_text.delta", **block.place, delta=text, logprobs=[])
        if block.start.kind == "refusal":
            return said.event("response.refusal.delta", **block.place, delta=text)
        if block.start.kind == "tool_call":
            if block.item["type"] == "custom_tool_call":  # known only when its JSON is whole
                return b""
            return said.event("response.function_call_arguments.delta", **block.place, delta=text)
        out = b""
        if first:
            part = {"type": "summary_text", "text": ""}
            out = said.event("response.reasoning_summary_part.added", **block.place, summary_index=0, part=part)
        return out + said.event("response.reasoning_summary_text.delta", **block.place, summary_index=0, delta=text)

    def _end(self, block: _Block) -> bytes:
        self._block = None
        item, text = block.item, "".join(block.texts)
        if block.start.kind in {"text", "refusal"}:
            return self._end_part(item, block, text)
        if block.start.kind == "tool_call":
            out = self._end_call(item, block, text)
        else:
            out = self._end_thought(item, block, text)
        return out + self._close_item("completed")

    def _end_part(self, item: Item, block: _Block, text: str) -> bytes:
        said, place = self._said, block.place
        notes = [annotation(citation, len(text)) for citation in block.citations]
        part = _part(block.start, text, notes)
        item["content"].append(part)
        if block.start.kind == "refusal":
            out = said.event("response.refusal.done", **place, refusal=text)
        else:
            out = b"".join(
                said.event("response.output_text.annotation.added", **place, annotation_index=at, annotation=note)
                for at, note in enumerate(notes)
            )
            out += said.event("response.output_text.done", **place, text=text, logprobs=[])
        return out + said.event("response.content_part.done", **place, part=part)

    def _end_call(self, item: Item, block: _Block, text: str) -> bytes:
        said, place = self._said, block.place
        if item["type"] == "function_call":
            # A call without arguments: clients parse what they joined, and "" is no JSON.
            out = b"" if text.strip() else self._delta(block, "{}")
            item["arguments"] = text = "".join(block.texts)
            return out + said.event("response.function_call_arguments.done", **place, arguments=text)
        item["input"] = text = free_text(block.start, text)
        return said.event("response.custom_tool_call_input.delta", **place, delta=text) + said.event(
            "response.custom_tool_call_input.done", **place, input=text
        )

    def _end_thought(self, item: Item, block: _Block, text: str) -> bytes:
        if block.encrypted is not None:
            item["encrypted_content"] = block.encrypted
        if not text:
            return b""
        part = {"type": "summary_text", "text": text}
        item["summary"] = [part]
        place = {**block.place, "summary_index": 0}
        return self._said.event("response.reasoning_summary_text.done", **place, text=text) + self._said.event(
            "response.reasoning_summary_part.done", **place, part=part
        )

    def _close_item(self, status: str) -> bytes:
        """Tell the end of the open item, if there is one."""
        item, self._item = self._item, None
        if item is None:
            return b""
        if "status" in item:
            item["status"] = status
        self._output.append(item)
        return self._said.event("response.output_item.done", output_index=len(self._output) - 1, item=item)


def _part(start: e.BlockStarted, text: str, notes: list[Item]) -> Item:
    if start.kind == "refusal":
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": notes, "logprobs": []}

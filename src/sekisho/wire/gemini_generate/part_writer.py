"""Events -> the parts of a candidate, for a stream and for a whole reply alike.

Flows in: canonical events in legal order. Flows out: part objects, the candidate's sources. Must stay true: a call is
one part, said when it is whole; a signed thought rides on the part that follows it, which is where this API's callers
look for signatures and keep them; a call's arguments keep the key order of the model.
"""

from __future__ import annotations

from typing import Any

from sekisho.canonical import events as e
from sekisho.canonical.request import RedactedThinking, Request, Thinking, ToolCall
from sekisho.canonical.tools import tool_input, wire_names
from sekisho.wire.gemini_generate.citations import write_citations
from sekisho.wire.gemini_generate.encode_parts import Json
from sekisho.wire.gemini_generate.signatures import Thought, signature_for_caller


class _Block:
    """What must be remembered of a block until its end."""

    __slots__ = ("citations", "signed", "start", "texts")

    def __init__(self, start: e.BlockStarted) -> None:
        self.start = start
        self.texts: list[str] = []
        self.signed: e.SignatureDelta | None = None
        self.citations: list[e.Citation] = []


class PartWriter:
    """The parts of one answer for the caller who sent `request`."""

    def __init__(self, request: Request) -> None:
        self._names = {wire: tool.name for wire, tool in wire_names(request.tools).items()}
        self._blocks: dict[int, _Block] = {}
        #: The signed thought that waits for the part it belongs to.
        self._waiting: Thought | None = None
        self._cited: list[tuple[e.Citation, str]] = []

    def parts(self, event: e.Event) -> list[Json]:
        """The parts that `event` completes: none, one, or two."""
        if isinstance(event, e.TextDelta):
            self._blocks[event.index].texts.append(event.text)
            return [self._signed({"text": event.text})] if event.text else []
        if isinstance(event, e.ThinkingDelta):
            self._blocks[event.index].texts.append(event.text)
            return [{"text": event.text, "thought": True}] if event.text else []
        if isinstance(event, e.BlockStarted):
            self._blocks[event.index] = _Block(event)
        elif isinstance(event, e.ArgumentsDelta):
            self._blocks[event.index].texts.append(event.text)
        elif isinstance(event, e.BlockEnded):
            return self._ended(self._blocks.pop(event.index))
        elif isinstance(event, e.SignatureDelta):
            self._blocks[event.index].signed = event
        elif isinstance(event, e.CitationAdded):
            self._blocks[event.index].citations.append(event.citation)
        return []

    def last_part(self) -> Json | None:
        """A part for the signature that none followed."""
        return self._signed({"text": ""}) if self._waiting is not None else None

    def sources(self) -> Json:
        """The candidate's keys for its sources."""
        return write_citations(self._cited)

    def _ended(self, block: _Block) -> list[Json]:
        start, text = block.start, "".join(block.texts)
        if start.kind == "tool_call":
            return [self._call(start, text)]
        if start.kind == "redacted_thinking":
            return self._wait(RedactedThinking(start.data))
        if block.signed is not None and block.signed.signature:
            signed = block.signed
            return self._wait(
                Thinking(text=text, signature=signed.signature, origin=signed.origin or None, item_id=start.item_id)
            )
        self._cited += [(citation, text) for citation in block.citations]
        return []

    def _wait(self, thought: Thought) -> list[Json]:
        before = self.last_part()
        self._waiting = thought
        return [] if before is None else [before]

    def _call(self, start: e.BlockStarted, text: str) -> Json:
        call = ToolCall(id=start.call_id, name=start.name, arguments=text, custom=start.custom)
        name = self._names.get(start.name, start.name)
        return self._signed({"functionCall": {"id": call.id, "name": name, "args": tool_input(call)}})

    def _signed(self, part: dict[str, Any]) -> Json:
        if self._waiting is not None:
            part["thoughtSignature"] = signature_for_caller(self._waiting)
            self._waiting = None
        return part

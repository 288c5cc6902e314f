"""A provider's Responses stream -> events.

Flows in: bytes cut anywhere. Flows out: canonical events in their legal order. Must stay true: full streams and thin
ones (only finished items, or only the finished response) give the same content, each piece once; usage is read from
every ending; a stream that ends without saying so ends in `Failed`; unknown events are passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

import msgspec

from sekisho.canonical import events as e
from sekisho.canonical.request import Part, Refusal, Text, Thinking, ToolCall
from sekisho.core.errors import StreamBroken
from sekisho.wire.openai_responses.errors import error_info
from sekisho.wire.openai_responses.schema import (
    ORIGIN,
    Annotation,
    CallItem,
    Kind,
    WireError,
    WireResponse,
    decode,
    decode_item,
    parts_of,
)
from sekisho.wire.sse import SseReader

BlockKind = Literal["text", "refusal", "thinking", "tool_call"]
#: Where a block stands: output_index, and content_index for the part of a message.
Place = tuple[int, int]


class _Delta(msgspec.Struct):
    delta: str
    item_id: str | None = None
    output_index: int = 0
    content_index: int = 0
    summary_index: int | None = None


class _Note(msgspec.Struct):
    annotation: Annotation
    output_index: int = 0
    content_index: int = 0


class _PartEvent(msgspec.Struct):
    part: Kind
    output_index: int = 0
    content_index: int = 0


class _ItemEvent(msgspec.Struct):
    item: msgspec.Raw
    output_index: int = 0


class _ResponseEvent(msgspec.Struct):
    response: WireResponse


class _ErrorEvent(msgspec.Struct):
    error: WireError | None = None
    code: str | int | None = None
    message: str | None = None
    param: str | None = None


class _Block:
    """One block on its way out: how much of it was said."""

    __slots__ = ("chars", "ended", "index", "kind", "notes", "piece")

    def __init__(self, index: int, kind: BlockKind) -> None:
        self.index = index
        self.kind = kind
        self.chars = 0
        self.notes = 0
        self.ended = False
        #: Which part of a thought was last spoken: (its list, its index).
        self.piece: tuple[str, int] | None = None


_SAYING: dict[BlockKind, Callable[[int, str], e.Event]] = {
    "text": e.TextDelta,
    "refusal": e.TextDelta,
    "thinking": e.ThinkingDelta,
    "tool_call": e.ArgumentsDelta,
}
_PARTS: dict[str, BlockKind] = {"output_text": "text", "refusal": "refusal"}
#: Event type -> the kind of block that its delta belongs to. Open Responses says `reasoning`, OpenAI `reasoning_text`.
_DELTAS: dict[str, BlockKind] = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "refusal",
    "response.reasoning_summary_text.delta": "thinking",
    "response.reasoning_text.delta": "thinking",
    "response.reasoning.delta": "thinking",
    "response.function_call_arguments.delta": "tool_call",
    "response.custom_tool_call_input.delta": "tool_call",
}


class StreamReader:
    """wire.dialect.StreamReader of this dialect."""

    def __init__(self) -> None:
        self._sse = SseReader()
        self._out: list[e.Event] = []
        self._started = False
        self._over = False
        self._called = False
        self._blocks: dict[Place, _Block] = {}
        self._done: set[int] = set()

    def feed(self, chunk: bytes) -> list[e.Event]:
        """Events completed by `chunk`. Raises UpstreamProtocolError."""
        for name, data in self._sse.feed(chunk):
            self._see(name, data)
        return self._taken()

    def close(self) -> list[e.Event]:
        """The last event, and `Failed` when none was an ending."""
        for name, data in self._sse.close():
            self._see(name, data)
        if not self._over:
            self._fail_with(StreamBroken("The provider's stream ended before its end was announced.").info)
        return self._taken()

    def _taken(self) -> list[e.Event]:
        out, self._out = self._out, []
        return out

    def _see(self, name: bytes, data: bytes) -> None:
        if self._over or data == b"[DONE]":
            return
        kind = name.decode("utf-8", "replace") or decode(data, Kind).type or ""
        handler = self._handlers.get(kind)
        if handler is not None:
            handler[0](self, decode(data, handler[1]), kind)

    # ── the answer as a whole ───────────────────────────────────────────────────────────────────

    def _begin(self, event: _ResponseEvent, _: str) -> None:
        self._ensure_started(event.response)

    def _ensure_started(self, response: WireResponse) -> None:
        if not self._started:
            self._started = True
            self._out.append(
                e.Started(id=response.id or "", model=response.model or "", created_seconds=response.created_seconds)
            )

    def _finish(self, event: _ResponseEvent, kind: str) -> None:
        response = event.response
        self._ensure_started(response)
        for at, raw in enumerate(response.output or []):
            if at not in self._done:
                self._settle(at, raw)
        self._end_all()
        if response.counted is not None:
            self._out.append(e.UsageReported(response.counted))
        if response.status is None:
            response.status = kind.removeprefix("response.")
        refused = any(block.kind == "refusal" for block in self._blocks.values())
        self._out.append(e.Finished(stop=response.stop(called=self._called, refused=refused)))
        self._over = True

    def _failed(self, event: _ResponseEvent, _: str) -> None:
        response = event.response
        if response.counted is not None:
            self._ensure_started(response)
            self._out.append(e.UsageReported(response.counted))
        self._fail_with(error_info(response.error or WireError()))

    def _error(self, event: _ErrorEvent, _: str) -> None:
        self._fail_with(error_info(event.error or WireError(code=event.code, message=event.message, param=event.param)))

    def _fail_with(self, info: Any) -> None:
        self._over = True
        self._out.append(e.Failed(info))

    def _alive(self, _: Kind, __: str) -> None:
        self._out.append(e.Ping())

    # ── items ───────────────────────────────────────────────────────────────────────────────────

    def _added(self, event: _ItemEvent, _: str) -> None:
        """A call is known by its name at once; a message by its first part, a thought by its first word."""
        item = decode_item(event.item)
        if isinstance(item, CallItem):
            part, _notes = next(parts_of(item))
            self._block((event.output_index, 0), "tool_call", part)

    def _item_done(self, event: _ItemEvent, _: str) -> None:
        self._settle(event.output_index, event.item)

    def _settle(self, at: int, raw: msgspec.Raw) -> None:
        """A finished item: what its deltas left unsaid, and the end of its blocks."""
        self._done.add(at)
        item = decode_item(raw)
        if item is None:
            return
        # By order, not by index: some servers count content parts across the items.
        known = [block for place, block in self._blocks.items() if place[0] == at]
        for nth, (part, notes) in enumerate(parts_of(item)):
            block = known[nth] if nth < len(known) else self._block((at, nth), _kind_of(part), part)
            self._complete(block, part, notes)
            self._end(block)
        for block in known:
            self._end(block)

    def _complete(self, block: _Block, part: Part, notes: Sequence[Annotation]) -> None:
        if block.ended or block.kind != _kind_of(part):
            return
        text = part.arguments if isinstance(part, ToolCall) else getattr(part, "text", "")
        # A thought whose words came by deltas may be summed up in other words at its end: those are not a rest of it.
        self._say(block, text[block.chars :])
        for note in notes[block.notes :]:
            self._cite(block, note)
        if isinstance(part, Thinking) and part.signature is not None:
            self._out.append(e.SignatureDelta(block.index, part.signature, ORIGIN))

    # ── parts ───────────────────────────────────────────────────────────────────────────────────

    def _delta(self, event: _Delta, kind: str) -> None:
        what = _DELTAS[kind]
        place = (event.output_index, event.content_index if what in {"text", "refusal"} else 0)
        if what == "tool_call" and place not in self._blocks:
            return  # the call is not known yet: its item says all of it at its end
        block = self._block(place, what, item_id=event.item_id if what == "thinking" else None)
        if what == "thinking" and not block.ended:
            at = event.content_index if event.summary_index is None else event.summary_index
            piece = (kind, at)
            if block.piece is not None and block.piece[0] != kind:
                return  # a thought and its summary: the first of the two is told
            if block.piece is not None and block.piece != piece:
                self._say(block, "\n\n")
            block.piece = piece
        self._say(block, event.delta)

    def _part_added(self, event: _PartEvent, _: str) -> None:
        """Opens the block, so that an empty part keeps its place among the others."""
        kind = _PARTS.get(event.part.type or "")
        if kind is not None:
            self._block((event.output_index, event.content_index), kind)

    def _noted(self, event: _Note, _: str) -> None:
        block = self._block((event.output_index, event.content_index), "text")
        if not block.ended:
            self._cite(block, event.annotation)

    def _cite(self, block: _Block, note: Annotation) -> None:
        block.notes += 1
        if block.kind == "text":
            self._out.append(e.CitationAdded(block.index, note.citation()))

    def _say(self, block: _Block, text: str) -> None:
        if not text or block.ended:
            return
        block.chars += len(text)
        self._out.append(_SAYING[block.kind](block.index, text))

    # ── blocks ──────────────────────────────────────────────────────────────────────────────────

    def _block(self, place: Place, kind: BlockKind, part: Part | None = None, *, item_id: str | None = None) -> _Block:
        """The block at `place`, started now if it was not."""
        block = self._blocks.get(place)
        if block is not None:
            return block
        self._ensure_started(WireResponse())
        block = self._blocks[place] = _Block(len(self._blocks), kind)
        call = part if isinstance(part, ToolCall) else None
        self._called = self._called or call is not None
        self._out.append(
            e.BlockStarted(
                index=block.index,
                kind=kind,
                call_id=call.id if call is not None else "",
                name=call.name if call is not None else "",
                custom=call is not None and call.custom,
                namespace=call.namespace if call is not None else None,
                item_id=part.item_id if isinstance(part, (ToolCall, Thinking)) else item_id,
            )
        )
        return block

    def _end(self, block: _Block) -> None:
        if not block.ended:
            block.ended = True
            self._out.append(e.BlockEnded(block.index))

    def _end_all(self) -> None:
        for block in self._blocks.values():
            self._end(block)

    #: Event type -> (method, shape of its data).
    _handlers: ClassVar[dict[str, tuple[Callable[[StreamReader, Any, str], None], type]]] = {
        **dict.fromkeys(_DELTAS, (_delta, _Delta)),
        "response.created": (_begin, _ResponseEvent),
        "response.queued": (_begin, _ResponseEvent),
        "response.in_progress": (_begin, _ResponseEvent),
        "response.output_item.added": (_added, _ItemEvent),
        "response.content_part.added": (_part_added, _PartEvent),
        "response.output_item.done": (_item_done, _ItemEvent),
        "response.output_text.annotation.added": (_noted, _Note),
        "response.completed": (_finish, _ResponseEvent),
        "response.incomplete": (_finish, _ResponseEvent),
        "response.failed": (_failed, _ResponseEvent),
        "error": (_error, _ErrorEvent),
        "keepalive": (_alive, Kind),
    }


def _kind_of(part: Part) -> BlockKind:
    if isinstance(part, Text):
        return "text"
    if isinstance(part, Refusal):
        return "refusal"
    return "tool_call" if isinstance(part, ToolCall) else "thinking"

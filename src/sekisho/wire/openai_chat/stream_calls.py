"""Tool calls of a stream, put together from deltas that vendors number, name and cut each in their own way.

Flows in: tool call deltas. Flows out: events of tool_call blocks. Must stay true: a delta never changes its call: the
same index means the same call unless a complete one is followed by another name or id; a call is closed early only
when its arguments are a complete JSON object and another block begins.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from sekisho.canonical import events as e
from sekisho.canonical.request import Thinking
from sekisho.wire.openai_chat.google import read_signature
from sekisho.wire.openai_chat.identifiers import call_id
from sekisho.wire.openai_chat.reply_schema import ToolCallDelta, arguments_text


class Call:
    """One call so far. `block` is None until its name is known."""

    __slots__ = ("block", "custom", "id", "name", "number", "open", "signed", "texts")

    def __init__(self, number: int) -> None:
        self.number = number
        self.id = ""
        self.name = ""
        self.custom = False
        self.block: int | None = None
        self.open = True
        #: Google's signature of the thought that led to it.
        self.signed: Thinking | None = None
        #: Pieces of the arguments, for the test of completeness.
        self.texts: list[str] = []

    def complete(self) -> bool:
        """Whether the arguments are a whole JSON object: nothing can follow it."""
        text = "".join(self.texts)
        if self.custom or not text.rstrip().endswith("}"):
            return False
        try:
            return isinstance(msgspec.json.decode(text), dict)
        except (msgspec.DecodeError, RecursionError):
            return False


class CallReader:
    """The calls of one reply. `new_block` gives the next block index."""

    def __init__(self, new_block: Callable[[], int]) -> None:
        self._new_block = new_block
        self._calls: list[Call] = []
        self._by_index: dict[int, Call] = {}
        #: The provider's reply id, from which missing call ids are made.
        self.reply_id = ""

    def __bool__(self) -> bool:
        return bool(self._calls)

    def see(self, delta: ToolCallDelta, out: list[e.Event]) -> None:
        """Add one delta."""
        call = self._call_of(delta, out)
        piece = arguments_text(delta.function.arguments) if delta.function is not None else ""
        name = delta.function.name if delta.function is not None else None
        if delta.custom is not None:
            call.custom, name, piece = True, delta.custom.name, delta.custom.input or ""
        call.id = call.id or delta.id or ""
        call.name = call.name or name or ""
        call.signed = call.signed or read_signature(delta.extra_content)
        if piece:
            call.texts.append(piece)
        if call.block is not None:
            if piece and call.open:
                out.append(e.ArgumentsDelta(call.block, piece))
        elif call.name:
            self._start(call, out)

    def sign(self, thought: Thinking, out: list[e.Event]) -> None:
        """A signature without words, before what it came with."""
        index, origin = self._new_block(), thought.origin or ""
        out.append(e.BlockStarted(index=index, kind="thinking", origin=origin))
        out.append(e.SignatureDelta(index, thought.signature or "", origin))
        out.append(e.BlockEnded(index))

    def close_complete(self, out: list[e.Event]) -> None:
        """Another block begins: end the calls that nothing can follow."""
        for call in self._calls:
            if call.open and call.complete():
                self._end(call, out)

    def close(self, out: list[e.Event]) -> None:
        """The reply is over: end every call."""
        for call in self._calls:
            if call.block is None:
                self._start(call, out)
            self._end(call, out)

    def _call_of(self, delta: ToolCallDelta, out: list[e.Event]) -> Call:
        call = self._known(delta)
        if call is not None and not _is_another(delta, call):
            return call
        self.close_complete(out)
        call = Call(len(self._calls))
        self._calls.append(call)
        if delta.index is not None:
            self._by_index[delta.index] = call
        return call

    def _known(self, delta: ToolCallDelta) -> Call | None:
        if delta.index is not None:
            return self._by_index.get(delta.index)
        if delta.id:
            return next((call for call in self._calls if call.id == delta.id), None)
        return self._calls[-1] if self._calls else None

    def _start(self, call: Call, out: list[e.Event]) -> None:
        if call.signed is not None:
            self.sign(call.signed, out)
        call.block = self._new_block()
        call.id = call.id or call_id(self.reply_id, call.number)
        out.append(
            e.BlockStarted(index=call.block, kind="tool_call", call_id=call.id, name=call.name, custom=call.custom)
        )
        if text := "".join(call.texts):
            out.append(e.ArgumentsDelta(call.block, text))

    def _end(self, call: Call, out: list[e.Event]) -> None:
        if call.open and call.block is not None:
            call.open = False
            out.append(e.BlockEnded(call.block))


def _is_another(delta: ToolCallDelta, call: Call) -> bool:
    """Whether a delta that points at `call` begins the next one: some vendors give every call index 0, or none."""
    name = delta.function.name if delta.function is not None else None
    if not name or not call.name:
        return False
    differs = name != call.name or bool(delta.id and call.id and delta.id != call.id)
    return differs and (call.complete() or name != call.name)

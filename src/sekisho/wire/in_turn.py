"""Blocks strictly one after the other, for callers whose dialect knows no other way.

Flows in: events of blocks in canonical order, where several may be open at once. Flows out: what two functions write of
them. Must stay true: only the block that was begun first is written; what belongs to a later one waits until then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from sekisho.canonical import events as e

BlockEvent = e.TextDelta | e.ThinkingDelta | e.SignatureDelta | e.ArgumentsDelta | e.CitationAdded | e.BlockEnded


class Block(Protocol):
    """One canonical block on its way: what waits of it, and whether its end was written."""

    held: list[BlockEvent]
    ended: bool


B = TypeVar("B", bound=Block)


class InTurn(Generic[B]):
    """`begun` writes the start of a block, `written` an event of it; that of its end sets `ended`."""

    __slots__ = ("_begun", "_by_index", "_waiting", "_written")

    def __init__(self, begun: Callable[[B], bytes], written: Callable[[B, BlockEvent], bytes]) -> None:
        self._begun = begun
        self._written = written
        #: Blocks whose end was not written yet, in order of start; only the first is being written.
        self._waiting: list[B] = []
        self._by_index: dict[int, B] = {}

    def begin(self, index: int, block: B) -> bytes:
        """A block begins under its canonical index."""
        self._by_index[index] = block
        self._waiting.append(block)
        return self._begun(block) if block is self._waiting[0] else b""

    def tell(self, event: BlockEvent) -> bytes:
        """An event of a block; with its end, all that has waited for it."""
        block = self._by_index[event.index]
        if block is not self._waiting[0]:
            block.held.append(event)
            return b""
        out = [self._written(block, event)]
        while block.ended:
            self._waiting.pop(0)
            if not self._waiting:
                break
            block = self._waiting[0]
            out.append(self._begun(block))
            out += [self._written(block, held) for held in block.held]
            block.held.clear()
        return b"".join(out)

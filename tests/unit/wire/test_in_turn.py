"""Blocks one after the other.

In: blocks that are open at once. Out: what is written of them, and when.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.events import BlockEnded, TextDelta
from sekisho.wire.in_turn import BlockEvent, InTurn


class Said:
    """A block that is written as its name, its texts and a full stop."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.held: list[BlockEvent] = []
        self.ended = False


def writing() -> InTurn[Said]:
    """Blocks written as text."""

    def written(block: Said, event: BlockEvent) -> bytes:
        if isinstance(event, BlockEnded):
            block.ended = True
            return b"."
        return event.text.encode() if isinstance(event, TextDelta) else b"?"

    return InTurn(lambda block: block.name.encode(), written)


def test_one_alone_is_written_at_once() -> None:
    blocks = writing()
    assert blocks.begin(0, Said("A")) == b"A"
    assert (blocks.tell(TextDelta(0, "x")), blocks.tell(BlockEnded(0))) == (b"x", b".")


def test_a_later_one_waits_and_is_caught_up() -> None:
    blocks = writing()
    assert [blocks.begin(0, Said("A")), blocks.begin(1, Said("B")), blocks.begin(2, Said("C"))] == [b"A", b"", b""]
    assert [blocks.tell(TextDelta(1, "y")), blocks.tell(TextDelta(0, "x"))] == [b"", b"x"]
    assert blocks.tell(BlockEnded(1)) == b""
    assert blocks.tell(BlockEnded(0)) == b".By.C"
    assert blocks.tell(BlockEnded(2)) == b"."


@given(st.permutations([(index, text) for index in range(3) for text in "ab."]))
def test_in_whatever_order_events_come(order: list[tuple[int, str]]) -> None:
    last = [index for index, _ in order]
    ended = sorted(range(3), key=lambda index: len(last) - last[::-1].index(index))
    blocks, out, seen = writing(), b"".join(()), dict.fromkeys(range(3), "")
    for index in range(3):
        out += blocks.begin(index, Said("ABC"[index]))
    for at, (index, text) in enumerate(order):
        is_last = index not in last[at + 1 :]
        event = BlockEnded(index) if is_last else TextDelta(index, text.replace(".", "_"))
        seen[index] += "." if is_last else text.replace(".", "_")
        out += blocks.tell(event)
    assert len(ended) == 3
    assert out.decode() == "".join("ABC"[index] + seen[index] for index in range(3))

from __future__ import annotations

from itertools import count
from typing import Any

import msgspec

from sekisho.canonical import events as e
from sekisho.wire.openai_chat.identifiers import call_id
from sekisho.wire.openai_chat.reply_schema import ToolCallDelta
from sekisho.wire.openai_chat.stream_calls import Call, CallReader


def calls_of(*deltas: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(id, name, arguments) of each block, after all deltas."""
    blocks = count()
    reader = CallReader(lambda: next(blocks))
    reader.reply_id = "r"
    out: list[e.Event] = []
    for delta in deltas:
        reader.see(msgspec.convert(delta, ToolCallDelta), out)
    reader.close(out)
    starts = [event for event in out if isinstance(event, e.BlockStarted)]
    pieces = [event for event in out if isinstance(event, e.ArgumentsDelta)]
    ended = [event.index for event in out if isinstance(event, e.BlockEnded)]
    assert sorted(ended) == [start.index for start in starts] == list(range(len(starts)))
    return [
        (start.call_id, start.name, "".join(piece.text for piece in pieces if piece.index == start.index))
        for start in starts
    ]


def piece(index: int | None, arguments: str = "", name: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"index": index, "function": {"name": name, "arguments": arguments}, **fields}


def test_one_call_in_pieces() -> None:
    assert calls_of(piece(0, "", "f", id="a"), piece(0, '{"x"'), piece(0, ":1}")) == [("a", "f", '{"x":1}')]


def test_arguments_in_the_first_piece_are_kept() -> None:
    assert calls_of(piece(0, '{"x":1}', "f", id="a")) == [("a", "f", '{"x":1}')]


def test_interleaved_calls_keep_their_own_arguments() -> None:
    assert calls_of(piece(0, '{"x"', "f", id="a"), piece(1, '{"y"', "g", id="b"), piece(0, ":1}"), piece(1, ":2}")) == [
        ("a", "f", '{"x":1}'),
        ("b", "g", '{"y":2}'),
    ]


def test_a_repeated_name_is_the_same_call() -> None:
    assert calls_of(piece(0, '{"x"', "f", id="a"), piece(0, ":1}", "f", id="a")) == [("a", "f", '{"x":1}')]


def test_an_id_that_changes_from_piece_to_piece_is_the_same_call() -> None:
    assert calls_of(piece(0, '{"x"', "f", id="a"), piece(0, ":1}", "f", id="b")) == [("a", "f", '{"x":1}')]


def test_calls_that_all_have_index_0() -> None:
    assert calls_of(piece(0, '{"x":1}', "f", id="a"), piece(0, '{"x":2}', "f", id="b"), piece(0, "{}", "g")) == [
        ("a", "f", '{"x":1}'),
        ("b", "f", '{"x":2}'),
        (call_id("r", 2), "g", "{}"),
    ]


def test_calls_without_an_index() -> None:
    assert calls_of(piece(None, "", "f", id="a"), piece(None, "{}"), piece(None, "{}", "g", id="b")) == [
        ("a", "f", "{}"),
        ("b", "g", "{}"),
    ]


def test_missing_ids_are_made_and_differ() -> None:
    assert calls_of(piece(0, "{}", "f"), piece(1, "{}", "f")) == [
        (call_id("r", 0), "f", "{}"),
        (call_id("r", 1), "f", "{}"),
    ]


def test_a_name_that_comes_late_opens_the_call() -> None:
    assert calls_of({"index": 0, "id": "a"}, piece(0, '{"x"'), piece(0, ":1}", "f")) == [("a", "f", '{"x":1}')]


def test_a_call_without_a_name_is_not_lost() -> None:
    assert calls_of(piece(0, "{}", id="a")) == [("a", "", "{}")]


def test_custom_calls_take_free_text() -> None:
    custom = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "free", "input": "one "}}
    assert calls_of(custom, {"index": 0, "custom": {"input": "two"}}) == [("a", "free", "one two")]


def test_completeness() -> None:
    call = Call(0)
    for text, complete in (("", False), ("{", False), ("}", False), ('{"a":{}}', True), (" \n", True), ("x}", False)):
        call.texts.append(text)
        if text in ("}", '{"a":{}}'):
            call.texts = [text]
        assert call.complete() is complete
    call.texts, call.custom = ["{}"], True
    assert not call.complete()


def test_only_complete_calls_are_closed_when_another_block_begins() -> None:
    blocks = count()
    reader = CallReader(lambda: next(blocks))
    out: list[e.Event] = []
    reader.see(msgspec.convert(piece(0, "{}", "f", id="a"), ToolCallDelta), out)
    reader.see(msgspec.convert(piece(1, '{"half', "g", id="b"), ToolCallDelta), out)
    assert [event.index for event in out if isinstance(event, e.BlockEnded)] == [0]
    reader.close_complete(out)
    assert [event.index for event in out if isinstance(event, e.BlockEnded)] == [0]
    reader.see(msgspec.convert(piece(0, " "), ToolCallDelta), out)
    assert not isinstance(out[-1], e.ArgumentsDelta) or out[-1].index == 1

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sekisho.canonical.cache_marks import MarkPoint
from sekisho.wire.anthropic_messages.marks import mark_body
from sekisho.wire.json_edit import JsonObject

POLICY = (MarkPoint(tools=True), MarkPoint(role="system", last=1), MarkPoint(role="user", last=2))
MARK = {"type": "ephemeral"}


def marked(body: bytes | dict[str, Any], *points: MarkPoint) -> Any:
    return msgspec.json.decode(edited(body, *points))


def edited(body: bytes | dict[str, Any], *points: MarkPoint) -> bytes:
    json = JsonObject(body if isinstance(body, bytes) else msgspec.json.encode(body))
    return json.edited(mark_body(json, points or POLICY))


def test_texts_become_blocks_and_lists_get_their_mark_behind_the_last() -> None:
    body = {
        "model": "m",
        "tools": [{"name": "a"}, {"name": "b"}],
        "system": "rules",
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "yes"},
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "tool_result", "tool_use_id": "1"}]},
        ],
    }
    assert marked(body) == body | {
        "tools": [{"name": "a"}, {"name": "b", "cache_control": MARK}],
        "system": [{"type": "text", "text": "rules", "cache_control": MARK}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": MARK}]},
            {"role": "assistant", "content": "yes"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "a"},
                    {"type": "tool_result", "tool_use_id": "1", "cache_control": MARK},
                ],
            },
        ],
    }


def test_every_other_byte_is_the_callers_own() -> None:
    body = (
        '{ "x" : 1e2, "system":[ {"type":"text","text":"\\u3042é"} ] ,"messages":[ {"role":"user","content" : "あ"} ]}'
    )
    assert edited(body.encode(), MarkPoint(index=0), MarkPoint(index=-1, ttl="1h")).decode() == (
        '{ "x" : 1e2, "system":[ {"type":"text","text":"\\u3042é","cache_control":{"type":"ephemeral","ttl":"1h"}} ] ,'
        '"messages":[ {"role":"user","content" : [{"type":"text","text":"あ",'
        '"cache_control":{"type":"ephemeral","ttl":"1h"}}]} ]}'
    )


def test_the_callers_marks_are_kept_and_counted() -> None:
    own = {"type": "ephemeral", "ttl": "1h", "scope": "global"}
    text = {"type": "text", "text": "a", "cache_control": own}
    body = {"system": [text, text], "messages": [{"role": "user", "content": [text]}, {"role": "user", "content": "b"}]}
    assert marked(body)["messages"][1]["content"] == [{"type": "text", "text": "b", "cache_control": MARK}]
    assert marked(body)["system"] == body["system"]
    full = body | {"messages": [{"role": "user", "content": [text, text]}, {"role": "user", "content": "b"}]}
    assert edited(full) == msgspec.json.encode(full)


def test_marks_inside_results_and_that_of_the_whole_request_count() -> None:
    inner = [{"type": "text", "text": "a", "cache_control": MARK}] * 2
    result = {"type": "tool_result", "tool_use_id": "1", "content": inner}
    body = {
        "cache_control": MARK,
        "messages": [{"role": "user", "content": [result]}, {"role": "user", "content": "b"}],
    }
    shown = marked(body)["messages"]
    assert "cache_control" not in shown[0]["content"][0]
    assert shown[1]["content"][0]["cache_control"] == MARK


@pytest.mark.parametrize(
    "block",
    [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "text", "text": ""},
        {"type": "something_new"},
    ],
)
def test_what_takes_no_mark_gets_none(block: dict[str, str]) -> None:
    shown = marked({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, block]}]})
    assert shown["messages"][0]["content"] == [{"type": "text", "text": "a", "cache_control": MARK}, block]


def test_a_tool_whose_loading_is_deferred_takes_no_mark() -> None:
    tools = [{"name": "a"}, {"name": "b", "defer_loading": True}]
    assert marked({"tools": tools, "messages": []})["tools"][0] == {"name": "a", "cache_control": MARK}


@pytest.mark.parametrize(
    "body", [b"{}", b'{"messages":5}', b'{"messages":[{"role":"user","content":[1]}]}', b'{"system":{"a":1}}']
)
def test_a_body_of_another_shape_is_left_to_its_provider(body: bytes) -> None:
    assert edited(body) == body


blocks = st.fixed_dictionaries({"type": st.just("text"), "text": st.text(max_size=5)})
contents = st.text(max_size=5) | st.lists(blocks, max_size=3)
turns = st.lists(contents, min_size=1, max_size=7).map(
    lambda said: [{"role": "assistant" if at % 2 else "user", "content": one} for at, one in enumerate(said)]
)


def without_marks(value: Any) -> Any:
    """What the provider caches: the blocks, a text being a block of its own; marks are no part of it."""
    if isinstance(value, dict):
        bare = {key: without_marks(inner) for key, inner in value.items() if key != "cache_control"}
        if isinstance(bare.get("content"), str):
            bare["content"] = [{"type": "text", "text": bare["content"]}]
        return bare
    return [without_marks(inner) for inner in value] if isinstance(value, list) else value


@given(turns, turns)
def test_a_longer_conversation_begins_with_the_same_prompt(first: list[Any], more: list[Any]) -> None:
    body = {"tools": [{"name": "t"}], "system": [{"type": "text", "text": "rules"}], "messages": first}
    before, after = marked(body), marked(body | {"messages": first + more})
    assert (after["tools"], after["system"]) == (before["tools"], before["system"])
    assert without_marks(after["messages"][: len(first)]) == without_marks(before["messages"])
    assert without_marks(before["messages"]) == without_marks(first)


@given(turns)
def test_the_same_body_gives_the_same_bytes_and_at_most_four_marks(said: list[Any]) -> None:
    body = msgspec.json.encode({"tools": [{"name": "t"}], "system": "rules", "messages": said})
    assert edited(body) == edited(body)
    assert edited(body).count(b'"cache_control"') <= 4


json = st.recursive(
    st.none() | st.booleans() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "content", "type", "text", "cache_control"]), inner, max_size=4)
    ),
)


@example({"system": [{"type": []}]})
@given(st.dictionaries(st.sampled_from(["tools", "system", "messages", "cache_control"]), json))
def test_any_object_passes(body: dict[str, Any]) -> None:
    assert without_marks(marked(body)).keys() == without_marks(body).keys()

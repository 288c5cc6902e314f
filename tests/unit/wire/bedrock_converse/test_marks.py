from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.canonical.cache_marks import MarkPoint
from sekisho.wire.bedrock_converse.marks import Takes, mark_body
from sekisho.wire.json_edit import JsonObject

POLICY = (MarkPoint(tools=True), MarkPoint(role="system", last=1), MarkPoint(role="user", last=2))
POINT = {"cachePoint": {"type": "default"}}


def edited(body: bytes | dict[str, Any], *points: MarkPoint, takes: Takes = "anything") -> bytes:
    json = JsonObject(body if isinstance(body, bytes) else msgspec.json.encode(body))
    return json.edited(mark_body(json, points or POLICY, takes))


def marked(body: dict[str, Any], *points: MarkPoint, takes: Takes = "anything") -> Any:
    return msgspec.json.decode(edited(body, *points, takes=takes))


TOOL = {"toolSpec": {"name": "a", "inputSchema": {"json": {}}}}
RESULT = {"toolResult": {"toolUseId": "1", "content": [{"text": "b"}]}}
BODY = {
    "system": [{"text": "rules"}],
    "toolConfig": {"tools": [TOOL, TOOL], "toolChoice": {"auto": {}}},
    "messages": [
        {"role": "user", "content": [{"text": "hi"}]},
        {"role": "assistant", "content": [{"text": "yes"}]},
        {"role": "user", "content": [{"text": "a"}, RESULT]},
    ],
}


def test_a_mark_is_an_element_of_its_own_behind_its_block() -> None:
    assert marked(BODY) == {
        "system": [{"text": "rules"}, POINT],
        "toolConfig": {"tools": [TOOL, TOOL, POINT], "toolChoice": {"auto": {}}},
        "messages": [
            {"role": "user", "content": [{"text": "hi"}, POINT]},
            {"role": "assistant", "content": [{"text": "yes"}]},
            {"role": "user", "content": [{"text": "a"}, RESULT, POINT]},
        ],
    }


def test_a_model_that_takes_marks_behind_texts_only_gets_them_there() -> None:
    shown = marked(BODY, takes="text")
    assert shown["toolConfig"] == BODY["toolConfig"]
    assert shown["messages"][2]["content"] == [{"text": "a"}, POINT, RESULT]


def test_a_model_that_takes_none_gets_none() -> None:
    assert edited(BODY, takes="nothing") == msgspec.json.encode(BODY)


def test_the_callers_points_and_their_lives_are_kept() -> None:
    own = {"cachePoint": {"type": "default", "ttl": "1h"}}
    body = BODY | {"system": [{"text": "rules"}, own]}
    shown = marked(body, MarkPoint(tools=True), MarkPoint(role="system"))
    assert shown["system"] == body["system"]
    assert shown["toolConfig"]["tools"][-1] == own
    full = BODY | {"system": [{"text": "rules"}, own, own, own, own]}
    assert edited(full) == msgspec.json.encode(full)


def test_a_thought_and_an_empty_text_take_none() -> None:
    thought = {"reasoningContent": {"reasoningText": {"text": "hm"}}}
    body = {"messages": [{"role": "user", "content": [{"text": "a"}, thought, {"text": ""}]}]}
    assert marked(body)["messages"][0]["content"] == [{"text": "a"}, POINT, thought, {"text": ""}]


def test_every_other_byte_is_the_callers_own() -> None:
    body = '{ "messages" : [ {"content":[ {"text" : "\\u3042"} ], "role":"user"} ] ,"x":1e2}'
    assert edited(body.encode(), MarkPoint(index=0, ttl="5m")).decode() == (
        '{ "messages" : [ {"content":[ {"text" : "\\u3042"},{"cachePoint":{"type":"default","ttl":"5m"}} ], '
        '"role":"user"} ] ,"x":1e2}'
    )


@pytest.mark.parametrize("body", [b"{}", b'{"messages":5}', b'{"system":[1]}', b'{"messages":[{"role":"user"}]}'])
def test_a_body_of_another_shape_is_left_to_its_provider(body: bytes) -> None:
    assert edited(body) == body


def test_a_point_in_front_of_everything_counts() -> None:
    body = {"messages": [{"role": "user", "content": [POINT, {"text": "a"}]}], "system": [POINT, POINT, POINT]}
    assert edited(body) == msgspec.json.encode(body)

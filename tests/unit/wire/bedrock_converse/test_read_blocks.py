from __future__ import annotations

from typing import Any

import pytest

from sekisho.canonical.request import (
    CacheMark,
    Document,
    Image,
    Part,
    RedactedThinking,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from sekisho.canonical.seal import Sealed, seal
from sekisho.core.errors import MalformedRequest, UnsupportedFeature
from sekisho.wire.bedrock_converse.media import sealed_content
from sekisho.wire.bedrock_converse.read_blocks import mark_last, member
from sekisho.wire.bedrock_converse.request import decode_request
from sekisho.wire.bedrock_converse.schema import CachePoint, ContentIn
from tests.unit.wire.bedrock_converse.samples import parts_of, user_blocks

SEALED = seal(Sealed(origin="openai", signature="gAAA"))
FOREIGN = Thinking(text="", signature="gAAA", origin="openai")
PDF = {"format": "pdf", "name": "a", "source": {"bytes": "JVBE"}}
SEARCH = {"source": "https://x", "title": "Facts", "content": [{"text": "a"}, {"text": "b"}]}


BLOCKS: list[tuple[dict[str, Any], Part]] = [
    ({"text": ""}, Text("")),
    ({"image": {"format": "jpeg", "source": {"bytes": "aGk="}}}, Image(media_type="image/jpeg", data="aGk=")),
    ({"document": PDF}, Document(media_type="application/pdf", data="JVBE", name="a")),
    (
        {"document": {**PDF, "format": "md", "context": "c", "citations": {"enabled": True}}},
        Document(media_type="text/markdown", data="JVBE", name="a", context="c", citations=True),
    ),
    (
        {"document": {"name": "a", "source": {"content": [{"text": "b"}, {"text": "c"}]}}},
        Document(media_type="text/plain", text="b\n\nc", name="a"),
    ),
    ({"document": {"name": "a", "source": {"text": "b"}}}, Document(media_type="text/plain", text="b", name="a")),
    (
        {"searchResult": SEARCH},
        Document(media_type="text/plain", text="a\n\nb", name="Facts", context="Source: https://x"),
    ),
    (
        {"toolUse": {"toolUseId": "t", "name": "n", "input": {"b": 1.50, "a": []}}},
        ToolCall(id="t", name="n", arguments='{"b":1.5,"a":[]}'),
    ),
    (
        {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "s"}}},
        Thinking(text="Hm.", signature="s", origin="anthropic"),
    ),
    ({"reasoningContent": {"reasoningText": {"text": "Hm."}}}, Thinking(text="Hm.")),
    ({"reasoningContent": {"reasoningText": {"text": "", "signature": SEALED}}}, FOREIGN),
    ({"reasoningContent": {"redactedContent": "EmwK"}}, RedactedThinking("EmwK")),
    ({"reasoningContent": {"redactedContent": sealed_content(SEALED)}}, FOREIGN),
    ({"citationsContent": {"content": [{"text": "a"}, {"text": "b"}], "citations": []}}, Text("ab")),
    ({"guardContent": {"text": {"text": "a", "qualifiers": ["query"]}}}, Text("a")),
    (
        {"guardContent": {"image": {"format": "png", "source": {"bytes": "aGk="}}}},
        Image(media_type="image/png", data="aGk="),
    ),
    (
        {
            "toolResult": {
                "toolUseId": "t",
                "status": "error",
                "content": [{"text": "a"}, {"json": {"z": 1}}, {"document": PDF}, {"searchResult": SEARCH}],
            }
        },
        ToolResult(
            call_id="t",
            is_error=True,
            parts=(
                Text("a"),
                Text('{"z":1}'),
                Document(media_type="application/pdf", data="JVBE", name="a"),
                Document(media_type="text/plain", text="a\n\nb", name="Facts", context="Source: https://x"),
            ),
        ),
    ),
    (
        {"toolResult": {"toolUseId": "t", "content": [{"json": None}]}},
        ToolResult(call_id="t", parts=(Text("null"),)),
    ),
]


@pytest.mark.parametrize(("block", "part"), BLOCKS)
def test_each_block_has_its_part(block: dict[str, Any], part: Part) -> None:
    assert parts_of(block) == (part,)


@pytest.mark.parametrize(
    ("block", "path"),
    [
        ({"video": {"format": "mp4", "source": {"bytes": "a"}}}, "video"),
        ({"audio": {}}, "audio"),
        ({"toolAddition": {"tool": {}}}, "toolAddition"),
        ({"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b/k"}}}}, "image.source.s3Location"),
        ({"image": {"format": "bmp", "source": {"bytes": "a"}}}, "image.format"),
        ({"document": {**PDF, "source": {"s3Location": {"uri": "s3://b/k"}}}}, "document.source.s3Location"),
        ({"document": {**PDF, "format": "odt"}}, "document.format"),
        ({"toolUse": {"toolUseId": "t", "name": "n", "input": {}, "type": "server_tool_use"}}, "toolUse.type"),
        ({"toolResult": {"toolUseId": "t", "content": [{"video": {}}]}}, "toolResult.content.0.video"),
    ],
)
def test_what_only_bedrock_has_is_refused_by_its_path(block: dict[str, Any], path: str) -> None:
    with pytest.raises(UnsupportedFeature) as refused:
        parts_of(block)
    assert refused.value.info.param == f"messages.0.content.0.{path}"


@pytest.mark.parametrize(
    "block",
    [
        {},
        {"text": "a", "cachePoint": {"type": "default"}},
        {"image": {"format": "png", "source": {}}},
        {"toolUse": {"toolUseId": "t", "name": "n", "input": [1]}},
    ],
)
def test_a_union_has_one_member_and_an_input_is_an_object(block: dict[str, Any]) -> None:
    with pytest.raises(MalformedRequest):
        parts_of(block)


def test_a_cache_point_marks_what_stands_before_it() -> None:
    point = {"cachePoint": {"type": "default", "ttl": "1h"}}
    result = {"toolResult": {"toolUseId": "t", "content": []}}
    parts = parts_of({"text": "a"}, point, result, {"cachePoint": {"type": "default"}}, {"text": "b"})
    assert parts == (
        Text("a", CacheMark("1h")),
        ToolResult(call_id="t", parts=(), cache=CacheMark()),
        Text("b"),
    )
    assert decode_request(user_blocks(point, {"text": "a"})).untranslated == ("cachePoint",)


def test_a_point_with_nothing_to_mark_is_named() -> None:
    notes: list[str] = []
    marked: list[Any] = [Thinking(text="Hm.")]
    mark_last(marked, CachePoint(), notes)
    assert (marked, notes) == ([Thinking(text="Hm.")], ["cachePoint"])


def test_the_member_of_a_union() -> None:
    assert member(ContentIn(text=""), "p") == ("text", "")
    with pytest.raises(MalformedRequest, match="p: Exactly one"):
        member(ContentIn(), "p")

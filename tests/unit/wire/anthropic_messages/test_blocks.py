from __future__ import annotations

import base64

import msgspec
import pytest

from sekisho.canonical.request import (
    CacheMark,
    Document,
    Image,
    Part,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from sekisho.core.errors import UnsupportedFeature
from sekisho.wire.anthropic_messages.blocks import FAILED_WITHOUT_WORDS, block

MARK = CacheMark("1h")
ON_WIRE = {"type": "ephemeral", "ttl": "1h"}
URL = "https://x/y"


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (Text("a", CacheMark()), {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}),
        (Refusal("No."), {"type": "text", "text": "No."}),
        (
            Thinking(text="t", signature="s", origin="anthropic"),
            {"type": "thinking", "thinking": "t", "signature": "s"},
        ),
        (RedactedThinking("d"), {"type": "redacted_thinking", "data": "d"}),
        (
            Image(media_type="image/jpg", data="aGk=", cache=MARK),
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/jpeg", "data": "aGk="},
                "cache_control": ON_WIRE,
            },
        ),
        (Image(url=URL), {"type": "image", "source": {"type": "url", "url": URL}}),
        (
            Document(data="JVBE", name="a.pdf", context="c", citations=True, cache=MARK),
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
                "title": "a.pdf",
                "context": "c",
                "citations": {"enabled": True},
                "cache_control": ON_WIRE,
            },
        ),
        (Document(url=URL), {"type": "document", "source": {"type": "url", "url": URL}}),
        (
            Document(media_type="text/markdown", data=base64.b64encode("# é".encode()).decode()),
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "# é"}},
        ),
        (
            Document(text="words"),
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
        ),
        (
            ToolResult(call_id="t", parts=(Text("done"),), cache=MARK),
            {"type": "tool_result", "tool_use_id": "t", "content": "done", "cache_control": ON_WIRE},
        ),
        (ToolResult(call_id="t", parts=(Text(""),)), {"type": "tool_result", "tool_use_id": "t"}),
        (
            ToolResult(call_id="t", parts=(), is_error=True),
            {"type": "tool_result", "tool_use_id": "t", "content": FAILED_WITHOUT_WORDS, "is_error": True},
        ),
        (
            ToolResult(call_id="t", parts=(Text("see"), Text(" "), Image(url=URL))),
            {
                "type": "tool_result",
                "tool_use_id": "t",
                "content": [{"type": "text", "text": "see"}, {"type": "image", "source": {"type": "url", "url": URL}}],
            },
        ),
    ],
)
def test_each_part_has_its_block(part: Part, expected: object) -> None:
    assert block(part) == expected


@pytest.mark.parametrize(
    "part",
    [
        Image(media_type="image/tiff", data="x"),
        Image(data="x"),
        Document(media_type="application/msword", data="x"),
        Document(media_type="text/plain", data="not base64"),
        Document(media_type="text/plain", data=base64.b64encode(b"\xff\xfe").decode()),
    ],
)
def test_an_unknown_format_is_refused_by_name(part: Part) -> None:
    with pytest.raises(UnsupportedFeature, match="media_type"):
        block(part)


def test_arguments_keep_their_order_and_numbers() -> None:
    written = '{"z": 1.50, "a": {"y": 1e3, "b": "é"}}'
    made = msgspec.json.encode(block(ToolCall(id="t", name="n", arguments=written), "wire"))
    assert made == b'{"type":"tool_use","id":"t","name":"wire","input":' + written.encode() + b"}"

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.canonical.request import (
    CacheMark,
    Document,
    Image,
    Message,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from sekisho.canonical.seal import Sealed, seal
from sekisho.core.errors import CallerError, MalformedRequest, UnsupportedFeature
from sekisho.wire.openai_chat.decode_messages import cache_mark, read_messages
from sekisho.wire.openai_chat.schema import Mark, MessageBody


def read(*messages: dict[str, Any]) -> tuple[Message, ...]:
    return read_messages(msgspec.convert(messages, list[MessageBody]))


CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}


def test_the_roles() -> None:
    assert read(
        {"role": "system", "content": "s"},
        {"role": "developer", "content": [{"type": "text", "text": "d"}]},
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": "a"},
    ) == (
        Message("system", (Text("s"),)),
        Message("system", (Text("d"),)),
        Message("user", (Text("u"),)),
        Message("assistant", (Text("a"),)),
    )


def test_images_by_url_and_as_data() -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
        {"type": "image_url", "image_url": "data:image/png;base64,AAAA"},
        {"type": "image_url", "image_url": {"url": "data:image/jpeg;charset=x;base64,BB=="}},
    ]
    assert read({"role": "user", "content": parts})[0].parts == (
        Image(url="https://x/y.png", detail="low"),
        Image(media_type="image/png", data="AAAA"),
        Image(media_type="image/jpeg", data="BB=="),
    )


def test_files_by_data_and_address() -> None:
    files = [
        {"file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"},
        {"file_data": "AAAA"},
        {"file_data": "https://x/a.pdf"},
    ]
    parts = [{"type": "file", "file": file} for file in files]
    assert read({"role": "user", "content": parts})[0].parts == (
        Document(media_type="application/pdf", data="AAAA", name="a.pdf"),
        Document(media_type="application/pdf", data="AAAA"),
        Document(url="https://x/a.pdf"),
    )


def test_googles_signatures_stand_before_what_they_came_with() -> None:
    extra = {"extra_content": {"google": {"thought_signature": "s1"}}}
    sealed = seal(Sealed(origin="gemini", signature="s1"))
    blocks = [{"type": "thinking", "thinking": "", "signature": sealed}]
    called = {"role": "assistant", "content": "", "tool_calls": [CALL | extra], "thinking_blocks": blocks}
    said = {"role": "assistant", "content": "a", **extra}
    signed = Thinking(text="", signature="s1", origin="gemini")
    first, second = read(called, said)
    assert first.parts == (signed, ToolCall(id="c1", name="f", arguments='{"a":1}'))
    assert second.parts == (signed, Text("a"))


def test_an_assistant_turn_thinks_speaks_and_calls_in_this_order() -> None:
    message = {
        "role": "assistant",
        "tool_calls": [CALL, {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "free"}}],
        "content": [{"type": "text", "text": "t"}, {"type": "refusal", "refusal": "no"}],
        "reasoning_content": "hm",
    }
    assert read(message)[0].parts == (
        Thinking(text="hm"),
        Text("t"),
        Refusal("no"),
        ToolCall(id="c1", name="f", arguments='{"a":1}'),
        ToolCall(id="c2", name="g", arguments="free", custom=True),
    )


def test_thinking_blocks_bring_signatures_back_to_their_origin() -> None:
    openai = seal(Sealed(origin="openai", signature="enc", item_id="rs_1"))
    blocks = [
        {"type": "thinking", "thinking": "a", "signature": "sig"},
        {"type": "thinking", "thinking": "b", "signature": openai},
        {"type": "redacted_thinking", "data": "dark"},
    ]
    message = {"role": "assistant", "content": "t", "reasoning_content": "ab", "thinking_blocks": blocks}
    assert read(message)[0].parts == (
        Thinking(text="a", signature="sig", origin="anthropic"),
        Thinking(text="b", signature="enc", origin="openai", item_id="rs_1"),
        RedactedThinking("dark"),
        Text("t"),
    )


@pytest.mark.parametrize("content", [None, "", []])
def test_a_turn_that_only_calls_tools_has_no_text(content: object) -> None:
    assert read({"role": "assistant", "content": content, "tool_calls": [CALL]})[0].parts == (
        ToolCall(id="c1", name="f", arguments='{"a":1}'),
    )


def test_adjacent_tool_messages_are_one_user_turn() -> None:
    messages = read(
        {"role": "assistant", "tool_calls": [CALL, {"id": "x", "custom": {"name": "g"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "x", "content": [{"type": "text", "text": "two"}]},
        {"role": "user", "content": "and?"},
    )
    assert messages[1:] == (
        Message(
            "user",
            (
                ToolResult(call_id="c1", parts=(Text("one"),)),
                ToolResult(call_id="x", parts=(Text("two"),), custom=True),
            ),
        ),
        Message("user", (Text("and?"),)),
    )


def test_cache_marks_on_parts_and_on_whole_messages() -> None:
    hour = {"type": "ephemeral", "ttl": "1h"}
    messages = read(
        {
            "role": "system",
            "content": [{"type": "text", "text": "s", "cache_control": hour}, {"type": "text", "text": "z"}],
        },
        {"role": "user", "content": "u", "cache_control": {"type": "ephemeral"}},
        {"role": "assistant", "content": "a", "tool_calls": [CALL], "cache_control": hour},
        {"role": "tool", "tool_call_id": "c1", "content": "r", "cache_control": hour},
    )
    assert messages[0].parts == (Text("s", CacheMark("1h")), Text("z"))
    assert messages[1].parts == (Text("u", CacheMark()),)
    assert messages[2].parts == (
        Text("a"),
        ToolCall(id="c1", name="f", arguments='{"a":1}', cache=CacheMark("1h")),
    )
    assert messages[3].parts == (ToolResult(call_id="c1", parts=(Text("r"),), cache=CacheMark("1h")),)


def test_a_life_that_only_openai_knows_becomes_the_default() -> None:
    assert cache_mark(Mark(ttl="24h")) == CacheMark(None)
    assert cache_mark(None) is None


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}, "messages.0.content.0.input_audio"),
        (
            {"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]},
            "messages.0.content.0.file.file_id",
        ),
        ({"role": "user", "content": [{"type": "video_url"}]}, "messages.0.content.0.video_url"),
        ({"role": "function", "name": "f", "content": "x"}, "messages.0"),
        ({"role": "assistant", "function_call": {"name": "f", "arguments": ""}}, "messages.0.function_call"),
        ({"role": "assistant", "audio": {"id": "a"}}, "messages.0.audio"),
        (
            {"role": "tool", "tool_call_id": "c", "content": [{"type": "refusal", "refusal": "r"}]},
            "messages.0.content.0",
        ),
    ],
)
def test_what_no_other_dialect_says_is_refused_by_its_path(message: dict[str, Any], param: str) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        read(message)
    assert caught.value.info.param == param


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "robot", "content": "x"}, "messages.0.role"),
        ({"role": "tool", "content": "x"}, "messages.0.tool_call_id"),
        ({"role": "user", "content": [{"type": "text"}]}, "messages.0.content.0"),
        ({"role": "user", "content": [{"type": "image_url"}]}, "messages.0.content.0"),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": "data:image/svg+xml,<svg/>"}]},
            "messages.0.content.0.image_url.url",
        ),
        ({"role": "assistant", "tool_calls": [{"id": "c"}]}, "messages.0.tool_calls.0"),
    ],
)
def test_what_is_malformed_is_named(message: dict[str, Any], param: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        read(message)
    assert caught.value.info.param == param


def test_errors_never_quote_the_message() -> None:
    with pytest.raises(CallerError) as caught:
        read({"role": "user", "content": [{"type": "image_url", "image_url": "data:secret-text"}]})
    assert "secret-text" not in caught.value.info.message

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.request import (
    CacheMark,
    Document,
    Image,
    Message,
    Part,
    RedactedThinking,
    Refusal,
    Request,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from sekisho.canonical.target import Profile, Target
from sekisho.core.errors import UnsupportedFeature
from sekisho.wire.openai_chat.encode_messages import NOT_ANSWERED, SEE_BELOW, MessageWriter

OPENAI = Target(model="m")
COMPATIBLE = Target(model="m", compatible=True)
PNG = Image(media_type="image/png", data="AA")
PNG_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}


def write(*messages: Message, target: Target = OPENAI) -> tuple[list[dict[str, Any]], list[str]]:
    writer = MessageWriter(Request(model="m", messages=messages), target, {("long name", "ns"): "wire"})
    return writer.write(), list(writer.dropped)


def call(name: str, arguments: str = "{}") -> ToolCall:
    return ToolCall(id=name, name="f", arguments=arguments)


def result(name: str, *parts: Text | Image | Document, is_error: bool = False) -> ToolResult:
    return ToolResult(call_id=name, parts=parts or (Text(f"result {name}"),), is_error=is_error)


def call_body(name: str) -> dict[str, Any]:
    return {"id": name, "type": "function", "function": {"name": "f", "arguments": "{}"}}


def tool(name: str, content: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": name, "content": content}


def test_googles_signatures_go_back_to_its_models_only() -> None:
    signed = Thinking(text="", signature="s1", origin="gemini")
    turn = Message("assistant", (signed, call("a"), call("b"), Thinking(text="", signature="s2", origin="gemini")))
    given = (Message("user", (Text("u"),)), turn, Message("user", (result("a"), result("b"))))
    gemini = Target(model="m", compatible=True, profile=Profile(thinking_levels=("low", "high")))
    out, dropped = write(*given, target=gemini)
    extra = {"google": {"thought_signature": "s1"}}
    assert out[1] == {
        "role": "assistant",
        "content": None,
        "tool_calls": [call_body("a") | {"extra_content": extra}, call_body("b")],
        "extra_content": {"google": {"thought_signature": "s2"}},
    }
    assert dropped == []
    out, dropped = write(*given, target=COMPATIBLE)
    assert out[1]["tool_calls"] == [call_body("a"), call_body("b")]
    assert dropped == ["thinking"]


def test_a_conversation_with_parallel_tools() -> None:
    out, dropped = write(
        Message("system", (Text("s1"), Text("s2"))),
        Message("user", (Text("u"), PNG)),
        Message("assistant", (Text("let me see"), call("a"), call("b"))),
        Message("user", (result("b"), result("a"), Text("and now?"))),
        Message("system", (Text("late"),)),
        Message("assistant", (Text("done"),)),
    )
    assert out == [
        {"role": "system", "content": [{"type": "text", "text": "s1"}, {"type": "text", "text": "s2"}]},
        {"role": "user", "content": [{"type": "text", "text": "u"}, PNG_PART]},
        {"role": "assistant", "content": "let me see", "tool_calls": [call_body("a"), call_body("b")]},
        tool("b", "result b"),
        tool("a", "result a"),
        {"role": "user", "content": "and now?"},
        {"role": "system", "content": "late"},
        {"role": "assistant", "content": "done"},
    ]
    assert dropped == []


def test_content_is_null_where_the_model_only_called_tools() -> None:
    out, _ = write(Message("assistant", (call("a"),)), Message("user", (result("a"),)))
    assert out == [{"role": "assistant", "content": None, "tool_calls": [call_body("a")]}, tool("a", "result a")]


def test_files_of_results_follow_in_the_next_user_message() -> None:
    out, _ = write(
        Message("assistant", (call("a"), call("b"))),
        Message("user", (result("a", Text("shot"), PNG), result("b"), Text("what is it?"))),
    )
    assert out[1:] == [
        tool("a", [{"type": "text", "text": "shot"}, {"type": "text", "text": SEE_BELOW}]),
        tool("b", "result b"),
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Files of the result of tool call a:"},
                PNG_PART,
                {"type": "text", "text": "what is it?"},
            ],
        },
    ]


def test_files_of_results_get_a_message_of_their_own_where_no_user_speaks() -> None:
    out, _ = write(
        Message("assistant", (call("a"),)),
        Message("user", (result("a", PNG),)),
        Message("assistant", (Text("a cat"),)),
    )
    assert [message["role"] for message in out] == ["assistant", "tool", "user", "assistant"]
    assert out[1]["content"] == SEE_BELOW
    assert PNG_PART in out[2]["content"]


def test_a_text_document_in_a_result_is_text() -> None:
    out, _ = write(Message("assistant", (call("a"),)), Message("user", (result("a", Document(text="d")),)))
    assert out[1:] == [tool("a", "d")]


def test_an_error_says_so() -> None:
    out, _ = write(
        Message("assistant", (call("a"), call("b"))),
        Message(
            "user", (result("a", Text("no such file"), is_error=True), ToolResult(call_id="b", parts=(), is_error=True))
        ),
    )
    assert out[1:] == [tool("a", "Error: no such file"), tool("b", "Error: ")]


def test_an_unanswered_call_is_answered_and_reported() -> None:
    out, dropped = write(Message("assistant", (call("a"),)), Message("user", (Text("never mind"),)))
    assert out[1:] == [tool("a", NOT_ANSWERED), {"role": "user", "content": "never mind"}]
    assert dropped == ["tool call without result"]


def test_an_orphan_result_becomes_the_users_words() -> None:
    out, dropped = write(Message("user", (result("gone", Text("old")), Text("hi"))), target=COMPATIBLE)
    assert out == [{"role": "user", "content": "Result of tool call gone:\nold\nhi"}]
    assert dropped == ["tool result without call"]


def test_thoughts_of_others_stay_behind_and_that_is_reported() -> None:
    thoughts = (Thinking(text="hm", signature="s", origin="anthropic"), RedactedThinking("x"), Thinking(text="free"))
    out, dropped = write(Message("assistant", (*thoughts, Text("a"))), Message("assistant", thoughts))
    assert out == [{"role": "assistant", "content": "a"}]
    assert dropped == ["thinking"]


def test_an_unsigned_thought_goes_back_to_a_server_that_wants_it() -> None:
    out, dropped = write(Message("assistant", (Thinking(text="hm"), Text("a"))), target=COMPATIBLE)
    assert out == [{"role": "assistant", "content": "a", "reasoning_content": "hm"}]
    assert dropped == []


def test_a_refusal_is_said_as_one() -> None:
    out, _ = write(Message("assistant", (Refusal("no"),)))
    assert out == [{"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}]
    out, _ = write(Message("assistant", (Refusal("no"),)), target=COMPATIBLE)
    assert out == [{"role": "assistant", "content": "no"}]


def test_custom_calls() -> None:
    messages = (
        Message("assistant", (ToolCall(id="a", name="long name", arguments='say "hi"', custom=True, namespace="ns"),)),
        Message("user", (result("a"),)),
    )
    out, _ = write(*messages)
    assert out[0]["tool_calls"] == [{"id": "a", "type": "custom", "custom": {"name": "wire", "input": 'say "hi"'}}]
    out, _ = write(*messages, target=COMPATIBLE)
    function = {"name": "wire", "arguments": '{"input":"say \\"hi\\""}'}
    assert out[0]["tool_calls"] == [{"id": "a", "type": "function", "function": function}]


@pytest.mark.parametrize("arguments", ["", "  "])
def test_a_call_without_arguments_has_an_empty_object(arguments: str) -> None:
    out, _ = write(Message("assistant", (call("a", arguments),)))
    assert out[0]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_hints_are_reported() -> None:
    mark = CacheMark()
    _, dropped = write(
        Message("user", (Text("u", mark), Document(text="d", citations=True))),
        Message("assistant", (ToolCall(id="a", name="f", arguments="{}", cache=mark),)),
        Message("user", (ToolResult(call_id="a", parts=(Text("x", mark),), cache=mark),)),
    )
    assert dropped == ["cache_control", "citations"]


@pytest.mark.parametrize(
    ("message", "param"),
    [
        (Message("assistant", (PNG,)), "messages.0.content"),
        (Message("system", (PNG,)), "messages.0.content"),
        (Message("user", (Document(url="https://x"),)), "messages.0.content.0"),
        (Message("user", (call("a"),)), "messages.0.content.0"),
    ],
)
def test_what_chat_cannot_say_is_refused(message: Message, param: str) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        write(message)
    assert caught.value.info.param == param


def order_is_broken(messages: list[dict[str, Any]]) -> bool:
    """What the API refuses: a call without its result next, a result without its call."""
    pending: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in pending:
                return True
            pending.discard(message["tool_call_id"])
        elif pending:
            return True
        else:
            pending = {call["id"] for call in message.get("tool_calls", ())}
    return bool(pending)


_ids = st.sampled_from(["a", "b", "c", "d"])
_assistant: st.SearchStrategy[Part] = st.one_of(_ids.map(call), st.builds(Text, st.text(max_size=3)))
_user: st.SearchStrategy[Part] = st.one_of(_ids.map(result), st.builds(Text, st.text(max_size=3)), st.just(PNG))
_turns = st.one_of(
    st.lists(_assistant, max_size=3, unique_by=lambda part: getattr(part, "id", part)).map(
        lambda parts: Message("assistant", tuple(parts))
    ),
    st.lists(_user, max_size=3).map(lambda parts: Message("user", tuple(parts))),
    st.just(Message("system", (Text("s"),))),
)


@given(st.lists(_turns, max_size=6), st.sampled_from([OPENAI, COMPATIBLE]))
def test_the_order_that_the_api_wants_holds_for_any_history(turns: list[Message], target: Target) -> None:
    out, _ = write(*turns, target=target)
    assert not order_is_broken(out)
    assert write(*turns, target=target)[0] == out
    images = sum(isinstance(part, Image) for turn in turns for part in turn.parts)
    written = [part for message in out if isinstance(message["content"], list) for part in message["content"]]
    assert written.count(PNG_PART) == images

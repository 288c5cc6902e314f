from __future__ import annotations

from typing import Any, Literal

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
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from sekisho.wire.openai_responses.tools import Names
from sekisho.wire.openai_responses.turns import NO_RESULT, InputWriter
from tests.support.responses_kit import texts, words

CALL = ToolCall(id="c1", name="shell", arguments='{"a": 1}')
RESULT = ToolResult(call_id="c1", parts=(Text("done"),))
USER = Message("user", (Text("go"),))


def write(*messages: Message) -> tuple[str | None, list[dict[str, Any]], list[str]]:
    writer = InputWriter(messages, Names(()), "developer")
    instructions, items = writer.write()
    return instructions, items, list(writer.dropped)


def said(*parts: Part) -> list[dict[str, Any]]:
    """The content that the user's parts become."""
    _, items, _ = write(Message("user", parts))
    content: list[dict[str, Any]] = items[0]["content"]
    return content


def answered(result: ToolResult) -> Any:
    _, items, _ = write(USER, Message("assistant", (CALL,)), Message("user", (result,)))
    return items[-1]["output"]


def test_leading_system_text_is_instructions_and_later_text_stays_in_place() -> None:
    system = Message("system", (Text("a"), Text("b")))
    instructions, items, _ = write(system, system, USER, Message("system", (Text("c"),)))
    assert instructions == "a\n\nb\n\na\n\nb"
    assert [item["role"] for item in items] == ["user", "developer"]


def test_a_conversation_of_system_text_alone_still_has_input() -> None:
    instructions, items, _ = write(Message("system", (Text("a"),)))
    assert instructions is None
    assert items == [{"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "a"}]}]


def test_media_of_the_user() -> None:
    assert said(
        Image(media_type="image/png", data="QQ==", detail="low"),
        Image(url="https://x.test/a.png"),
        Document(media_type="application/pdf", data="QQ==", name="a.pdf"),
        Document(url="https://x.test/a.pdf", name="a.pdf"),
        Document(text="plain", name="notes", context="about"),
    ) == [
        {"type": "input_image", "image_url": "data:image/png;base64,QQ==", "detail": "low"},
        {"type": "input_image", "image_url": "https://x.test/a.png", "detail": "auto"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,QQ=="},
        {"type": "input_file", "file_url": "https://x.test/a.pdf"},
        {"type": "input_text", "text": "about"},
        {"type": "input_text", "text": "notes:\nplain"},
    ]


def test_an_assistant_turn_becomes_items_in_order() -> None:
    thought = Thinking(text="hm", signature="gAAA", origin="openai", item_id="rs_1")
    assistant = Message("assistant", (thought, Text("I look."), Refusal("not there"), CALL))
    _, items, dropped = write(USER, assistant, Message("user", (RESULT, Text("and?"))))
    assert items[1:] == [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "hm"}],
            "encrypted_content": "gAAA",
        },
        {
            "type": "message",
            "role": "assistant",
            "content": [
                {"type": "output_text", "text": "I look.", "annotations": []},
                {"type": "refusal", "refusal": "not there"},
            ],
        },
        {"type": "function_call", "call_id": "c1", "name": "shell", "arguments": '{"a": 1}'},
        {"type": "function_call_output", "call_id": "c1", "output": "done"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "and?"}]},
    ]
    assert dropped == []


@pytest.mark.parametrize(
    "part",
    [
        Thinking(text="hm", signature="sig", origin="anthropic"),
        Thinking(text="hm"),
        RedactedThinking("data"),
        Image(url="https://x.test/a.png"),
    ],
)
def test_what_this_provider_cannot_read_stays_behind_and_is_reported(part: Part) -> None:
    _, items, dropped = write(USER, Message("assistant", (part, Text("a"))))
    assert [item["type"] for item in items] == ["message", "message"]
    assert dropped == [f"messages.{type(part).__name__.lower()}"]


def test_a_thought_without_what_it_led_to_stays_behind() -> None:
    """The API refuses a reasoning item that nothing follows."""
    thought = Thinking(text="", signature="gAAA", origin="openai")
    _, items, dropped = write(USER, Message("assistant", (Text("a"), thought)), USER)
    assert [item["type"] for item in items] == ["message"] * 3
    assert dropped == ["messages.thinking"]


def test_custom_calls_and_namespaces_go_out_natively() -> None:
    call = ToolCall(id="c1", name="exec", arguments="text('a')", custom=True, namespace="functions")
    _, items, _ = write(USER, Message("assistant", (call,)), Message("user", (RESULT,)))
    assert items[1:] == [
        {
            "type": "custom_tool_call",
            "call_id": "c1",
            "name": "exec",
            "namespace": "functions",
            "input": "text('a')",
        },
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "done"},
    ]


def test_results_are_text_or_a_list_with_media() -> None:
    image = Image(media_type="image/png", data="QQ==")
    written = {"type": "input_image", "image_url": "data:image/png;base64,QQ==", "detail": "auto"}
    assert answered(ToolResult(call_id="c1", parts=())) == ""
    assert answered(ToolResult(call_id="c1", parts=(Text("a"), Text("b")))) == "a\nb"
    assert answered(ToolResult(call_id="c1", parts=(Text("a"), image))) == [
        {"type": "input_text", "text": "a"},
        written,
    ]
    assert answered(ToolResult(call_id="c1", parts=(Text("a"),), is_error=True)) == "Error: a"
    assert answered(ToolResult(call_id="c1", parts=(image,), is_error=True))[0] == {
        "type": "input_text",
        "text": "Error:",
    }


def test_a_call_that_wrote_nothing_has_empty_arguments() -> None:
    _, items, _ = write(USER, Message("assistant", (ToolCall(id="c1", name="f", arguments=""),)))
    assert items[1]["arguments"] == "{}"


def test_a_call_without_a_result_gets_one_at_once_and_it_is_reported() -> None:
    _, items, dropped = write(USER, Message("assistant", (CALL,)), USER)
    assert items[2] == {"type": "function_call_output", "call_id": "c1", "output": NO_RESULT}
    assert items[3]["role"] == "user"
    assert dropped == ["tool call without its result"]


def test_a_result_without_a_call_becomes_text_and_it_is_reported() -> None:
    _, items, dropped = write(Message("user", (RESULT, RESULT)))
    assert [piece["text"] for piece in items[0]["content"]] == ["Result of the tool call c1:", "done"] * 2
    assert dropped == ["tool_result without its call"]


@pytest.mark.parametrize("role", ["system", "user"])
def test_only_the_model_calls(role: Literal["system", "user"]) -> None:
    _, items, dropped = write(USER, Message(role, (CALL, RESULT)))
    assert [item["type"] for item in items] == ["message", "message"]
    assert dropped == ["messages.toolcall", "tool_result without its call"]


def test_a_call_id_may_come_again_in_a_later_turn() -> None:
    turn = (Message("assistant", (CALL,)), Message("user", (RESULT,)))
    _, items, dropped = write(USER, *turn, *turn)
    assert [item["type"] for item in items[1:]] == ["function_call", "function_call_output"] * 2
    assert dropped == []


def test_cache_marks_are_reported_once() -> None:
    mark = CacheMark("1h")
    messages = (Message("system", (Text("a", mark),)), Message("user", (Text("b", mark),)))
    assert write(*messages)[2] == ["cache_control"]


turns = st.lists(
    st.builds(
        Message,
        st.sampled_from(["system", "user", "assistant"]),
        st.lists(
            st.builds(Text, texts)
            | st.builds(ToolCall, id=words, name=words, arguments=texts)
            | st.builds(ToolResult, call_id=words, parts=st.lists(st.builds(Text, texts), max_size=2).map(tuple)),
            max_size=3,
        ).map(tuple),
    ),
    max_size=8,
).map(tuple)


@given(turns)
def test_every_call_has_one_output_and_every_output_its_call(messages: tuple[Message, ...]) -> None:
    _, items, _ = write(*messages)
    waiting: list[str] = []
    for item in items:
        if item["type"] == "function_call":
            waiting.append(item["call_id"])
        elif item["type"] == "function_call_output":
            waiting.remove(item["call_id"])
    assert waiting == []


@given(turns, turns)
def test_what_was_sent_before_does_not_change_when_a_turn_is_added(
    before: tuple[Message, ...], after: tuple[Message, ...]
) -> None:
    """A conversation that stands complete, as an agent sends it, is a prefix of itself with more turns."""
    whole = (USER, *(message for message in before if message.role != "assistant"), USER)
    later = tuple(message for message in after if message.role == "system")
    _, items, _ = write(*whole)
    _, longer, _ = write(*whole, *later)
    assert longer[: len(items)] == items

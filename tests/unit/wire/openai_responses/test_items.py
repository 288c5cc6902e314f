from __future__ import annotations

from typing import Any

import pytest

from sekisho.canonical.request import (
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
from sekisho.canonical.seal import PREFIX, Sealed, seal
from sekisho.core.errors import MalformedRequest, UnsupportedFeature
from sekisho.wire.openai_responses.fields import Node
from sekisho.wire.openai_responses.items import Conversation, read_input
from sekisho.wire.openai_responses.tools import Toolbox

CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "shell", "arguments": '{"a":1}'}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "done"}


def read(value: Any, **fields: Any) -> Conversation:
    return read_input(Node({"input": value, **fields}), Toolbox())


def one_part(content: dict[str, Any], role: str = "user") -> Any:
    (message,) = read([{"role": role, "content": [content]}]).messages()
    return message.parts[0]


def test_a_string_is_the_users() -> None:
    assert read("hi").messages() == (Message("user", (Text("hi"),)),)


def test_instructions_come_first() -> None:
    messages = read([{"role": "developer", "content": "b"}], instructions="a").messages()
    assert messages == (Message("system", (Text("a"),)), Message("system", (Text("b"),)))


def test_messages_need_neither_type_nor_id() -> None:
    items = [{"role": "user", "content": "a"}, {"type": "message", "id": "msg_1", "role": "user", "content": "b"}]
    assert read(items).messages() == (Message("user", (Text("a"),)), Message("user", (Text("b"),)))


def test_a_system_line_in_the_middle_stays_there() -> None:
    items = [{"role": "user", "content": "a"}, {"role": "developer", "content": "b"}, {"role": "user", "content": "c"}]
    assert [message.role for message in read(items).messages()] == ["user", "system", "user"]


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ({"type": "input_text", "text": "a"}, Text("a")),
        ({"type": "output_text", "text": "a", "annotations": []}, Text("a")),
        ({"type": "refusal", "refusal": "no"}, Refusal("no")),
        (
            {"type": "input_image", "image_url": "data:image/png;base64,QUJD", "detail": "low"},
            Image(media_type="image/png", data="QUJD", detail="low"),
        ),
        ({"type": "input_image", "image_url": "https://x.test/a.png"}, Image(url="https://x.test/a.png")),
        (
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD"},
            Document(media_type="application/pdf", data="QUJD", name="a.pdf"),
        ),
        ({"type": "input_file", "file_data": "QUJD"}, Document(media_type="application/pdf", data="QUJD")),
        ({"type": "input_file", "file_url": "https://x.test/a.pdf"}, Document(url="https://x.test/a.pdf")),
    ],
)
def test_parts(content: dict[str, Any], part: Any) -> None:
    assert one_part(content) == part


@pytest.mark.parametrize(
    "content",
    [
        {"type": "input_image", "file_id": "file_1"},
        {"type": "input_file", "file_id": "file_1"},
        {"type": "input_audio", "input_audio": {}},
    ],
)
def test_content_that_only_the_provider_has_is_refused_by_name(content: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        one_part(content)
    assert "input.0.content.0" in (caught.value.info.param or "")


def test_the_assistants_neighbouring_items_are_one_turn_and_outputs_another() -> None:
    items = [
        {"role": "user", "content": "go"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
        CALL,
        {**CALL, "call_id": "call_2", "id": None},
        OUTPUT,
        {**OUTPUT, "call_id": "call_2", "output": ""},
        {"role": "user", "content": "and?"},
    ]
    assert read(items).messages() == (
        Message("user", (Text("go"),)),
        Message(
            "assistant",
            (
                Thinking(text="", signature="gAAA", origin="openai", item_id="rs_1"),
                Text("I look."),
                ToolCall(id="call_1", name="shell", arguments='{"a":1}', item_id="fc_1"),
                ToolCall(id="call_2", name="shell", arguments='{"a":1}'),
            ),
        ),
        Message("user", (ToolResult(call_id="call_1", parts=(Text("done"),)), ToolResult(call_id="call_2", parts=()))),
        Message("user", (Text("and?"),)),
    )


def test_an_output_may_be_a_list_with_images() -> None:
    output = [{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "data:image/png;base64,QQ=="}]
    (message,) = read([{**OUTPUT, "output": output}]).messages()
    assert message.parts == (
        ToolResult(call_id="call_1", parts=(Text("a"), Image(media_type="image/png", data="QQ=="))),
    )


def test_custom_calls_and_their_outputs() -> None:
    items = [
        {"type": "custom_tool_call", "call_id": "c", "name": "exec", "namespace": "functions", "input": "text('a')"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "a"}]},
    ]
    assert read(items).messages() == (
        Message(
            "assistant", (ToolCall(id="c", name="exec", arguments="text('a')", custom=True, namespace="functions"),)
        ),
        Message("user", (ToolResult(call_id="c", parts=(Text("a"),), custom=True),)),
    )


def test_tools_among_the_items_are_offered() -> None:
    toolbox = Toolbox()
    space = {"type": "namespace", "name": "functions", "tools": [{"type": "custom", "name": "exec"}]}
    item = {"type": "additional_tools", "role": "developer", "tools": [space, {"type": "web_search"}]}
    read_input(Node({"input": [item]}), toolbox)
    assert [(tool.name, tool.namespace, tool.custom) for tool in toolbox.tools.values()] == [
        ("exec", "functions", True)
    ]
    assert list(toolbox.offered) == ["tools.web_search"]


def thought(**fields: Any) -> Any:
    (message,) = read([{"type": "reasoning", "id": "rs_1", **fields}]).messages()
    return message.parts[0]


def summary(text: str) -> list[dict[str, str]]:
    return [{"type": "summary_text", "text": text}]


def test_a_thought_is_its_summary_or_itself() -> None:
    assert thought(summary=summary("a") + summary("b")) == Thinking(text="a\n\nb", item_id="rs_1")
    assert thought(summary=[], content=[{"type": "reasoning_text", "text": "c"}]).text == "c"


def test_a_sealed_thought_goes_back_to_whose_it_is() -> None:
    sealed = seal(Sealed(origin="anthropic", signature="sig"))
    assert thought(summary=summary("a"), encrypted_content=sealed) == Thinking(
        text="a", signature="sig", origin="anthropic"
    )
    hidden = seal(Sealed(origin="anthropic", signature="data", redacted=True))
    assert thought(summary=[], encrypted_content=hidden) == RedactedThinking("data")


def test_a_broken_seal_vouches_for_nothing() -> None:
    assert thought(summary=summary("a"), encrypted_content=PREFIX + "%%%") == Thinking(text="a")


def test_a_thought_by_id_alone_stays_behind_and_is_reported() -> None:
    conversation = read([{"type": "reasoning", "id": "rs_1", "summary": []}, {"type": "item_reference", "id": "rs_2"}])
    assert conversation.messages() == ()
    assert list(conversation.left_out) == ["input.reasoning", "input.item_reference"]


def test_a_search_of_the_past_stays_behind_and_is_reported() -> None:
    assert list(read([{"type": "web_search_call", "id": "ws_1"}]).left_out) == ["input.web_search_call"]


@pytest.mark.parametrize(
    "item",
    [
        {"type": "item_reference", "id": "msg_1"},
        {"id": "msg_1"},
        {"type": "local_shell_call", "id": "x"},
        {"type": "compaction", "encrypted_content": "x"},
        {"type": "tool_search_output", "tools": []},
        {"type": "made_up"},
    ],
)
def test_items_whose_content_lies_elsewhere_are_refused_by_name(item: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        read([{"role": "user", "content": "a"}, item])
    assert (caught.value.info.param or "").startswith("input.1 (")


@pytest.mark.parametrize(
    ("value", "param"),
    [
        (None, "input"),
        (7, "input"),
        (["text"], "input.0"),
        ([{"role": "tool", "content": "a"}], "input.0.role"),
        ([{"role": "user"}], "input.0.content"),
        ([{"role": "user", "content": ["a"]}], "input.0.content.0"),
        ([{"role": "user", "content": [{"type": "input_text"}]}], "input.0.content.0.text"),
        ([{**CALL, "arguments": {}}], "input.0.arguments"),
        ([{**OUTPUT, "output": None}], "input.0.output"),
        ([{**OUTPUT, "call_id": None}], "input.0.call_id"),
        ([{"type": "reasoning", "summary": [1]}], "input.0.summary.0"),
        ([{"type": "item_reference"}], "input.0.id"),
    ],
)
def test_wrong_types_are_named_by_their_path(value: Any, param: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        read(value)
    assert caught.value.info.param == param

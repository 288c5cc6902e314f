from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from sekisho.canonical.request import (
    Image,
    Message,
    Part,
    RedactedThinking,
    Refusal,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from sekisho.canonical.target import Profile
from sekisho.core.errors import MalformedRequest, UnsupportedFeature
from sekisho.wire.gemini_generate import DIALECT
from sekisho.wire.gemini_generate.signatures import SENTINEL
from tests.unit.wire.gemini_generate.samples import BUDGET, LEVELS, asked, dropped, encoded, said, sent

CALL = ToolCall(id="toolu_1", name="f", arguments='{"a":1}')
RESULT = ToolResult(call_id="toolu_1", parts=(Text("done"),))
SIGNED = Thinking(text="", signature="c2ln", origin="gemini")


def contents(*messages: Message, profile: Any = BUDGET) -> list[tuple[str, list[Any]]]:
    return [(content["role"], content["parts"]) for content in sent(asked(*messages), profile)["contents"]]


def test_a_small_request_says_neither_model_nor_stream() -> None:
    assert sent(asked(stream=True)) == {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}


def test_leading_system_texts_are_the_instruction_and_later_ones_stay_in_place() -> None:
    body = sent(asked(said("system", "A", " "), said("system", "B"), said("user", "Hi"), said("system", "C")))
    assert body["systemInstruction"] == {"parts": [{"text": "A"}, {"text": "B"}]}
    assert body["contents"] == [{"role": "user", "parts": [{"text": "Hi"}, {"text": "C"}]}]


def test_results_stand_alone_directly_behind_their_calls() -> None:
    image = Image(media_type="image/png", data="AA==")
    with_image = ToolResult(call_id="toolu_1", parts=(Text("done"), image))
    found = contents(said("user", "Hi"), said("assistant", CALL), said("user", "And?", with_image))
    assert [(role, [next(iter(part)) for part in parts]) for role, parts in found] == [
        ("user", ["text"]),
        ("model", ["functionCall"]),
        ("user", ["functionResponse"]),
        ("user", ["text", "inlineData", "text"]),
    ]
    answer = {"id": "toolu_1", "name": "f", "response": {"output": "done"}}
    assert found[2][1] == [{"functionResponse": answer}]


def test_an_unanswered_call_and_an_orphan_result_are_mended_and_named() -> None:
    orphan = ToolResult(call_id="x", parts=(Text("late"),))
    messages = (said("assistant", CALL), said("user", orphan))
    found = contents(*messages)
    assert [role for role, _ in found] == ["user", "model", "user", "user"]
    assert "error" in found[2][1][0]["functionResponse"]["response"]
    assert found[3][1][-1] == {"text": "late"}
    assert dropped(asked(*messages)) == (
        "messages.first_turn",
        "messages.orphan_tool_result",
        "messages.unanswered_tool_call",
    )


def test_only_geminis_thoughts_and_unsigned_ones_go_back() -> None:
    foreign = Thinking(text="secret", signature="sig", origin="anthropic")
    thoughts: tuple[Part, ...] = (foreign, RedactedThinking("x"), Thinking(text="why"), SIGNED, Thinking(text=""))
    request = asked(said("user", "Hi"), said("assistant", *thoughts, CALL), said("user", RESULT))
    assert sent(request)["contents"][1]["parts"] == [
        {"text": "why", "thought": True},
        {
            "functionCall": {"id": "toolu_1", "name": "f", "args": {"a": 1}},
            "thoughtSignature": "c2ln",
        },
    ]
    assert dropped(request) == ("messages.thinking",)


def test_gemini_3_gets_a_word_where_a_signature_is_missing() -> None:
    history = (said("user", "Hi"), said("assistant", "Hm", CALL), said("user", RESULT))
    for profile, signature in ((LEVELS, SENTINEL), (BUDGET, None)):
        assert contents(*history, profile=profile)[1][1][1].get("thoughtSignature") == signature


def test_the_last_word_must_be_the_users() -> None:
    with pytest.raises(UnsupportedFeature, match="messages"):
        sent(asked(said("user", "Hi"), said("assistant", "So")), LEVELS)
    assert sent(asked(said("user", "Hi"), said("assistant", "So")))["contents"][-1]["role"] == "model"


@pytest.mark.parametrize(("mode", "said"), [("any", "ANY"), ("auto", "VALIDATED")])
def test_a_list_of_allowed_tools_is_said_and_all_are_declared(mode: Literal["any", "auto"], said: str) -> None:
    tools = (Tool(name="read file"), Tool(name="f"), Tool(name="g"))
    body = sent(asked(tools=tools, tool_choice=ToolChoice(mode, allowed=("g", "read file"))))
    assert len(body["tools"][0]["functionDeclarations"]) == 3
    assert body["toolConfig"]["functionCallingConfig"] == {
        "mode": said,
        "allowedFunctionNames": [body["tools"][0]["functionDeclarations"][0]["name"], "g"],
    }


def test_tools_and_their_names() -> None:
    tools = (
        Tool(name="read file", description="Reads.", parameters={"properties": {"a": {"$ref": "#/$defs/A"}}}),
        Tool(name="bare"),
        Tool(name="empty", parameters={}),
    )
    body = sent(asked(tools=tools, tool_choice=ToolChoice("tool", "read file")))
    [declared] = body["tools"]
    first, second, third = declared["functionDeclarations"]
    assert first["description"] == "Reads."
    assert first["parametersJsonSchema"] == {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}}
    assert (second, third) == ({"name": "bare"}, {"name": "empty"})
    calling = {"mode": "ANY", "allowedFunctionNames": [first["name"]]}
    assert body["toolConfig"] == {"functionCallingConfig": calling}
    assert first["name"].startswith("read_file_")


def test_a_call_of_the_history_has_its_tools_wire_name() -> None:
    spaced = ToolCall(id="1", name="read", arguments="{}", namespace="mcp")
    tools = (Tool(name="read", namespace="mcp"), Tool(name="read", namespace="fs"))
    answered = ToolResult(call_id="1", parts=(Text("x"),))
    request = asked(said("user", "Hi"), said("assistant", spaced), said("user", answered), tools=tools)
    found = sent(request)["contents"]
    assert found[1]["parts"][0]["functionCall"]["name"] == "mcp__read"
    assert found[2]["parts"][0]["functionResponse"]["name"] == "mcp__read"


def test_the_same_prefix_gives_the_same_bytes() -> None:
    messages = (said("user", "Hi"), said("assistant", SIGNED, CALL), said("user", RESULT))
    short, long = encoded(asked(*messages)).body, encoded(asked(*messages, said("assistant", "ok"))).body
    assert long.startswith(short.rstrip(b"]}"))


_text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(lambda text: bool(text.strip()))
_unsigned = st.builds(Thinking, text=_text)
_signed = st.builds(Thinking, text=st.just(""), signature=st.sampled_from(("c2ln", "b3Ro")), origin=st.just("gemini"))


@st.composite
def conversations(draw: st.DrawFn) -> Request:
    """Conversations that need no mending: alternating, each call answered in order."""
    messages: list[Message] = [Message("user", (Text(draw(_text)),))]
    for turn in range(draw(st.integers(0, 3))):
        parts: list[Part] = [Text(draw(_text))]
        calls = [
            ToolCall(id=f"id_{turn}_{i}", name=draw(st.sampled_from(("f", "g"))), arguments='{"a":1}')
            for i in range(draw(st.integers(1, 3)))
        ]
        if draw(st.booleans()):
            parts.append(draw(_unsigned))
        if draw(st.booleans()):
            parts.append(draw(_signed))
        messages.append(Message("assistant", (*parts, *calls)))
        results = (
            ToolResult(call_id=call.id, parts=(Text(draw(_text)),), is_error=draw(st.booleans())) for call in calls
        )
        messages.append(Message("user", tuple(results)))
    return Request(
        model="",
        messages=tuple(messages),
        tools=(Tool(name="f", description="F", parameters={"type": "object"}),),
        max_tokens=draw(st.none() | st.integers(0, 99)),
        temperature=draw(st.none() | st.sampled_from((0.0, 0.5, 1.0))),
        stop=tuple(draw(st.lists(_text, max_size=3))),
        include_usage=True,
    )


@given(conversations())
def test_a_request_comes_back_as_it_was(request: Request) -> None:
    made = encoded(request, BUDGET)
    assert made.dropped == ()
    assert DIALECT.decode_request(made.body) == request


_texts = st.builds(Text, text=st.text(max_size=3)) | st.builds(Refusal, text=st.text(max_size=3))
_parts = st.one_of(
    _texts,
    st.builds(
        Thinking,
        text=st.text(max_size=3),
        signature=st.none() | st.just("s"),
        origin=st.sampled_from(("gemini", "openai")),
    ),
    st.builds(RedactedThinking, data=st.text(max_size=3)),
)
_calls = st.builds(
    ToolCall, id=st.sampled_from("abc"), name=st.sampled_from(("f", "a b")), arguments=st.text(max_size=3)
)
_results = st.builds(
    ToolResult, call_id=st.sampled_from("abcd"), parts=st.tuples(st.builds(Text, text=st.text(max_size=3)))
)
_messages = st.one_of(
    st.builds(Message, role=st.just("user"), parts=st.lists(_texts | _results, max_size=4).map(tuple)),
    st.builds(Message, role=st.just("assistant"), parts=st.lists(_parts | _calls, max_size=4).map(tuple)),
    st.builds(Message, role=st.just("system"), parts=st.tuples(st.builds(Text, text=st.text(max_size=3)))),
)


@given(st.lists(_messages, max_size=6))
def test_any_conversation_becomes_one_that_gemini_takes(messages: list[Message]) -> None:
    try:
        found = sent(Request(model="m", messages=tuple(messages)), Profile(thinking_levels=("low",)))["contents"]
    except MalformedRequest:  # nothing is said in it
        reject()
    assert found[0]["role"] == "user"
    for at, content in enumerate(found):
        assert content["parts"]
        calls = [part["functionCall"]["id"] for part in content["parts"] if "functionCall" in part]
        if calls:
            answers = [part.get("functionResponse", {}).get("id") for part in found[at + 1]["parts"]]
            assert sorted(calls) == sorted(answers)
            first = next(part for part in content["parts"] if "functionCall" in part)
            assert first["thoughtSignature"]

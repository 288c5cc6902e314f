from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.canonical.request import (
    CacheMark,
    Message,
    OutputSchema,
    Reasoning,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
)
from sekisho.canonical.target import Profile, Target
from sekisho.core.errors import UnsupportedFeature
from sekisho.wire.openai_chat.decode_request import decode_request
from sekisho.wire.openai_chat.encode_request import encode_request

OPENAI = Target(model="routed")
COMPATIBLE = Target(model="routed", compatible=True)
REASONING = Target(model="routed", profile=Profile(openai_reasoning=True))
NEWER = Target(model="routed", profile=Profile(openai_reasoning=True, allowed_tools=True))
USER = Message("user", (Text("u"),))
TOOL = Tool(name="f", description="d", parameters={"type": "object", "properties": {"a": {"type": "string"}}})


def encode(target: Target = OPENAI, **fields: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    fields.setdefault("messages", (USER,))
    encoded = encode_request(Request(model="asked", **fields), target)
    body: dict[str, Any] = msgspec.json.decode(encoded.body)
    del body["messages"]
    assert body.pop("model") == "routed"
    return body, encoded.dropped


def test_what_was_not_said_is_not_said() -> None:
    for target in (OPENAI, COMPATIBLE, REASONING):
        assert encode(target) == ({}, ())


def test_zero_is_said() -> None:
    body, _ = encode(temperature=0.0, top_p=0.0, max_tokens=0, seed=0, presence_penalty=0.0, frequency_penalty=0.0)
    assert body == {
        "max_completion_tokens": 0,
        "temperature": 0.0,
        "top_p": 0.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "seed": 0,
    }


def test_the_limit_has_the_name_that_the_server_knows() -> None:
    assert encode(max_tokens=9)[0] == {"max_completion_tokens": 9}
    assert encode(COMPATIBLE, max_tokens=9)[0] == {"max_tokens": 9}


def test_reasoning_models_take_no_sampling() -> None:
    body, dropped = encode(REASONING, temperature=1.0, top_p=0.5, logprobs=True, seed=3, top_k=4)
    assert body == {"seed": 3}
    assert dropped == ("temperature", "top_p", "logprobs", "top_k")


@pytest.mark.parametrize(
    ("reasoning", "effort"),
    [
        (Reasoning(effort="xhigh"), "xhigh"),
        (Reasoning(enabled=False, effort="none"), "none"),
        (Reasoning(budget_tokens=1024), "low"),
        (Reasoning(budget_tokens=10_000), "medium"),
        (Reasoning(budget_tokens=31_999), "high"),
        (Reasoning(adaptive=True, effort="max"), "max"),
    ],
)
def test_effort(reasoning: Reasoning, effort: str) -> None:
    assert encode(REASONING, reasoning=reasoning) == ({"reasoning_effort": effort}, ())
    assert encode(COMPATIBLE, reasoning=reasoning) == ({}, ("reasoning",))


def test_effort_that_nobody_named_is_the_models_own() -> None:
    assert encode(REASONING, reasoning=Reasoning(adaptive=True)) == ({}, ())
    assert encode(REASONING, reasoning=Reasoning(enabled=False)) == ({}, ("reasoning",))


def test_tools() -> None:
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /a/"}
    tools = (
        TOOL,
        Tool(name="bare", parameters={"type": "object"}, strict=False),
        Tool(name="c", custom=True, format=grammar),
    )
    body, _ = encode(tools=tools)
    assert body["tools"] == [
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": TOOL.parameters}},
        {
            "type": "function",
            "function": {"name": "bare", "parameters": {"type": "object", "properties": {}}, "strict": False},
        },
        {
            "type": "custom",
            "custom": {
                "name": "c",
                "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /a/"}},
            },
        },
    ]


def test_an_imitator_is_shown_functions_only() -> None:
    body, _ = encode(
        COMPATIBLE, tools=(Tool(name="c", custom=True), Tool(name="n")), tool_choice=ToolChoice("tool", "c")
    )
    assert [tool["type"] for tool in body["tools"]] == ["function", "function"]
    assert body["tools"][0]["function"]["parameters"]["required"] == ["input"]
    assert body["tools"][1]["function"]["parameters"] == {"type": "object", "properties": {}}
    assert body["tool_choice"] == {"type": "function", "function": {"name": "c"}}


def test_namespaced_tools_have_unique_names_in_list_choice_and_history() -> None:
    tools = (Tool(name="run", namespace="a"), Tool(name="run", namespace="b"))
    history = (USER, Message("assistant", (ToolCall(id="1", name="run", namespace="b", arguments="{}"),)))
    encoded = encode_request(Request(model="asked", messages=history, tools=tools), OPENAI)
    body = msgspec.json.decode(encoded.body)
    assert [tool["function"]["name"] for tool in body["tools"]] == ["a__run", "b__run"]
    assert body["messages"][1]["tool_calls"][0]["function"]["name"] == "b__run"


def test_a_list_of_allowed_tools_is_said_where_it_is_known_and_else_offered_alone() -> None:
    tools = (TOOL, Tool(name="c", custom=True), Tool(name="g"))
    choice = ToolChoice("auto", allowed=("c", "f"))
    body, _ = encode(NEWER, tools=tools, tool_choice=choice)
    assert len(body["tools"]) == 3
    named = [{"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "c"}}]
    assert body["tool_choice"] == {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": named}}
    for target in (OPENAI, COMPATIBLE, msgspec.structs.replace(NEWER, compatible=True)):
        body, _ = encode(target, tools=tools, tool_choice=choice)
        assert (len(body["tools"]), body["tool_choice"]) == (2, "auto")


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ToolChoice("auto"), "auto"),
        (ToolChoice("any"), "required"),
        (ToolChoice("none"), "none"),
        (ToolChoice("tool", "f"), {"type": "function", "function": {"name": "f"}}),
        (ToolChoice("tool", "unknown"), {"type": "function", "function": {"name": "unknown"}}),
    ],
)
def test_tool_choice(choice: ToolChoice, expected: object) -> None:
    assert encode(tools=(TOOL,), tool_choice=choice)[0]["tool_choice"] == expected
    assert encode(tool_choice=choice, parallel_tool_calls=False) == ({}, ())


def test_a_custom_tool_is_chosen_as_one() -> None:
    body, _ = encode(
        tools=(Tool(name="c", custom=True),), tool_choice=ToolChoice("tool", "c"), parallel_tool_calls=True
    )
    assert body["tool_choice"] == {"type": "custom", "custom": {"name": "c"}}
    assert body["parallel_tool_calls"] is True


def test_output_format() -> None:
    schema = OutputSchema(schema={"type": "object"}, strict=True, description="d", name="spaced name")
    body, _ = encode(output_schema=schema)
    form = body["response_format"]["json_schema"]
    assert form == {"name": form["name"], "description": "d", "schema": {"type": "object"}, "strict": True}
    assert " " not in form["name"]
    body, _ = encode(output_schema=OutputSchema(schema={}))
    assert body["response_format"]["json_schema"] == {"name": "output", "schema": {}}
    assert encode(output_schema=OutputSchema())[0]["response_format"] == {"type": "json_object"}
    with pytest.raises(UnsupportedFeature):
        encode(Target(model="routed", profile=Profile(output_schema=False)), output_schema=schema)


def test_identity_fields() -> None:
    body, dropped = encode(user="u" * 65, session="s", service_tier="flex", verbosity="low")
    assert len(body.pop("user")) == 64
    assert body == {"prompt_cache_key": "s", "service_tier": "flex", "verbosity": "low"}
    assert dropped == ()
    body, dropped = encode(COMPATIBLE, user="u", session="s", service_tier="flex", verbosity="low")
    assert body == {"user": "u"}
    assert dropped == ("verbosity", "prompt_cache_key", "service_tier")
    assert encode(service_tier="standard_only") == ({}, ("service_tier",))


def test_a_stream_asks_for_its_usage() -> None:
    assert encode(stream=True)[0] == {"stream": True, "stream_options": {"include_usage": True}}


def test_everything_left_behind_is_named_once() -> None:
    marked = (Message("user", (Text("u", CacheMark()),)),)
    _, dropped = encode(messages=marked, tools=(msgspec.structs.replace(TOOL, cache=CacheMark()),), untranslated=("x",))
    assert dropped == ("x", "cache_control")


def test_the_same_request_gives_the_same_bytes() -> None:
    request = Request(model="asked", messages=(USER,), tools=(TOOL, Tool(name="g")), user="u", stop=("a", "b"))
    assert encode_request(request, OPENAI) == encode_request(request, OPENAI)


def test_a_request_of_this_dialect_survives_the_way_through_the_canonical_form() -> None:
    body = {
        "model": "routed",
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": [{"type": "text", "text": "u"}, {"type": "text", "text": "v"}]},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": "b"}'}}],
            },
            {"role": "tool", "tool_call_id": "1", "content": "r"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": TOOL.parameters, "strict": True}}],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "max_completion_tokens": 5,
        "stop": ["x"],
        "temperature": 0.5,
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
        "user": "me",
        "prompt_cache_key": "k",
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    encoded = encode_request(decode_request(msgspec.json.encode(body)), OPENAI)
    assert msgspec.json.decode(encoded.body) == body
    assert encoded.dropped == ()

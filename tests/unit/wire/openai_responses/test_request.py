from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.request import (
    CacheMark,
    Message,
    OutputSchema,
    Reasoning,
    Request,
    Text,
    Tool,
    ToolChoice,
)
from sekisho.canonical.target import Profile, Target
from sekisho.core.errors import MalformedRequest, UnsupportedFeature
from sekisho.wire.openai_responses.request import decode_request, encode_request

USER = (Message("user", (Text("hi"),)),)
GPT = Target(model="gpt-5.5", profile=Profile(openai_reasoning=True))
PLAIN = Target(model="gpt-4.1")


def decode(**fields: Any) -> Request:
    return decode_request(msgspec.json.encode({"model": "m", "input": "hi", **fields}))


def encode(target: Target = PLAIN, **fields: Any) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(
        encode_request(Request(model="asked", messages=USER, **fields), target).body
    )
    return body


def dropped(target: Target = PLAIN, **fields: Any) -> tuple[str, ...]:
    return encode_request(Request(model="asked", messages=USER, **fields), target).dropped


def test_the_least_request() -> None:
    assert decode() == Request(model="m", messages=USER)


def test_every_knob_is_read() -> None:
    schema = {"type": "object"}
    request = decode(
        stream=True,
        parallel_tool_calls=False,
        max_output_tokens=0,
        temperature=0,
        top_p=0.0,
        text={"verbosity": "low", "format": {"type": "json_schema", "name": "n", "schema": schema, "strict": True}},
        reasoning={"effort": "low", "summary": "auto"},
        include=["reasoning.encrypted_content"],
        prompt_cache_key="session",
        safety_identifier="user",
        service_tier="flex",
        store=False,
    )
    assert msgspec.structs.replace(request, echo={}) == Request(
        model="m",
        messages=USER,
        stream=True,
        include_usage=True,
        parallel_tool_calls=False,
        max_tokens=0,
        temperature=0,
        top_p=0.0,
        verbosity="low",
        output_schema=OutputSchema(name="n", schema=schema, strict=True),
        reasoning=Reasoning(effort="low", summary="auto"),
        include_encrypted_reasoning=True,
        session="session",
        user="user",
        service_tier="flex",
    )


def test_no_effort_is_no_thinking() -> None:
    assert decode(reasoning={"effort": "none"}).reasoning == Reasoning(enabled=False, effort="none")
    assert decode(reasoning={}).reasoning is None


@pytest.mark.parametrize(
    ("form", "schema"),
    [({"type": "text"}, None), ({"type": "json_object"}, OutputSchema()), (None, None)],
)
def test_other_formats(form: Any, schema: OutputSchema | None) -> None:
    assert decode(text={"format": form}).output_schema == schema


@pytest.mark.parametrize(
    "fields",
    [
        {"previous_response_id": "resp_1"},
        {"conversation": {"id": "conv_1"}},
        {"prompt": {"id": "pmpt_1"}},
        {"background": True},
        {"moderation": {"policy": {}}},
        {"text": {"format": {"type": "grammar"}}},
    ],
)
def test_state_on_the_providers_side_is_refused_by_name(fields: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        decode(**fields)
    assert (caught.value.info.param or "").startswith(next(iter(fields)))


def test_what_only_tunes_is_reported_by_name() -> None:
    request = decode(
        store=True,
        truncation="auto",
        top_logprobs=3,
        metadata={"a": "b"},
        client_metadata={"x": "y"},
        prompt_cache_retention="24h",
        reasoning={"effort": "low", "context": "all_turns"},
        include=["web_search_call.action.sources", "reasoning.encrypted_content"],
        tools=[{"type": "web_search"}],
        made_up=1,
    )
    assert sorted(request.untranslated) == sorted(
        [
            "store",
            "truncation",
            "top_logprobs",
            "metadata",
            "client_metadata",
            "prompt_cache_retention",
            "reasoning.context",
            "include.web_search_call.action.sources",
            "tools.web_search",
            "made_up",
        ]
    )


def test_defaults_and_nulls_need_no_report() -> None:
    request = decode(
        store=False, truncation="disabled", background=False, top_logprobs=0, metadata={}, conversation=None
    )
    assert request.untranslated == ()


@pytest.mark.parametrize(
    "fields",
    [
        {"model": None},
        {"model": 1},
        {"instructions": ["a"]},
        {"stream": "yes"},
        {"temperature": "0"},
        {"max_output_tokens": 1.5},
        {"tools": {}},
        {"include": "all"},
        {"text": "low"},
        {"reasoning": {"effort": 1}},
    ],
)
def test_wrong_types_are_named(fields: dict[str, Any]) -> None:
    with pytest.raises(MalformedRequest) as caught:
        decode(**fields)
    assert (caught.value.info.param or "").startswith(next(iter(fields)))


@given(st.binary(max_size=60))
def test_any_bytes_are_a_request_or_malformed(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        decode_request(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = ["input", "tools", "tool_choice", "text", "reasoning", "include", "metadata", "instructions", "echo", "user"]
TYPES = ["message", "function_call", "function_call_output", "reasoning", "additional_tools", "custom_tool_call"]
items = st.fixed_dictionaries(
    {"type": st.sampled_from(TYPES)},
    optional=dict.fromkeys(
        ("role", "content", "call_id", "name", "arguments", "output", "summary", "encrypted_content", "tools"),
        json_values,
    ),
)


@given(st.dictionaries(st.sampled_from(KEYS), json_values), st.lists(items, max_size=2) | st.just("hi"))
def test_any_json_decodes_or_is_refused(fields: dict[str, Any], value: Any) -> None:
    try:
        request = decode_request(msgspec.json.encode({"model": "m", "input": value, **fields}))
    except (MalformedRequest, UnsupportedFeature) as error:
        assert error.info.param  # noqa: PT017 - either way of ending is right
    else:
        assert encode_request(request, GPT).body


def test_the_least_body() -> None:
    assert encode() == {
        "model": "gpt-4.1",
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
        "store": False,
    }


def test_reasoning_models_give_their_thoughts_back_sealed() -> None:
    assert encode(GPT)["include"] == ["reasoning.encrypted_content"]
    assert "include" not in encode(PLAIN)


def test_a_list_of_allowed_tools_is_said_where_it_is_known_and_else_offered_alone() -> None:
    tools = (Tool(name="f"), Tool(name="c", custom=True), Tool(name="g"))
    asked = {"tools": tools, "tool_choice": ToolChoice("any", allowed=("c", "f"))}
    newer = Target(model="gpt-5", profile=Profile(openai_reasoning=True, allowed_tools=True))
    body = encode(newer, **asked)
    assert len(body["tools"]) == 3
    named = [{"type": "function", "name": "f"}, {"type": "custom", "name": "c"}]
    assert body["tool_choice"] == {"type": "allowed_tools", "mode": "required", "tools": named}
    spaced = {**asked, "tools": (*tools, Tool(name="h", namespace="n"))}
    for other in (encode(PLAIN, **asked), encode(newer, **spaced)):
        assert (len(other["tools"]), other["tool_choice"]) == (2, "required")


def test_zero_is_a_value() -> None:
    assert encode(temperature=0.0, top_p=0.0) | {"x": 1} == encode() | {"temperature": 0.0, "top_p": 0.0, "x": 1}
    assert encode(parallel_tool_calls=False, tools=(Tool(name="f"),))["parallel_tool_calls"] is False


def test_reasoning_models_take_no_sampling() -> None:
    assert "temperature" not in encode(GPT, temperature=1.0)
    assert dropped(GPT, temperature=1.0, top_p=0.5) == ("temperature", "top_p")


def test_what_the_api_cannot_say_is_reported() -> None:
    fields: dict[str, Any] = {"top_k": 1, "seed": 0, "stop": ("a",), "presence_penalty": 0.0, "frequency_penalty": 0.0}
    assert sorted(dropped(**fields, logprobs=False, top_logprobs=0, untranslated=("x",))) == sorted(
        ["top_k", "seed", "stop", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "x"]
    )
    assert encode(**fields) == encode()


@pytest.mark.parametrize(
    ("reasoning", "written"),
    [
        (Reasoning(effort="max"), {"effort": "max"}),
        (Reasoning(budget_tokens=1024), {"effort": "low", "summary": "auto"}),
        (Reasoning(budget_tokens=4096), {"effort": "low", "summary": "auto"}),
        (Reasoning(budget_tokens=8_000), {"effort": "medium", "summary": "auto"}),
        (Reasoning(budget_tokens=31_999), {"effort": "high", "summary": "auto"}),
        (Reasoning(adaptive=True), {"summary": "auto"}),
        (Reasoning(adaptive=True, effort="low", summary="detailed"), {"effort": "low", "summary": "detailed"}),
        (Reasoning(enabled=False, effort="none"), {"effort": "none"}),
    ],
)
def test_thinking_is_asked_for_in_this_apis_words(reasoning: Reasoning, written: dict[str, str]) -> None:
    assert encode(GPT, reasoning=reasoning)["reasoning"] == written
    assert dropped(GPT, reasoning=reasoning) == ()


def test_thinking_that_the_model_cannot_do_or_leave_is_reported() -> None:
    assert dropped(PLAIN, reasoning=Reasoning(effort="low")) == ("reasoning",)
    assert dropped(GPT, reasoning=Reasoning(enabled=False)) == ("reasoning",)


def test_formats_and_verbosity() -> None:
    assert encode(verbosity="low", output_schema=OutputSchema())["text"] == {
        "format": {"type": "json_object"},
        "verbosity": "low",
    }
    wanted = OutputSchema(name="n", description="d", schema={"type": "object"}, strict=False)
    assert encode(output_schema=wanted)["text"]["format"] == {
        "type": "json_schema",
        "name": "n",
        "description": "d",
        "schema": {"type": "object"},
        "strict": False,
    }
    assert encode(output_schema=OutputSchema(schema={}))["text"]["format"]["name"] == "answer"


def test_tools_and_the_choice_among_them() -> None:
    body = encode(tools=(Tool(name="f"),), tool_choice=ToolChoice("tool", "f"), parallel_tool_calls=True)
    assert body["tool_choice"] == {"type": "function", "name": "f"}
    assert body["parallel_tool_calls"] is True
    assert "parallel_tool_calls" not in encode(parallel_tool_calls=True, tool_choice=ToolChoice("auto"))
    assert dropped(tools=(Tool(name="f", cache=CacheMark()),)) == ("cache_control",)


def test_the_api_writes_no_less_than_sixteen_tokens() -> None:
    assert encode(max_tokens=1)["max_output_tokens"] == 16
    assert dropped(max_tokens=1) == ("max_tokens",)
    assert encode(max_tokens=16)["max_output_tokens"] == 16
    assert dropped(max_tokens=16) == ()


def test_identifiers_are_kept_or_hashed() -> None:
    body = encode(session="s" * 64, user="u" * 65)
    assert body["prompt_cache_key"] == "s" * 64
    assert len(body["safety_identifier"]) == 64
    assert (
        body["safety_identifier"]
        == encode(user="u" * 65)["safety_identifier"]
        != encode(user="u" * 66)["safety_identifier"]
    )


def test_tiers_of_others_are_reported() -> None:
    assert encode(service_tier="flex")["service_tier"] == "flex"
    assert dropped(service_tier="standard_only") == ("service_tier",)


def test_imitations_have_no_developer() -> None:
    request = Request(model="m", messages=(*USER, Message("system", (Text("a"),))))
    body = msgspec.json.decode(encode_request(request, Target(model="m", compatible=True)).body)
    assert [item["role"] for item in body["input"]] == ["user", "system"]


def test_a_stream_is_asked_for() -> None:
    assert encode(stream=True)["stream"] is True
    assert "stream" not in encode()


CODEX = {
    "model": "gpt-5.5",
    "stream": True,
    "store": False,
    "instructions": "Be brief.",
    "input": [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
        {"type": "function_call", "call_id": "c1", "name": "shell", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "ok"},
    ],
    "tools": [
        {"type": "function", "name": "shell", "description": "d", "parameters": {"type": "object"}, "strict": False},
        {"type": "custom", "name": "patch", "description": "p"},
        {"type": "namespace", "name": "n", "description": "", "tools": [{"type": "custom", "name": "exec"}]},
    ],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "reasoning": {"effort": "medium"},
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "k",
    "text": {"verbosity": "low"},
}


def test_a_request_comes_back_as_it_was() -> None:
    assert msgspec.json.decode(encode_request(decode_request(msgspec.json.encode(CODEX)), GPT).body) == CODEX


def test_the_same_request_gives_the_same_bytes() -> None:
    first, second = (encode_request(decode_request(msgspec.json.encode(CODEX)), GPT).body for _ in range(2))
    assert first == second

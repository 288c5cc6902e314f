from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.request import CacheMark, OutputSchema, Reasoning, Request, Tool, ToolChoice
from sekisho.core.errors import MalformedRequest, UnsupportedFeature
from sekisho.wire.openai_chat.decode_request import decode_request

FUNCTION = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}


def decode(**fields: Any) -> Request:
    body = {"model": "m", "messages": [{"role": "user", "content": "u"}], **fields}
    return decode_request(msgspec.json.encode(body))


def test_zero_is_a_value() -> None:
    request = decode(temperature=0, top_p=0.0, max_tokens=0, seed=0, presence_penalty=0, top_k=0, top_logprobs=0)
    assert (request.temperature, request.top_p, request.max_tokens, request.seed) == (0, 0, 0, 0)
    assert (request.presence_penalty, request.top_k, request.top_logprobs) == (0, 0, 0)


def test_what_is_absent_or_null_is_none() -> None:
    for request in (decode(), decode(temperature=None, tools=None, tool_choice=None, stop=None, stream=None)):
        assert request == Request(model="m", messages=request.messages)


def test_the_newer_limit_wins() -> None:
    assert decode(max_tokens=5, max_completion_tokens=7).max_tokens == 7
    assert decode(max_tokens=5).max_tokens == 5


def test_stop_is_a_text_or_a_list() -> None:
    assert decode(stop="x").stop == ("x",)
    assert decode(stop=["x", "y"]).stop == ("x", "y")


def test_tools_of_both_kinds() -> None:
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /a/"}}
    request = decode(
        tools=[
            {**FUNCTION, "cache_control": {"type": "ephemeral"}},
            {"type": "function", "function": {"name": "g", "strict": True, "input_schema": {"type": "object"}}},
            {"type": "custom", "custom": {"name": "c", "format": grammar}},
            {"type": "custom", "custom": {"name": "t", "description": "free", "format": {"type": "text"}}},
        ]
    )
    assert request.tools == (
        Tool(name="f", description="d", parameters={"type": "object"}, cache=CacheMark()),
        Tool(name="g", parameters={"type": "object"}, strict=True),
        Tool(name="c", custom=True, format={"type": "grammar", "syntax": "lark", "definition": "start: /a/"}),
        Tool(name="t", description="free", custom=True, format={"type": "text"}),
    )


@pytest.mark.parametrize(
    ("given_choice", "expected"),
    [
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("any")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("tool", "f")),
        ({"type": "custom", "custom": {"name": "f"}}, ToolChoice("tool", "f")),
    ],
)
def test_tool_choice(given_choice: object, expected: ToolChoice) -> None:
    assert decode(tools=[FUNCTION], tool_choice=given_choice).tool_choice == expected


def test_an_allow_list_is_a_choice_among_all_tools() -> None:
    other = {"type": "function", "function": {"name": "g"}}
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "g"}}]}
    request = decode(tools=[FUNCTION, other], tool_choice={"type": "allowed_tools", "allowed_tools": allowed})
    assert [tool.name for tool in request.tools] == ["f", "g"]
    assert request.tool_choice == ToolChoice("any", allowed=("g",))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"reasoning_effort": "high"}, Reasoning(effort="high")),
        ({"reasoning_effort": "none"}, Reasoning(enabled=False, effort="none")),
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, Reasoning(budget_tokens=2048)),
        ({"thinking": {"type": "disabled"}}, Reasoning(enabled=False)),
        ({"thinking": {"type": "adaptive"}}, Reasoning(adaptive=True)),
        ({"reasoning": {"max_tokens": 900}}, Reasoning(budget_tokens=900)),
        ({"reasoning": {"effort": "low", "enabled": True}}, Reasoning(effort="low")),
    ],
)
def test_reasoning_in_three_vendors_words(fields: dict[str, Any], expected: Reasoning) -> None:
    assert decode(**fields).reasoning == expected


def test_structured_output() -> None:
    schema = {"name": "n", "description": "d", "schema": {"type": "object"}, "strict": True}
    assert decode(response_format={"type": "json_schema", "json_schema": schema}).output_schema == OutputSchema(
        name="n", description="d", schema={"type": "object"}, strict=True
    )
    assert decode(response_format={"type": "json_object"}).output_schema == OutputSchema()
    assert decode(response_format={"type": "text"}).output_schema is None


def test_the_rest_of_the_knobs() -> None:
    request = decode(
        user="u",
        safety_identifier="s",
        prompt_cache_key="k",
        service_tier="flex",
        verbosity="low",
        parallel_tool_calls=False,
        logprobs=True,
        stream=True,
        stream_options={"include_usage": True},
        modalities=["text"],
        n=1,
    )
    assert (request.user, request.session, request.service_tier, request.verbosity) == ("s", "k", "flex", "low")
    assert (request.parallel_tool_calls, request.logprobs, request.stream, request.include_usage) == (
        False,
        True,
        True,
        True,
    )
    assert request.untranslated == ()


def test_tuning_that_only_this_dialect_knows_is_reported_and_the_gateways_own_fields_are_not() -> None:
    request = decode(logit_bias={"50256": -100}, store=True, metadata={"a": "b"}, min_p=0.1, tags=["x"], num_retries=2)
    assert request.untranslated == ("logit_bias", "store", "metadata", "min_p")
    messages = [{"role": "user", "content": "u", "name": "ann"}]
    assert decode(messages=messages, logit_bias=None, metadata={}).untranslated == ("messages.name",)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"function_call": "auto"}, "function_call"),
        ({"n": 2}, "n"),
        ({"audio": {"voice": "alloy"}}, "audio"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"prediction": {"type": "content", "content": "x"}}, "prediction"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"moderation": {"model": "omni"}}, "moderation"),
        ({"tools": [FUNCTION, {"type": "web_search"}]}, "tools.1"),
        ({"response_format": {"type": "grammar"}}, "response_format"),
    ],
)
def test_what_has_no_equivalent_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        decode(**fields)
    assert caught.value.info.param == param


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"n": 0}, "n"),
        ({"tool_choice": "maybe"}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice"),
        ({"tools": [{"type": "function"}]}, "tools.0.function"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.schema"),
        ({"temperature": "hot"}, "temperature"),
    ],
)
def test_what_is_malformed_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        decode(**fields)
    assert caught.value.info.param == param


_scalars = (
    st.none() | st.booleans() | st.integers(-9, 2**70) | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
_json = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_words = st.sampled_from(
    [
        "role",
        "content",
        "type",
        "text",
        "tool_calls",
        "id",
        "function",
        "name",
        "user",
        "assistant",
        "tool",
        "image_url",
    ]
)
_near_messages = st.lists(
    st.dictionaries(_words, _words | _json | st.lists(st.dictionaries(_words, _words | _json), max_size=2), max_size=5),
    max_size=3,
)
_fields = st.sampled_from(
    ["tools", "tool_choice", "stop", "n", "response_format", "reasoning", "thinking", "temperature", "stream_options"]
)


@given(_near_messages, st.dictionaries(_fields, _json, max_size=3))
def test_any_json_decodes_or_is_refused(messages: list[Any], fields: dict[str, Any]) -> None:
    try:
        body = msgspec.json.encode({"model": "m", "messages": messages, **fields})
    except (OverflowError, UnicodeEncodeError):
        return
    try:
        request = decode_request(body)
    except (MalformedRequest, UnsupportedFeature):
        return
    assert request.model == "m"


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_politely(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        decode_request(body)

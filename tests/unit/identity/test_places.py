from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.identity.places import PLACES, read_opening, read_tool_names
from sekisho.wire.json_edit import JsonObject


def values(**body: Any) -> dict[str, msgspec.Raw]:
    return JsonObject(msgspec.json.encode(body)).values


SYSTEM = {
    "anthropic string": ("anthropic-messages", {"system": "S"}),
    "anthropic blocks": ("anthropic-messages", {"system": [{"type": "text", "text": "S"}]}),
    "chat system": ("openai-chat", {"messages": [{"role": "system", "content": "S"}]}),
    "chat developer": ("openai-chat", {"messages": [{"role": "developer", "content": [{"text": "S"}]}]}),
    "responses instructions": ("openai-responses", {"instructions": "S", "input": "hi"}),
    "responses developer": (
        "openai-responses",
        {"input": [{"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "S"}]}]},
    ),
    "responses after additional tools": (
        "openai-responses",
        {
            "input": [
                {"type": "additional_tools", "role": "developer", "tools": []},
                {"role": "developer", "content": "S"},
            ]
        },
    ),
    "converse": ("bedrock-converse", {"system": [{"text": "S"}, {"cachePoint": {"type": "default"}}]}),
    "gemini": ("gemini-generate", {"systemInstruction": {"parts": [{"text": "S"}]}}),
    "gemini, snake case": ("gemini-generate", {"system_instruction": {"role": "user", "parts": [{"text": "S"}]}}),
}


@pytest.mark.parametrize(("dialect", "body"), SYSTEM.values(), ids=SYSTEM)
def test_the_system_prompt_is_found_in_every_form(dialect: str, body: dict[str, Any]) -> None:
    opening = read_opening(values(**body), PLACES[dialect], with_turns=False)
    assert [text for _, text in opening.system] == ["S"]
    assert all(key in body for key, _ in opening.system)


USER = {
    "anthropic": (
        "anthropic-messages",
        {"messages": [{"role": "user", "content": [{"text": "U"}, {"type": "image"}]}]},
    ),
    "chat": ("openai-chat", {"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]}),
    "responses": ("openai-responses", {"input": [{"role": "user", "content": [{"text": "U"}]}]}),
    "responses string": ("openai-responses", {"input": "U"}),
    "converse": ("bedrock-converse", {"messages": [{"role": "user", "content": [{"text": "U"}]}]}),
    "gemini": ("gemini-generate", {"contents": [{"role": "user", "parts": [{"text": "U"}]}]}),
}


@pytest.mark.parametrize(("dialect", "body"), USER.values(), ids=USER)
def test_the_first_turn_of_the_user_is_read_and_no_later_one(dialect: str, body: dict[str, Any]) -> None:
    key = PLACES[dialect].turns
    later = {"role": "user", "content": "later", "parts": [{"text": "later"}]}
    more = body if isinstance(body[key], str) else body | {key: [*body[key], later]}
    assert read_opening(values(**more), PLACES[dialect], with_turns=True).user == ["U"]


def test_turns_are_left_alone_where_the_system_prompt_has_its_own_key() -> None:
    body = values(system="S", messages=[{"role": "user", "content": "U"}])
    assert read_opening(body, PLACES["anthropic-messages"], with_turns=False).user == []


TOOLS = {
    "anthropic": ("anthropic-messages", {"tools": [{"name": "a"}, {"type": "bash_20250124", "name": "b"}]}),
    "chat": (
        "openai-chat",
        {"tools": [{"type": "function", "function": {"name": "a"}}, {"type": "custom", "custom": {"name": "b"}}]},
    ),
    "responses": (
        "openai-responses",
        {"tools": [{"type": "function", "name": "a"}, {"type": "namespace", "name": "n", "tools": [{"name": "b"}]}]},
    ),
    "converse": ("bedrock-converse", {"toolConfig": {"tools": [{"toolSpec": {"name": n}} for n in "ab"]}}),
    "gemini": ("gemini-generate", {"tools": [{"functionDeclarations": [{"name": "a"}, {"name": "b"}]}]}),
}


@pytest.mark.parametrize(("dialect", "body"), TOOLS.values(), ids=TOOLS)
def test_tool_names_are_found_in_every_form(dialect: str, body: dict[str, Any]) -> None:
    assert read_tool_names(values(**body), PLACES[dialect]) == {"a", "b"}


def test_tools_that_stand_among_the_input_are_found_with_it() -> None:
    tools = [{"type": "namespace", "name": "functions", "tools": [{"type": "custom", "name": "exec"}]}]
    item = {"type": "additional_tools", "role": "developer", "tools": tools}
    opening = read_opening(values(input=[item]), PLACES["openai-responses"], with_turns=False)
    assert opening.tool_names == {"exec"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["role", "content", "text", "parts", "tools", "name", "function"]), inner)
    ),
    max_leaves=20,
)


@given(st.sampled_from(sorted(PLACES)), json_values)
def test_any_value_in_any_place_gives_an_answer(dialect: str, value: object) -> None:
    places = PLACES[dialect]
    body = values(**dict.fromkeys((*places.system, places.turns, places.tools), value))
    assert read_opening(body, places, with_turns=True) is not None
    assert all(isinstance(name, str) for name in read_tool_names(body, places))

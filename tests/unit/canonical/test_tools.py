from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.request import Request, Tool, ToolCall
from sekisho.canonical.tools import (
    LEGAL,
    ToolNames,
    custom_input,
    custom_schema,
    json_object,
    legal_name,
    tool_description,
    tool_input,
    wire_name,
    wire_names,
)

tools = st.lists(
    st.builds(Tool, name=st.text(min_size=1, max_size=70), namespace=st.none() | st.sampled_from(["a", "b"])),
    max_size=6,
)


@given(tools)
def test_every_wire_name_is_legal_and_stable(offered: list[Tool]) -> None:
    names = wire_names(tuple(offered))
    assert all(LEGAL.fullmatch(name) for name in names)
    assert names == wire_names(tuple(offered))


@given(st.text(max_size=100))
def test_a_legal_name_stays(name: str) -> None:
    assert LEGAL.fullmatch(legal_name(name))
    assert legal_name(legal_name(name)) == legal_name(name)


def test_same_names_of_two_namespaces_stay_apart() -> None:
    offered = (
        Tool(name="send", namespace="mail"),
        Tool(name="send", namespace="chat"),
        Tool(name="exec", namespace="functions"),
    )
    assert list(wire_names(offered)) == ["mail__send", "chat__send", "exec"]
    request = Request(model="m", messages=(), tools=offered)
    assert wire_name(request, "send", "chat") == "chat__send"
    assert wire_name(request, "gone.now", None) == legal_name("gone.now")


def test_a_custom_tool_is_one_string() -> None:
    assert custom_schema()["required"] == ["input"]
    assert custom_input({"input": "ls"}) == "ls"
    assert custom_input({"input": 3}) == ""


def test_names_of_calls_and_of_the_tool_asked_for() -> None:
    offered = (Tool(name="run", namespace="a"), Tool(name="run", namespace="b"), Tool(name="look"))
    names = ToolNames(Request(model="m", messages=(), tools=offered))
    assert (names.of("run", "b"), names.of("look"), names.of("gone.now")) == ("b__run", "look", legal_name("gone.now"))
    assert (names.wanted("run"), names.wanted("b__run"), names.wanted("gone")) == ("a__run", "b__run", "gone")


def test_a_description_tells_the_grammar_of_free_text() -> None:
    form = {"type": "grammar", "syntax": "lark", "definition": "start: WORD"}
    told = tool_description(Tool(name="patch", description="Patches.", custom=True, format=form))
    assert told == "Patches.\n\nThe input follows this lark grammar:\nstart: WORD"
    assert tool_description(Tool(name="patch", description="Patches.")) == "Patches."


@pytest.mark.parametrize("arguments", ["", "null", "[1]", "{", "{'a': 1}", '"text"', '{"a":1}{}'])
def test_arguments_that_are_no_object_become_empty(arguments: str) -> None:
    assert bytes(json_object(arguments)) == b"{}"


@given(st.text())
def test_free_text_is_wrapped_whole(text: str) -> None:
    made = tool_input(ToolCall(id="t", name="n", arguments=text, custom=True))
    assert msgspec.json.decode(made) == {"input": text}


@given(st.text())
def test_any_arguments_become_an_object(text: str) -> None:
    assert isinstance(msgspec.json.decode(json_object(text)), dict)

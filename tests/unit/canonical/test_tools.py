from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.request import Request, Tool, ToolCall, ToolChoice
from sekisho.canonical.tools import (
    LEGAL,
    ToolNames,
    callable_tools,
    custom_input,
    custom_schema,
    json_object,
    legal_name,
    narrowed,
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


@pytest.mark.parametrize(
    ("allowed", "told", "offered", "left"),
    [
        (None, False, "abc", None),
        (("c", "a"), False, "ac", None),
        (("c", "a"), True, "abc", ("c", "a")),
        (("a", "b", "c"), True, "abc", None),
        (("x",), True, "", None),
        ((), True, "", None),
    ],
    ids=["all", "some", "told", "told of all", "told of others", "told of none"],
)
def test_only_some_tools_may_be_called(
    allowed: tuple[str, ...] | None, offered: str, left: tuple[str, ...] | None, *, told: bool
) -> None:
    tools = tuple(Tool(name=name) for name in "abc")
    request = Request(model="m", messages=(), tools=tools, tool_choice=ToolChoice("any", allowed=allowed))
    less = narrowed(request, told=told)
    assert "".join(tool.name for tool in less.tools) == offered
    assert less.tool_choice == ToolChoice("any", allowed=left)
    assert callable_tools(less) == callable_tools(request)


def test_without_a_choice_all_tools_may_be_called() -> None:
    request = Request(model="m", messages=(), tools=(Tool(name="a"),))
    assert narrowed(request, told=False) is request
    assert callable_tools(request) == request.tools


@given(tools, st.lists(st.text(min_size=1, max_size=3)))
def test_a_narrowed_request_names_its_tools_as_the_whole_one_does(offered: list[Tool], allowed: list[str]) -> None:
    names = allowed + [tool.name for tool in offered[::2]]
    choice = ToolChoice("auto", allowed=tuple(names))
    whole = Request(model="m", messages=(), tools=tuple(offered), tool_choice=choice)
    assert wire_names(narrowed(whole, told=False).tools).items() <= wire_names(whole.tools).items()

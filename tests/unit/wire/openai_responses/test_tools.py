from __future__ import annotations

from typing import Any

import pytest

from sekisho.canonical.request import Request, Tool, ToolChoice
from sekisho.core.errors import MalformedRequest, UnsupportedFeature
from sekisho.wire.openai_responses.fields import Node
from sekisho.wire.openai_responses.tools import Names, Toolbox, read_choice, write_choice, write_tools

SHELL = {"type": "function", "name": "shell", "description": "Runs.", "parameters": {"type": "object"}, "strict": False}
PATCH = {"type": "custom", "name": "patch", "format": {"type": "grammar", "syntax": "lark", "definition": "start: A"}}


def read(*tools: dict[str, Any]) -> Toolbox:
    toolbox = Toolbox()
    toolbox.read(Node({"tools": list(tools)}).children("tools"))
    return toolbox


def choose(value: Any, toolbox: Toolbox) -> ToolChoice | None:
    return read_choice(Node({"tool_choice": value}), toolbox)


def test_functions_custom_tools_and_namespaces_are_read() -> None:
    toolbox = read(
        SHELL, PATCH, {"type": "namespace", "name": "clock", "tools": [{"type": "function", "name": "sleep"}]}
    )
    assert tuple(toolbox.tools.values()) == (
        Tool(name="shell", description="Runs.", parameters={"type": "object"}, strict=False),
        Tool(name="patch", custom=True, format=PATCH["format"]),  # type: ignore[arg-type]
        Tool(name="sleep", namespace="clock"),
    )


def test_the_later_definition_of_the_same_tool_counts_and_keeps_its_place() -> None:
    toolbox = read(SHELL, PATCH, {**SHELL, "description": "New."})
    assert [(tool.name, tool.description) for tool in toolbox.tools.values()] == [("shell", "New."), ("patch", None)]


@pytest.mark.parametrize("kind", ["web_search", "web_search_preview_2025_03_11", "tool_search", "image_generation"])
def test_a_hosted_tool_that_is_merely_offered_is_reported(kind: str) -> None:
    assert list(read({"type": kind}).offered) == [f"tools.{kind}"]


@pytest.mark.parametrize("kind", ["mcp", "file_search", "code_interpreter", "computer_use_preview", "local_shell"])
def test_a_hosted_tool_with_access_is_refused_by_name(kind: str) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        read({"type": kind})
    assert caught.value.info.param == f"tools.{kind}"


@pytest.mark.parametrize(
    ("value", "choice"),
    [
        (None, None),
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("any")),
        ({"type": "function", "name": "shell"}, ToolChoice("tool", "shell")),
        ({"type": "custom", "name": "patch"}, ToolChoice("tool", "patch")),
    ],
)
def test_choices(value: Any, choice: ToolChoice | None) -> None:
    assert choose(value, read(SHELL, PATCH)) == choice


def test_allowed_tools_are_a_choice_among_all() -> None:
    toolbox = read(SHELL, PATCH)
    value = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "custom", "name": "patch"}]}
    assert choose(value, toolbox) == ToolChoice("any", allowed=("patch",))
    assert [tool.name for tool in toolbox.tools.values()] == ["shell", "patch"]


@pytest.mark.parametrize(
    "value", [{"type": "web_search"}, {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp"}]}]
)
def test_a_forced_hosted_tool_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedFeature):
        choose(value, read(SHELL))


def test_forcing_one_of_hosted_tools_alone_is_refused() -> None:
    with pytest.raises(UnsupportedFeature):
        choose("required", read({"type": "web_search"}))
    assert choose("required", read()) == ToolChoice("any")


@pytest.mark.parametrize("value", ["any", 1, {"type": "function"}, {"type": 3}])
def test_a_malformed_choice_is_named(value: Any) -> None:
    with pytest.raises(MalformedRequest) as caught:
        choose(value, read(SHELL))
    assert (caught.value.info.param or "").startswith("tool_choice")


def test_going_out_strict_is_always_said_and_parameters_are_always_there() -> None:
    tools = (Tool(name="a"), Tool(name="b", strict=True), Tool(name="c", parameters={"type": "object"}, strict=None))
    assert write_tools(tools, Names(tools)) == [
        {"type": "function", "name": "a", "parameters": {"type": "object", "properties": {}}, "strict": False},
        {
            "type": "function",
            "name": "b",
            "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
            "strict": True,
        },
        {"type": "function", "name": "c", "parameters": {"type": "object"}, "strict": False},
    ]


def test_custom_tools_and_namespaces_go_out_as_they_are() -> None:
    tools = tuple(read(PATCH, {"type": "namespace", "name": "n", "tools": [SHELL, PATCH]}).tools.values())
    written = write_tools(tools, Names(tools))
    assert [tool["type"] for tool in written] == ["custom", "namespace"]
    assert written[0]["format"] == PATCH["format"]
    assert [tool["name"] for tool in written[1]["tools"]] == ["shell", "patch"]


def test_a_name_that_the_api_refuses_has_a_stable_stand_in() -> None:
    tools = (Tool(name="server.tool"),)
    names = Names(tools)
    assert names.of("server.tool", None) == write_tools(tools, names)[0]["name"] != "server.tool"


def written_choice(choice: ToolChoice, *tools: Tool) -> Any:
    return write_choice(Request(model="m", messages=(), tools=tools, tool_choice=choice), Names(tools))


def test_choices_going_out() -> None:
    tools = (Tool(name="f"), Tool(name="c", custom=True))
    assert written_choice(ToolChoice("any"), *tools) == "required"
    assert written_choice(ToolChoice("tool", "f"), *tools) == {"type": "function", "name": "f"}
    assert written_choice(ToolChoice("tool", "c"), *tools) == {"type": "custom", "name": "c"}
    assert written_choice(ToolChoice("tool", "gone"), *tools) == {"type": "function", "name": "gone"}


def test_without_tools_there_is_no_choice() -> None:
    assert written_choice(ToolChoice("none")) is None

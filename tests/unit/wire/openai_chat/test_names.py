from __future__ import annotations

import pytest

from sekisho.canonical.request import Request, Tool, ToolCall
from sekisho.canonical.tools import wire_names
from sekisho.wire.openai_chat.names import CallerTools, free_text

REQUEST = Request(
    model="m", messages=(), tools=(Tool(name="a tool with spaces"), Tool(name="free", custom=True), Tool(name="f"))
)
TOOLS = CallerTools(REQUEST)
WIRE = next(iter(wire_names(REQUEST.tools)))


def test_names_find_their_way_back() -> None:
    assert WIRE != "a tool with spaces"
    assert TOOLS.name(WIRE) == "a tool with spaces"
    assert TOOLS.name("unheard of") == "unheard of"


def test_function_calls() -> None:
    assert TOOLS.call_body(ToolCall(id="1", name=WIRE, arguments="")) == {
        "id": "1",
        "type": "function",
        "function": {"name": "a tool with spaces", "arguments": "{}"},
    }


@pytest.mark.parametrize(
    "call",
    [
        ToolCall(id="1", name="free", arguments='{"input":"say \\"hi\\""}'),
        ToolCall(id="1", name="free", arguments='say "hi"', custom=True),
    ],
)
def test_a_custom_tool_comes_back_as_a_custom_call(call: ToolCall) -> None:
    expected = {"id": "1", "type": "custom", "custom": {"name": "free", "input": 'say "hi"'}}
    assert TOOLS.call_body(call) == expected
    assert TOOLS.travels_as_function("free", custom=call.custom) is not call.custom


@pytest.mark.parametrize(
    ("arguments", "text"), [('{"input":"x"}', "x"), ("not json", "not json"), ("[1]", "[1]"), ("{}", ""), ("", "")]
)
def test_free_text(arguments: str, text: str) -> None:
    assert free_text(arguments) == text

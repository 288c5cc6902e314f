from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.request import Request, Tool
from sekisho.canonical.tools import LEGAL, custom_input, custom_schema, legal_name, wire_name, wire_names

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

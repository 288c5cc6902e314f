from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from sekisho.canonical.request import (
    CacheMark,
    Message,
    Part,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from sekisho.canonical.target import Target
from sekisho.core.errors import MalformedRequest
from sekisho.wire.thoughts import is_claudes
from sekisho.wire.turns import OPENING, UNANSWERED, Turn, check_ending, must_not_think, turns_of
from tests.unit.wire.anthropic_messages.samples import said


def call(name: str) -> ToolCall:
    return ToolCall(id=name, name="look", arguments="{}")


def result(name: str, text: str = "done") -> ToolResult:
    return ToolResult(call_id=name, parts=(Text(text),))


SIGNED = Thinking(text="Hm.", signature="s", origin="anthropic")
FOREIGN = Thinking(text="Hm.", signature="s", origin="openai")


def turns(*messages: Message) -> tuple[list[Turn], list[str]]:
    notes: list[str] = []
    return turns_of(messages, notes, is_claudes), notes


def test_neighbours_of_one_role_become_one_turn() -> None:
    got, notes = turns(said("user", "a"), said("system", "b"), said("user", "c"), said("assistant", "d"))
    assert got == [Turn("user", [Text("a"), Text("b"), Text("c")]), Turn("assistant", [Text("d")])]
    assert notes == []


def test_results_come_first_in_their_own_order() -> None:
    got, notes = turns(
        said("user", "go"),
        said("assistant", call("a"), call("b")),
        said("user", "meanwhile", result("b")),
        said("user", result("a"), "and?"),
    )
    assert got[-1].parts == [result("b"), result("a"), Text("meanwhile"), Text("and?")]
    assert notes == []


def test_an_orphan_result_becomes_text() -> None:
    got, notes = turns(said("user", result("gone", "42")))
    assert got == [Turn("user", [Text("Result of the tool call 'gone':"), Text("42")])]
    assert notes == ["messages.orphan_tool_result"]


def test_a_second_result_for_one_call_becomes_text() -> None:
    got, notes = turns(said("user", "go"), said("assistant", call("a")), said("user", result("a"), result("a", "x")))
    assert [type(part) for part in got[-1].parts] == [ToolResult, Text, Text]
    assert notes == ["messages.orphan_tool_result"]


def test_an_unanswered_call_gets_an_error() -> None:
    error = ToolResult(call_id="a", parts=(Text(UNANSWERED),), is_error=True)
    got, notes = turns(said("user", "go"), said("assistant", call("a")), said("user", "never mind"))
    assert got[-1].parts == [error, Text("never mind")]
    at_the_end, _ = turns(said("user", "go"), said("assistant", call("a")))
    assert at_the_end[-1] == Turn("user", [error])
    assert notes == ["messages.unanswered_tool_call"]


def test_the_user_opens() -> None:
    got, notes = turns(said("assistant", "Hello"))
    assert got == [Turn("user", [Text(OPENING)]), Turn("assistant", [Text("Hello")])]
    assert turns()[0] == [Turn("user", [Text(OPENING)])]
    assert notes == ["messages.first_turn"]


def test_a_conversation_in_which_nothing_is_said_is_refused() -> None:
    """Words of the gateway's own would be answered instead."""
    for said_all in ([said("user", "")], [said("user", " \n"), said("assistant", FOREIGN)], [said("user")]):
        with pytest.raises(MalformedRequest, match="Every message is empty"):
            turns(*said_all)


def test_blank_text_and_foreign_thoughts_stay_behind() -> None:
    got, notes = turns(
        said("user", "a", " \n"),
        said("assistant", FOREIGN, Thinking(text="unsigned"), ""),
        said("assistant", Thinking(text="")),
        said("user", "b"),
    )
    assert got == [Turn("user", [Text("a"), Text("b")])]
    assert notes == ["messages.thinking", "messages.thinking"]


def test_claudes_thoughts_are_not_touched() -> None:
    thoughts: tuple[Part, ...] = (SIGNED, RedactedThinking("r"), Thinking(text="", signature="t", origin="anthropic"))
    got, notes = turns(said("user", "a"), said("assistant", *thoughts, Refusal("No.")))
    assert (got[1].parts, notes) == ([*thoughts, Refusal("No.")], [])


def test_ids_are_legal_and_unique_and_found_again() -> None:
    got, _ = turns(
        said("user", "go"),
        said("assistant", call("call.0|x"), call("call.0|x")),
        said("user", result("call.0|x", "1"), result("call.0|x", "2")),
        said("assistant", call("call.0|x")),
        said("user", result("call.0|x", "3")),
    )
    ids = [part.id for turn in got for part in turn.parts if isinstance(part, ToolCall)]
    answered = [part.call_id for turn in got for part in turn.parts if isinstance(part, ToolResult)]
    assert ids == answered
    assert len(set(ids)) == 3
    assert all(len(name) <= 64 and name.replace("_", "").isalnum() for name in ids)


@pytest.mark.parametrize("last", [Text("so ", CacheMark()), Refusal("so\r\n")])
def test_a_last_word_that_is_continued_ends_in_no_white_space(last: Text | Refusal) -> None:
    got, _ = turns(said("user", "a"), said("assistant", last))
    check_ending(got, Target(model="m"), "bedrock-converse")
    assert got[-1].parts[-1] == msgspec.structs.replace(last, text="so")


def test_when_a_budget_for_thinking_would_be_refused() -> None:
    def refused(*messages: Message) -> bool:
        return must_not_think(turns(*messages)[0])

    start, loop = said("user", "go"), said("assistant", call("a"))
    assert not refused(start)
    assert refused(start, loop, said("user", result("a")))
    assert not refused(start, said("assistant", SIGNED, call("a")), said("user", result("a")))
    assert not refused(start, loop, said("user", result("a")), said("assistant", "done"), said("user", "next"))
    later = (said("assistant", call("b")), said("user", result("b")))
    assert not refused(start, said("assistant", SIGNED, call("a")), said("user", result("a")), *later)
    assert refused(start, said("assistant", "The answer is"))


PARTS = st.one_of(
    st.sampled_from(["a", "b", ""]).map(Text),
    st.sampled_from(["a", "b", "c|d"]).map(call),
    st.sampled_from(["a", "b", "c|d"]).map(result),
    st.sampled_from([SIGNED, FOREIGN, RedactedThinking("r")]),
)
MESSAGES = st.lists(
    st.one_of(
        st.builds(
            lambda parts: said("user", *parts), st.lists(PARTS.filter(lambda p: isinstance(p, (Text, ToolResult))))
        ),
        st.builds(
            lambda parts: said("assistant", *parts), st.lists(PARTS.filter(lambda p: not isinstance(p, ToolResult)))
        ),
        st.builds(lambda text: said("system", text), st.sampled_from(["x", ""])),
    ),
    max_size=8,
)


@given(MESSAGES)
def test_any_conversation_becomes_one_that_the_api_takes(messages: list[Message]) -> None:
    try:
        got, _ = turns(*messages)
    except MalformedRequest:
        reject()
    assert [turn.role for turn in got] == [("user", "assistant")[at % 2] for at in range(len(got))]
    assert all(turn.parts for turn in got)
    open_calls: list[str] = []
    for turn in got:
        answers = [part.call_id for part in turn.parts if isinstance(part, ToolResult)]
        assert sorted(answers) == sorted(open_calls)
        assert all(isinstance(part, ToolResult) for part in turn.parts[: len(answers)])
        open_calls = [part.id for part in turn.parts if isinstance(part, ToolCall)]
    assert open_calls == []


@given(MESSAGES, MESSAGES)
def test_a_longer_conversation_begins_with_the_same_turns(first: list[Message], more: list[Message]) -> None:
    whole = [said("user", "go"), *first, said("assistant", "so far"), said("user", "on")]
    short, longer = turns(*whole)[0], turns(*whole, *more)[0]
    assert longer[: len(short) - 1] == short[:-1]

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.request import Message, Part, Text, ToolCall, ToolResult
from sekisho.wire.openai_chat.answers import pair


def call(name: str) -> ToolCall:
    return ToolCall(id=name, name="f", arguments="{}")


def result(name: str) -> ToolResult:
    return ToolResult(call_id=name, parts=(Text(name),))


def test_results_keep_their_own_order() -> None:
    messages = (Message("assistant", (call("a"), call("b"))), Message("user", (result("b"), result("a"))))
    answers, used = pair(messages)
    assert [part.call_id for part in answers[0].results] == ["b", "a"]
    assert answers[0].unanswered == []
    assert used == {(1, 0), (1, 1)}


def test_a_result_before_its_call_answers_nothing() -> None:
    answers, used = pair((Message("user", (result("a"),)), Message("assistant", (call("a"),))))
    assert answers[1].unanswered == ["a"]
    assert used == set()


def test_a_late_result_is_found() -> None:
    messages = (
        Message("assistant", (call("a"),)),
        Message("assistant", (Text("meanwhile"),)),
        Message("user", (Text("well?"), result("a"))),
    )
    answers, used = pair(messages)
    assert [part.call_id for part in answers[0].results] == ["a"]
    assert used == {(2, 1)}


def test_ids_used_again_are_paired_in_order() -> None:
    first, second = (ToolResult(call_id="a", parts=(Text(text),)) for text in ("1", "2"))
    messages = (
        Message("assistant", (call("a"),)),
        Message("user", (first,)),
        Message("assistant", (call("a"),)),
        Message("user", (second,)),
    )
    answers, _ = pair(messages)
    assert [answers[0].results, answers[2].results] == [[first], [second]]


def test_one_message_that_uses_an_id_twice_gets_both_results() -> None:
    messages = (Message("assistant", (call("a"), call("a"))), Message("user", (result("a"), result("a"))))
    answers, used = pair(messages)
    assert len(answers[0].results) == len(used) == 2


_parts: st.SearchStrategy[Part] = st.sampled_from(["a", "b", "c"]).flatmap(
    lambda name: st.sampled_from([call(name), result(name), Text(name)])
)
_messages = st.lists(
    st.tuples(st.sampled_from(["user", "assistant"]), st.lists(_parts, max_size=4)).map(
        lambda pair: Message("user" if pair[0] == "user" else "assistant", tuple(pair[1]))
    ),
    max_size=6,
)


@given(_messages)
def test_each_call_is_answered_or_named_and_no_result_is_used_twice(messages: list[Message]) -> None:
    answers, used = pair(messages)
    for at, message in enumerate(messages):
        calls = [part.id for part in message.parts if isinstance(part, ToolCall)]
        if calls:
            told = [result.call_id for result in answers[at].results] + answers[at].unanswered
            assert sorted(told) == sorted(calls)
    assert len(used) == sum(len(answer.results) for answer in answers.values())

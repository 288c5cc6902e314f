from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.api.llm.conversation import Conversation, Memory, Turn
from sekisho.core.errors import CallerError

USER = {"type": "message", "role": "user", "content": "Hi"}
ANSWER = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}


def message(**fields: Any) -> bytes:
    return msgspec.json.encode({"type": "response.create", "model": "m"} | fields)


def body(turn: Turn) -> dict[str, Any]:
    read: dict[str, Any] = msgspec.json.decode(turn.body)
    return read


def answered(conversation: Conversation, name: str, *output: dict[str, Any], **fields: Any) -> Turn:
    turn = conversation.turn(message(**fields))
    conversation.remember(turn, name, [msgspec.json.encode(item) for item in output])
    return turn


def test_a_message_becomes_a_body_and_nothing_else_of_it_changes() -> None:
    said = b'{"type": "response.create",  "model":"m", "input": [ {"a" : 1.0} ], "x-new":{"k" :[ 1 ]}}'
    turn = Conversation().turn(said)
    assert turn.body == b'{  "model":"m", "input": [ {"a" : 1.0} ], "x-new":{"k" :[ 1 ]},"stream":true}'
    assert not turn.warm_up


@pytest.mark.parametrize("given_stream", [True, False, None])
def test_an_answer_is_always_streamed(*, given_stream: bool | None) -> None:
    assert body(Conversation().turn(message(input="Hi", stream=given_stream)))["stream"] is True


def test_a_turn_goes_on_with_the_whole_input() -> None:
    conversation = Conversation()
    answered(conversation, "r1", ANSWER, input="Hi", instructions="Be brief.")
    turn = conversation.turn(message(input=[USER], previous_response_id="r1"))
    assert body(turn) == {"model": "m", "input": [USER, ANSWER, USER], "stream": True}


def test_a_warm_up_is_gone_on_from() -> None:
    conversation = Conversation()
    assert answered(conversation, "r0", input=[USER], generate=False).warm_up
    turn = conversation.turn(message(input=[ANSWER], previous_response_id="r0", generate=True))
    assert (body(turn)["input"], turn.warm_up) == ([USER, ANSWER], False)
    assert "generate" not in body(turn)


def test_a_warm_up_of_nothing_is_gone_on_from() -> None:
    conversation = Conversation()
    answered(conversation, "r0", generate=False)
    assert body(conversation.turn(message(input="Hi", previous_response_id="r0")))["input"] == [USER]
    assert body(conversation.turn(message(previous_response_id="r0")))["input"] == []


def test_a_turn_that_failed_may_be_tried_again() -> None:
    conversation = Conversation()
    answered(conversation, "r1", ANSWER, input="Hi")
    first, second = (conversation.turn(message(input="Go on", previous_response_id="r1")) for _ in range(2))
    assert first == second


def test_an_earlier_answer_may_be_gone_on_from_and_later_ones_are_forgotten() -> None:
    conversation = Conversation()
    answered(conversation, "r1", ANSWER, input="Hi")
    answered(conversation, "r2", ANSWER, input="Go on", previous_response_id="r1")
    answered(conversation, "r3", input="Or else", previous_response_id="r1")
    turn = conversation.turn(message(input=[], previous_response_id="r3"))
    assert [item["content"] for item in body(turn)["input"]][::2] == ["Hi", "Or else"]
    with pytest.raises(CallerError, match="'r2' not found"):
        conversation.turn(message(previous_response_id="r2"))


def test_a_new_conversation_takes_the_place_of_the_old() -> None:
    conversation = Conversation()
    answered(conversation, "r1", ANSWER, input="Hi" * 1000)
    answered(conversation, "r2", ANSWER, input="Hi")
    assert conversation.size_bytes < 1000
    with pytest.raises(CallerError) as refused:
        conversation.turn(message(previous_response_id="r1"))
    info = refused.value.info
    assert (info.status, info.code, info.param) == (400, "previous_response_not_found", "previous_response_id")


def test_thoughts_that_nobody_kept_stay_behind() -> None:
    bare, sealed = (
        {"type": "reasoning", "id": "rs_1", "summary": []} | more for more in ({}, {"encrypted_content": "x"})
    )
    for store, kept in ((None, [bare, sealed]), (False, [sealed])):
        conversation = Conversation()
        answered(conversation, "r1", bare, sealed, input=[], store=store)
        assert body(conversation.turn(message(previous_response_id="r1")))["input"] == kept


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"type": "response.cancel"}, "type"),
        ({"type": None}, "type"),
        ({"type": 3}, "type"),
        ({"background": True}, "background"),
        ({"stream_id": "main"}, "stream_id"),
        ({"generate": "no"}, "generate"),
        ({"store": 0}, "store"),
        ({"previous_response_id": 7}, "previous_response_id"),
        ({"previous_response_id": "gone"}, "previous_response_id"),
        ({"input": 7}, "input"),
        ({"input": {"role": "user"}}, "input"),
    ],
)
def test_what_cannot_be_served_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(CallerError) as refused:
        Conversation().turn(message(**fields))
    assert (refused.value.info.param, refused.value.info.status) == (param, 400)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_turn_or_refused(data: bytes) -> None:
    with pytest.raises(CallerError):
        Conversation().turn(data)


_items = st.lists(st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=8), max_size=3), max_size=3)


@given(st.lists(st.tuples(_items, _items), min_size=1, max_size=5))
def test_the_input_of_a_turn_is_all_that_was_said(turns: list[tuple[list[Any], list[Any]]]) -> None:
    conversation, said, previous = Conversation(), [], None
    for number, (asked, output) in enumerate(turns):
        turn = conversation.turn(message(input=asked, previous_response_id=previous))
        said += asked
        assert body(turn)["input"] == said
        previous = f"r{number}"
        conversation.remember(turn, previous, [msgspec.json.encode(item) for item in output])
        said += output


def test_memory_forgets_who_was_quiet_for_longest() -> None:
    memory, conversations = Memory(limit_bytes=1000), [Conversation() for _ in range(4)]
    for conversation in conversations[:3]:
        answered(conversation, "r1", input="x" * 250)
        memory.keep(conversation)
    memory.keep(conversations[0])
    answered(conversations[3], "r1", input="x" * 250)
    memory.keep(conversations[3])
    assert [one.size_bytes > 0 for one in conversations] == [True, False, True, True]
    assert memory.size_bytes == sum(one.size_bytes for one in conversations)
    for conversation in conversations:
        memory.let_go(conversation)
    assert memory.size_bytes == 0


def test_one_that_is_too_large_for_memory_is_forgotten_itself() -> None:
    memory, conversation = Memory(limit_bytes=100), Conversation()
    answered(conversation, "r1", input="x" * 250)
    memory.keep(conversation)
    assert (conversation.size_bytes, memory.size_bytes) == (0, 0)

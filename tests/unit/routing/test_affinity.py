from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.core.clock import FakeClock
from sekisho.identity.keys import Principal
from sekisho.routing.affinity import (
    Affinity,
    beginning_hash,
    conversation_of,
    earlier_response,
    made_response,
    response_id_in,
)
from sekisho.routing.plan import Wish
from tests.support.routes import WISH, values


def said(*turns: Any, key: str = "messages", **more: Any) -> str | None:
    return beginning_hash(values(**{key: list(turns)}, **more))


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


REPLY = {"role": "assistant", "content": "Hello"}


def test_a_binding_holds_for_its_time_and_is_renewed_by_use() -> None:
    clock = FakeClock()
    affinity = Affinity(clock)
    affinity.keep_for(100)
    affinity.bind(("m", "k"), "a")
    clock.advance(99)
    assert affinity.find(("m", "k")) == "a"
    affinity.bind(("m", "k"), "b")
    clock.advance(99)
    assert affinity.find(("m", "k")) == "b"
    clock.advance(1)
    assert affinity.find(("m", "k")) is None
    assert affinity.find(("m", "other")) is None


def test_the_oldest_make_room() -> None:
    affinity = Affinity(FakeClock(), held=2)
    for number in range(3):
        affinity.bind((str(number),), "a")
    assert [affinity.find((str(number),)) for number in range(3)] == [None, "a", "a"]


def test_a_conversation_is_scoped_to_name_key_and_user() -> None:
    def of(name: str = "m", key: str = "k", user_id: str | None = "u", session: str = "s") -> tuple[str, ...] | None:
        principal = Principal(key_hash=key, user_id=user_id)
        return conversation_of(name, Wish(principal=principal, session_id=session))

    every = {of(), of(name="n"), of(key="l"), of(user_id="v"), of(user_id=None), of(session="t")}
    assert len(every) == 6
    assert of() == of()


def test_without_a_session_the_beginning_tells() -> None:
    wish = msgspec.structs.replace(WISH, values=values(messages=[user("Hi")]))
    longer = msgspec.structs.replace(WISH, values=values(messages=[user("Hi"), REPLY, user("And?")]))
    other = msgspec.structs.replace(WISH, values=values(messages=[user("Ho")]))
    assert conversation_of("m", wish) == conversation_of("m", longer) != conversation_of("m", other)
    assert conversation_of("m", WISH) is None


@given(turns=st.lists(st.sampled_from([REPLY, user("more"), {"type": "reasoning"}, "?"]), max_size=6))
@pytest.mark.parametrize("key", ["messages", "input", "contents"])
def test_every_turn_begins_as_the_first_did(key: str, turns: list[Any]) -> None:
    system = {"role": "system", "content": "Be kind."}
    begun = said(system, user("Hi"), key=key, system="S")
    assert said(system, user("Hi"), *turns, key=key, system="S") == begun
    assert said(system, user("Ho"), *turns, key=key, system="S") != begun
    assert said(system, user("Hi"), *turns, key=key, system="T") != begun


def test_plain_text_and_odd_turns_are_beginnings_too() -> None:
    assert beginning_hash(values(input="Hi")) != beginning_hash(values(input="Ho"))
    assert said(REPLY) is not None
    assert beginning_hash({"messages": msgspec.Raw(b"[")}) is not None


def test_a_stored_response_is_found_by_its_id_and_key() -> None:
    wish = msgspec.structs.replace(WISH, values=values(previous_response_id="resp_1"))
    assert earlier_response("m", wish) == made_response("m", wish, "resp_1")
    stranger = msgspec.structs.replace(wish, principal=Principal(key_hash="k2"))
    assert earlier_response("m", stranger) != earlier_response("m", wish)
    assert earlier_response("m", WISH) is None
    for odd in (None, "", 4):
        assert earlier_response("m", msgspec.structs.replace(WISH, values=values(previous_response_id=odd))) is None


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'event: response.created\ndata: {"response":{"id":"resp_ab-1","object":"response"}}\n\n', "resp_ab-1"),
        (b'{"id": "resp_2", "output": [{"id": "resp_3"}]}', "resp_2"),
        (b'{"id": "chatcmpl-1"}', None),
        (b" " * 5000 + b'{"id": "resp_far"}', None),
    ],
)
def test_the_id_of_an_answer(data: bytes, expected: str | None) -> None:
    assert response_id_in(data) == expected

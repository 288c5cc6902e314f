from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.usage import Usage
from sekisho.providers.fake.answer import Answer, make_answer
from sekisho.providers.fake.ask import Ask, read_ask
from sekisho.providers.fake.paths import Route
from sekisho.providers.fake.script import Script

SCHEMA = {
    "type": "object",
    "properties": {
        "command": {"type": "string"},
        "mode": {"enum": ["fast", "slow"]},
        "count": {"type": ["integer", "null"]},
        "files": {"type": "array"},
        "unused": {"type": "string"},
    },
    "required": ["command", "mode", "count", "files"],
}


def ask_with(**body: object) -> Ask:
    whole = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]} | body
    return read_ask(Route(api="messages", vendor="anthropic"), json.dumps(whole).encode())


def answer_of(script: Script, **body: object) -> Answer:
    return make_answer(script, ask_with(**body), serial=7, created_seconds=1_700_000_000)


def test_the_same_call_gives_the_same_answer() -> None:
    script = Script(chunks=3, thinking=True)
    assert answer_of(script) == answer_of(script)
    assert answer_of(script).made_id("msg_01") == answer_of(script).made_id("msg_01")


def test_chunks_alone_are_words() -> None:
    assert answer_of(Script(chunks=3)).pieces == ("word1 ", "word2 ", "word3 ")


def test_words_may_be_filled_up() -> None:
    assert answer_of(Script(chunks=2, chunk_bytes=8)).pieces == ("word1 xx", "word2 xx")


@given(text=st.text(min_size=1), chunks=st.integers(0, 50))
def test_however_it_is_cut_the_text_is_whole(text: str, chunks: int) -> None:
    answer = answer_of(Script(text=text, chunks=chunks))
    assert answer.text == text
    assert not chunks or len(answer.pieces) == chunks


def test_tokens_are_what_the_script_says() -> None:
    script = Script(
        input_tokens=100,
        output_tokens=40,
        cache_read_tokens=7,
        cache_write_tokens=5,
        cache_write_1h_tokens=2,
        reasoning_tokens=3,
    )
    assert answer_of(script).usage == Usage(
        input_tokens=100,
        output_tokens=40,
        cache_read_tokens=7,
        cache_write_tokens=5,
        cache_write_1h_tokens=2,
        reasoning_tokens=3,
    )


def test_without_a_word_about_tokens_each_piece_is_one() -> None:
    assert answer_of(Script(chunks=30)).usage.output_tokens == 30


def test_a_tool_is_called_with_arguments_that_fit_its_schema() -> None:
    answer = answer_of(Script(tool="Bash"), tools=[{"name": "Bash", "input_schema": SCHEMA}])
    assert answer.tool is not None
    assert json.loads(answer.tool.arguments) == {"command": "scripted", "mode": "fast", "count": 1, "files": []}
    assert answer.pieces == ()


def test_a_tool_that_is_not_offered_is_not_called() -> None:
    answer = answer_of(Script(tool="Bash"), tools=[{"name": "Read", "input_schema": {}}])
    assert answer.tool is None
    assert answer.text


def test_any_tool_with_given_arguments() -> None:
    answer = answer_of(Script(tool="*", args='{"a":1}'), tools=[{"name": "Read", "input_schema": {}}])
    assert answer.tool is not None
    assert (answer.tool.name, answer.tool.arguments) == ("Read", '{"a":1}')


def test_after_a_tool_result_it_answers() -> None:
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "x"}]}
    turns = [{"role": "user", "content": "hi"}, result]
    answer = answer_of(Script(tool="*"), tools=[{"name": "Read", "input_schema": {}}], messages=turns)
    assert answer.tool is None

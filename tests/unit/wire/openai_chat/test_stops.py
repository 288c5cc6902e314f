from __future__ import annotations

import pytest

from sekisho.canonical.events import StopReason
from sekisho.wire.openai_chat.stops import read_stop, write_stop


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("stop", StopReason.END_TURN),
        ("length", StopReason.MAX_TOKENS),
        ("tool_calls", StopReason.TOOL_USE),
        ("function_call", StopReason.TOOL_USE),
        ("content_filter", StopReason.REFUSAL),
        ("MAX_TOKENS", StopReason.MAX_TOKENS),
        ("some new word", StopReason.END_TURN),
        (None, StopReason.END_TURN),
    ],
)
def test_words_of_providers(reason: str | None, stop: StopReason) -> None:
    assert read_stop(reason, has_calls=False, has_refusal=False) is stop


def test_calls_and_refusals_say_more_than_stop() -> None:
    assert read_stop("stop", has_calls=True, has_refusal=False) is StopReason.TOOL_USE
    assert read_stop("stop", has_calls=False, has_refusal=True) is StopReason.REFUSAL
    assert read_stop("length", has_calls=True, has_refusal=False) is StopReason.MAX_TOKENS


@pytest.mark.parametrize("stop", list(StopReason))
def test_every_reason_has_a_word_that_the_sdk_knows(stop: StopReason) -> None:
    word = write_stop(stop, has_calls=False, has_refusal=False)
    assert word in {"stop", "length", "tool_calls", "content_filter"}


def test_a_reply_with_calls_asks_for_them() -> None:
    assert write_stop(StopReason.END_TURN, has_calls=True, has_refusal=False) == "tool_calls"
    assert write_stop(StopReason.MAX_TOKENS, has_calls=True, has_refusal=False) == "length"


def test_a_refusal_in_words_is_an_ordinary_end() -> None:
    assert write_stop(StopReason.REFUSAL, has_calls=False, has_refusal=True) == "stop"
    assert write_stop(StopReason.REFUSAL, has_calls=False, has_refusal=False) == "content_filter"

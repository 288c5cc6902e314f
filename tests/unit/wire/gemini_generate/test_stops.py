from __future__ import annotations

import pytest
from google.genai.types import FinishReason

from sekisho.canonical.events import StopReason
from sekisho.core.errors import ErrorInfo
from sekisho.wire.gemini_generate.stops import FAILURES, read_stop, write_stop


@pytest.mark.parametrize("reason", [reason.value for reason in FinishReason])
def test_every_word_of_google_is_known(reason: str) -> None:
    stop = read_stop(reason, has_calls=False)
    assert isinstance(stop, ErrorInfo) == (reason in FAILURES)
    ends = ("STOP", "OTHER", "NO_IMAGE", "IMAGE_OTHER", "FINISH_REASON_UNSPECIFIED")
    assert (stop is StopReason.END_TURN) == (reason in ends)


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        (1, StopReason.END_TURN),
        (2, StopReason.MAX_TOKENS),
        (3, StopReason.REFUSAL),
        (7, StopReason.REFUSAL),
        (99, StopReason.END_TURN),
        (-1, StopReason.END_TURN),
        ("A_NEW_WORD", StopReason.END_TURN),
    ],
)
def test_numbers_and_new_words(reason: str | int, stop: StopReason) -> None:
    assert read_stop(reason, has_calls=False) is stop


def test_calls_ask_for_their_results() -> None:
    assert read_stop("STOP", has_calls=True) is StopReason.TOOL_USE
    assert read_stop("MAX_TOKENS", has_calls=True) is StopReason.MAX_TOKENS


@pytest.mark.parametrize("stop", StopReason)
def test_every_reason_has_a_word_that_google_knows(stop: StopReason) -> None:
    assert FinishReason(write_stop(stop)).value == write_stop(stop)
    kept = (StopReason.MAX_TOKENS, StopReason.REFUSAL, StopReason.END_TURN)
    assert stop not in kept or read_stop(write_stop(stop), has_calls=False) is stop

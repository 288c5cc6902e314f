from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical import events as e
from sekisho.canonical.fold import Fold, fold, unfold
from sekisho.canonical.order import OrderChecker
from sekisho.canonical.reply import Reply
from sekisho.canonical.request import Image, Text
from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorClass, ErrorInfo, StreamBroken, UpstreamRefused
from tests.unit.canonical.strategies import replies


@given(replies())
def test_unfolding_and_folding_gives_the_reply_back(reply: Reply) -> None:
    assert fold(unfold(reply)) == reply


@given(replies())
def test_an_unfolded_reply_is_a_legal_stream(reply: Reply) -> None:
    checker = OrderChecker()
    for event in unfold(reply):
        checker.see(event)
    assert checker.state == "ended"


@given(st.text(max_size=30), st.lists(st.integers(0, 30), max_size=5))
def test_the_cutting_of_deltas_does_not_matter(text: str, places: list[int]) -> None:
    edges = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    deltas: list[e.Event] = [e.TextDelta(0, text[a:b]) for a, b in itertools.pairwise(edges)]
    start: list[e.Event] = [e.Started(id="1", model="m"), e.BlockStarted(index=0, kind="text")]
    folded = fold([*start, *deltas, e.BlockEnded(0), e.Finished(stop=e.StopReason.END_TURN)])
    assert folded.parts == (Text(text),)


def test_a_cut_stream_is_no_reply() -> None:
    with pytest.raises(StreamBroken):
        fold([e.Started(id="1", model="m")])


def test_a_failed_stream_raises_what_the_provider_said() -> None:
    folding = Fold()
    folding.see(e.Failed(ErrorInfo(error_class=ErrorClass.OVERLOADED, message="busy", status=529)))
    with pytest.raises(UpstreamRefused, match="busy"):
        folding.reply()


def test_a_later_usage_replaces_the_earlier() -> None:
    stream: list[e.Event] = [
        e.Started(id="1", model="m", usage=Usage(input_tokens=7, output_tokens=1)),
        e.UsageReported(Usage(input_tokens=7, output_tokens=5)),
        e.Finished(stop=e.StopReason.END_TURN),
    ]
    assert fold(stream).usage == Usage(input_tokens=7, output_tokens=5)


def test_what_no_model_answers_is_a_defect() -> None:
    reply = Reply(id="1", model="m", parts=(Image(url="https://x"),), stop=e.StopReason.END_TURN)
    with pytest.raises(TypeError):
        list(unfold(reply))

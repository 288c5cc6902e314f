from __future__ import annotations

import pytest
from google.genai.errors import ServerError
from hypothesis import given, settings
from hypothesis import strategies as st

from sekisho.canonical import events as e
from sekisho.canonical.fold import fold, unfold
from sekisho.canonical.reply import Reply
from sekisho.canonical.request import Text, Thinking, ToolCall
from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorClass, ErrorInfo
from sekisho.wire.gemini_generate import DIALECT
from sekisho.wire.gemini_generate.stream_writer import GenerateWriter
from tests.support.genai import sdk_parts, sdk_replies
from tests.unit.wire.gemini_generate.samples import asked, read, written

START = e.Started(id="r1", model="m", usage=Usage(input_tokens=7))
TEXT: list[e.Event] = [e.BlockStarted(index=0, kind="text"), e.TextDelta(0, "a"), e.TextDelta(0, ""), e.BlockEnded(0)]
END = e.Finished(stop=e.StopReason.MAX_TOKENS)


def test_the_grammar_of_a_small_answer() -> None:
    usage = Usage(input_tokens=7, cache_read_tokens=3, output_tokens=5, reasoning_tokens=2)
    assert written([START, e.Ping(), *TEXT, e.UsageReported(usage), END]) == [
        {
            "candidates": [{"content": {"parts": [{"text": "a"}], "role": "model"}, "index": 0}],
            "usageMetadata": {"promptTokenCount": 7, "totalTokenCount": 7},
            "modelVersion": "m",
            "responseId": "r1",
        },
        {
            "candidates": [
                {
                    "content": {"parts": [{"text": ""}], "role": "model"},
                    "finishReason": "MAX_TOKENS",
                    "index": 0,
                }
            ],
            "usageMetadata": {
                "promptTokenCount": 10,
                "candidatesTokenCount": 3,
                "totalTokenCount": 15,
                "cachedContentTokenCount": 3,
                "thoughtsTokenCount": 2,
            },
            "modelVersion": "m",
            "responseId": "r1",
        },
    ]


def test_nothing_but_data_lines_ended_as_google_does() -> None:
    writer = GenerateWriter(asked())
    out = b"".join(writer.write(event) for event in [e.Ping(), START, e.Ping(), *TEXT, END])
    assert out.endswith(b"\r\n\r\n")
    assert all(line.startswith(b"data: {") for line in out.split(b"\r\n") if line)
    assert b"\n" not in out.replace(b"\r\n", b"")


def test_googles_sdk_raises_a_failure_inside_the_stream() -> None:
    writer = GenerateWriter(asked())
    failed = e.Failed(ErrorInfo(error_class=ErrorClass.OVERLOADED, message="Busy.", status=529))
    out = b"".join(writer.write(event) for event in [START, *TEXT[:2], failed])
    with pytest.raises(ServerError, match="Busy"):
        sdk_replies(out, stream=True)


_text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=5)
_thought = st.builds(Thinking, text=_text)
_signature = st.builds(
    Thinking, text=st.just(""), signature=st.sampled_from(("c2ln", "b3Ro")), origin=st.just("gemini")
)
_call = st.builds(ToolCall, id=_text, name=st.just("f"), arguments=st.sampled_from(("{}", '{"a":[1.0]}')))


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    """Replies as Gemini gives them: no two texts, and no two thoughts, in a row."""
    parts = draw(st.lists(st.builds(Text, _text) | _thought | _signature | _call, max_size=5))
    joined = [part for at, part in enumerate(parts) if not at or type(part) is not type(parts[at - 1])]
    calls = any(isinstance(part, ToolCall) for part in joined)
    stops = (e.StopReason.TOOL_USE if calls else e.StopReason.END_TURN, e.StopReason.MAX_TOKENS, e.StopReason.REFUSAL)
    usage = draw(st.none() | st.builds(Usage, input_tokens=st.integers(0, 9), output_tokens=st.integers(0, 9)))
    return Reply(id="r1", model="m", parts=tuple(joined), stop=draw(st.sampled_from(stops)), usage=usage)


@given(replies())
def test_a_reply_reads_back_as_it_was_streamed_or_whole(reply: Reply) -> None:
    writer = GenerateWriter(asked())
    assert fold(read(b"".join(writer.write(event) for event in unfold(reply)))) == reply
    assert DIALECT.decode_reply(DIALECT.encode_reply(reply, asked())) == reply


@given(replies())
@settings(max_examples=25)  # the SDK takes 20 ms for each
def test_googles_sdk_reads_the_same_parts_streamed_or_whole(reply: Reply) -> None:
    writer = GenerateWriter(asked())
    streamed = sdk_replies(b"".join(writer.write(event) for event in unfold(reply)), stream=True)
    whole = sdk_replies(DIALECT.encode_reply(reply, asked()), stream=False)
    assert sdk_parts(streamed) == sdk_parts(whole)
    assert streamed[-1].candidates is not None
    assert whole[0].candidates is not None
    assert streamed[-1].candidates[0].finish_reason == whole[0].candidates[0].finish_reason

"""Replies, as Hypothesis makes them: every kind of part that a model can answer with."""

from __future__ import annotations

from hypothesis import strategies as st

from sekisho.canonical.events import Citation, StopReason
from sekisho.canonical.reply import Reply
from sekisho.canonical.request import RedactedThinking, Refusal, Text, Thinking, ToolCall
from sekisho.canonical.usage import Usage

texts = st.text(max_size=20)
names = st.text("abcxyz_", min_size=1, max_size=8)
parts = st.one_of(
    st.builds(Text, texts),
    st.builds(Refusal, texts),
    st.builds(Thinking, text=texts, signature=names, origin=st.just("anthropic")),
    st.builds(Thinking, text=texts, signature=names, origin=st.just("openai"), item_id=st.none() | names),
    st.builds(Thinking, text=texts),
    st.builds(RedactedThinking, names),
    st.builds(ToolCall, id=names, name=names, arguments=texts, custom=st.booleans(), namespace=st.none() | names),
)
usages = st.builds(
    Usage, input_tokens=st.integers(0, 9), output_tokens=st.integers(0, 9), cache_read_tokens=st.integers(0, 9)
)


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    drawn = tuple(draw(st.lists(parts, max_size=4)))
    at = [i for i, part in enumerate(drawn) if isinstance(part, Text)]
    cited = tuple((i, Citation(url="https://x", title=draw(names))) for i in at if draw(st.booleans()))
    return Reply(
        id=draw(names),
        model=draw(names),
        parts=drawn,
        stop=draw(st.sampled_from(StopReason)),
        usage=draw(st.none() | usages),
        citations=cited,
    )

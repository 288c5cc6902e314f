from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.request import (
    CacheMark,
    Document,
    Image,
    Message,
    OutputSchema,
    RedactedThinking,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from sekisho.core.errors import UnsupportedFeature
from sekisho.wire.anthropic_messages import DIALECT
from tests.unit.wire.anthropic_messages.samples import ADAPTIVE, asked, dropped, encoded, said, sent

MARK = CacheMark("1h")


def test_the_smallest_request() -> None:
    assert sent(asked()) == {
        "model": "claude-x",
        "max_tokens": 32_000,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
    }


def test_max_tokens_of_the_caller_counts_also_when_zero() -> None:
    assert sent(asked(max_tokens=0))["max_tokens"] == 0


@pytest.mark.parametrize(
    ("messages", "system"),
    [
        ((said("system", "Be brief."),), "Be brief."),
        ((said("system", "a"), said("system", "b")), [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]),
        (
            (said("system", Text("a", MARK)),),
            [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        ),
        ((said("system", " "),), None),
    ],
)
def test_leading_system_messages(messages: tuple[Message, ...], system: object) -> None:
    body = sent(asked(*messages, said("user", "Hi")))
    assert body.get("system") == system
    assert len(body["messages"]) == 1


def test_a_later_system_message_stays_in_place_as_user_text() -> None:
    body = sent(asked(said("user", "a"), said("assistant", "b"), said("system", "c"), said("user", "d")))
    assert "system" not in body
    assert [block["text"] for block in body["messages"][2]["content"]] == ["c", "d"]


def test_a_picture_in_the_instructions_goes_to_the_user() -> None:
    body = sent(asked(said("system", "look", Image(url="u"))))
    assert "system" not in body
    assert [block["type"] for block in body["messages"][0]["content"]] == ["text", "image"]


def test_only_the_allowed_tools_are_offered() -> None:
    tools = (Tool(name="f", parameters={"type": "object"}), Tool(name="g", parameters={"type": "object"}))
    body = sent(asked(tools=tools, tool_choice=ToolChoice("any", allowed=("g",))))
    assert [tool["name"] for tool in body["tools"]] == ["g"]
    assert body["tool_choice"] == {"type": "any"}


def test_an_assistants_picture_is_refused() -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        sent(asked(said("user", "a"), said("assistant", Image(url="u")), said("user", "b")))
    assert caught.value.info.param == "messages.image"


def test_a_prefill_where_the_model_takes_it() -> None:
    request = asked(said("user", "a"), said("assistant", "The answer is "))
    assert sent(request)["messages"][-1]["content"] == [{"type": "text", "text": "The answer is"}]
    with pytest.raises(UnsupportedFeature, match="end with a user message"):
        sent(request, ADAPTIVE)


def test_only_the_last_four_cache_marks_stay() -> None:
    def marked(name: str) -> Text:
        return Text(name, MARK)

    request = asked(
        said("system", marked("s")),
        said("user", marked("a"), marked("b")),
        said("assistant", ToolCall(id="c", name="t", arguments="{}", cache=MARK)),
        said("user", ToolResult(call_id="c", parts=(marked("in"),), cache=MARK)),
        tools=(Tool(name="t", cache=MARK),),
    )
    body = sent(request)
    marks = [holder for holder in walk(body) if "cache_control" in holder]
    assert [holder.get("text") or holder.get("type") for holder in marks] == ["b", "tool_use", "tool_result", "in"]
    assert all(holder["cache_control"] == {"type": "ephemeral", "ttl": "1h"} for holder in marks)
    assert dropped(request) == ("cache_control",)
    assert "cache_control" not in dropped(asked(said("user", marked("a"))))


def walk(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [found for item in value for found in walk(item)]
    if not isinstance(value, dict):
        return []
    return [value, *(found for item in value.values() for found in walk(item))]


def test_white_space_does_not_stop() -> None:
    request = asked(stop=("END", "\n", ""))
    assert (sent(request)["stop_sequences"], dropped(request)) == (["END"], ("stop",))
    assert "stop_sequences" not in sent(asked(stop=(" ",)))


def test_stream_is_said_only_when_asked() -> None:
    assert sent(asked(stream=True))["stream"] is True
    assert "stream" not in sent(asked())


TEXTS = st.text(min_size=1, max_size=8).filter(str.strip)
MARKS = st.none() | st.sampled_from([CacheMark(), CacheMark("5m")])
CONTENT = st.one_of(
    st.builds(Text, TEXTS),
    st.builds(Image, media_type=st.just("image/png"), data=st.just("aGk=")),
    st.builds(Image, url=TEXTS),
    st.builds(Document, media_type=st.just("application/pdf"), data=st.just("JVBE"), name=st.none() | TEXTS),
    st.builds(Document, url=TEXTS, citations=st.booleans()),
)
THOUGHTS = st.one_of(
    st.builds(
        Thinking,
        text=st.text(max_size=5),
        signature=TEXTS.filter(lambda s: "sekisho" not in s),
        origin=st.just("anthropic"),
    ),
    st.builds(RedactedThinking, TEXTS.filter(lambda s: "sekisho" not in s)),
)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Message, ...]:
    """Well-formed ones: roles alternate, every call is answered in the next turn."""
    messages: list[Message] = []
    system = draw(st.lists(TEXTS, max_size=2))
    if system:
        messages.append(Message("system", tuple(Text(text) for text in system)))
    calls: list[ToolCall] = []
    count = 0
    for _ in range(draw(st.integers(1, 3))):
        results = tuple(
            ToolResult(
                call_id=call.id,
                parts=tuple(draw(st.lists(CONTENT, min_size=1, max_size=2))),
                is_error=draw(st.booleans()),
            )
            for call in calls
        )
        messages.append(Message("user", (*results, *draw(st.lists(CONTENT, min_size=not results, max_size=2)))))
        calls = []
        for at in range(draw(st.integers(0, 2))):
            count += 1
            calls.append(
                ToolCall(id=f"call_{count}", name="look", arguments='{"at": 1}', cache=draw(MARKS) if at == 0 else None)
            )
        thoughts, words = draw(st.lists(THOUGHTS, max_size=1)), draw(st.builds(Text, TEXTS))
        messages.append(Message("assistant", (*thoughts, words, *calls)))
    results = tuple(ToolResult(call_id=call.id, parts=(Text("done"),)) for call in calls)
    return (*messages, Message("user", (*results, Text("go on"))))


REQUESTS = st.builds(
    Request,
    model=st.just("claude-x"),
    messages=conversations(),
    tools=st.just((Tool(name="look", description="Looks.", parameters={"type": "object"}),)),
    tool_choice=st.none() | st.sampled_from([ToolChoice("any"), ToolChoice("tool", "look"), ToolChoice("auto")]),
    max_tokens=st.integers(0, 10_000),
    temperature=st.none() | st.floats(0, 1),
    top_k=st.none() | st.integers(0, 50),
    stop=st.lists(TEXTS, max_size=2).map(tuple),
    output_schema=st.none()
    | st.just(OutputSchema(schema={"type": "object", "additionalProperties": False}, strict=True)),
    service_tier=st.none() | st.sampled_from(["auto", "default"]),
    stream=st.booleans(),
    include_usage=st.just(True),
)


@given(REQUESTS)
def test_what_can_be_said_comes_back_the_same(request: Request) -> None:
    written = encoded(request)
    assert DIALECT.decode_request(written.body) == request
    assert [name for name in written.dropped if name != "cache_control"] == []


@given(REQUESTS)
def test_the_same_request_gives_the_same_bytes(request: Request) -> None:
    assert encoded(request).body == encoded(request).body

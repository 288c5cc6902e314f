from __future__ import annotations

from typing import Any

import msgspec
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from hypothesis import given, reject
from hypothesis import strategies as st

from sekisho.canonical.request import (
    CacheMark,
    Document,
    Image,
    Message,
    Part,
    RedactedThinking,
    Refusal,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from sekisho.core.errors import MalformedRequest, UnsupportedFeature
from sekisho.wire.bedrock_converse import DIALECT
from sekisho.wire.turns import OPENING, UNANSWERED
from tests.unit.wire.bedrock_converse.samples import ADAPTIVE, CLAUDE, NOVA, OTHER, asked, dropped, encoded, said, sent

MODEL = ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"), "bedrock-runtime")
CONVERSE: Any = MODEL.operation_model("Converse").input_shape


def complaints(request: Request, profile: Any = CLAUDE) -> str:
    """What botocore says against the body."""
    body = sent(request, profile)
    report: str = ParamValidator().validate({**body, "modelId": "m"}, CONVERSE).generate_report()
    return report


def test_model_and_streaming_are_not_in_the_body() -> None:
    assert sent(asked(stream=True)) == {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}


def test_leading_system_text_is_the_prompt_and_later_text_stays_in_place() -> None:
    request = asked(
        said("system", Text("s", CacheMark()), " "), said("user", "a"), said("system", "b"), said("assistant", "c")
    )
    body = sent(request)
    assert body["system"] == [{"text": "s"}, {"cachePoint": {"type": "default"}}]
    assert [block["text"] for block in body["messages"][0]["content"]] == ["a", "b"]


def test_only_the_allowed_tools_are_offered() -> None:
    tools = (Tool(name="f", parameters={"type": "object"}), Tool(name="g", parameters={"type": "object"}))
    config = sent(asked(tools=tools, tool_choice=ToolChoice("any", allowed=("g",))))["toolConfig"]
    assert [tool["toolSpec"]["name"] for tool in config["tools"]] == ["g"]
    assert config["toolChoice"] == {"any": {}}


def test_turns_alternate_begin_with_the_user_and_answer_their_calls() -> None:
    call = ToolCall(id="a:1", name="look", arguments="{}")
    body = sent(asked(said("assistant", call), said("user", "b")))
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][0]["content"] == [{"text": OPENING}]
    result = body["messages"][2]["content"][0]["toolResult"]
    assert result == {
        "toolUseId": body["messages"][1]["content"][0]["toolUse"]["toolUseId"],
        "content": [{"text": UNANSWERED}],
        "status": "error",
    }


def test_a_prefill_only_where_the_model_continues_one() -> None:
    request = asked(said("user", "a"), said("assistant", "b "))
    assert sent(request)["messages"][-1]["content"] == [{"text": "b"}]
    with pytest.raises(UnsupportedFeature, match="end with a user message"):
        sent(request, ADAPTIVE)


def test_thoughts_go_back_to_who_takes_them() -> None:
    thoughts = (
        Thinking(text="mine", signature="s", origin="anthropic"),
        RedactedThinking("EmwK"),
        Thinking(text="plain"),
        Thinking(text="other", signature="s", origin="openai"),
    )
    request = asked(said("user", "a"), said("assistant", *thoughts, "b"), said("user", "c"))

    def told(profile: Any) -> list[str]:
        content = sent(request, profile)["messages"][1]["content"]
        thought = [block["reasoningContent"] for block in content if "reasoningContent" in block]
        return [each.get("reasoningText", {}).get("text", "redacted") for each in thought]

    assert told(CLAUDE) == ["mine", "redacted"]
    assert told(NOVA) == told(OTHER) == ["plain"]
    assert dropped(request) == dropped(request, NOVA) == ("messages.thinking",)


texts = st.text(max_size=6)
marks = st.none() | st.builds(CacheMark, st.sampled_from([None, "5m", "1h"]))
ids = st.sampled_from(["a", "b", "call:é", ""])
files = st.one_of(
    st.builds(Text, texts, marks),
    st.builds(Image, media_type=st.just("image/png"), data=st.just("aGk="), cache=marks),
    st.builds(Document, text=texts, name=st.none() | texts, cache=marks),
)
parts = st.one_of(
    files,
    st.builds(Refusal, texts),
    st.builds(Thinking, text=texts, signature=st.none() | st.just("s"), origin=st.sampled_from([None, "anthropic"])),
    st.builds(RedactedThinking, texts),
    st.builds(
        ToolCall, id=ids, name=st.sampled_from(["look", "a b"]), arguments=texts, custom=st.booleans(), cache=marks
    ),
    st.builds(
        ToolResult, call_id=ids, parts=st.lists(files, max_size=2).map(tuple), is_error=st.booleans(), cache=marks
    ),
)
FORBIDDEN: dict[str, tuple[type, ...]] = {
    "assistant": (Image, Document, ToolResult),
    "user": (ToolCall, Thinking, RedactedThinking),
}


def legal(role: str, drawn: list[Part]) -> Message:
    return said(role, *(part for part in drawn if not isinstance(part, FORBIDDEN[role])))


conversations = st.lists(
    st.builds(legal, st.sampled_from(["user", "assistant"]), st.lists(parts, max_size=4)), max_size=6
)


@given(conversations, st.sampled_from([CLAUDE, NOVA, OTHER]), st.booleans())
def test_any_conversation_becomes_one_that_the_api_takes(history: list[Message], profile: Any, offered: object) -> None:
    tools = (Tool(name="look"), Tool(name="é", description="", cache=CacheMark())) if offered else ()
    request = asked(*history, tools=tools, tool_choice=ToolChoice("auto"))
    try:
        body = sent(request, profile)
    except MalformedRequest:  # nothing is said in it
        reject()
    # botocore wants base64 to be bytes or text, an empty blob is the caller's own mistake
    assert [line for line in complaints(request, profile).split("\n") if line and "bytes" not in line] == []
    open_calls: list[str] = []
    for at, message in enumerate(body["messages"]):
        assert message["role"] == ("user", "assistant")[at % 2]
        assert message["content"]
        answered = [block["toolResult"]["toolUseId"] for block in message["content"] if "toolResult" in block]
        assert sorted(answered) == sorted(open_calls)
        unpointed = [block for block in message["content"] if "cachePoint" not in block]
        assert all("toolResult" in block for block in unpointed[: len(answered)])
        open_calls = [block["toolUse"]["toolUseId"] for block in message["content"] if "toolUse" in block]
        assert all(block["text"].strip() for block in message["content"] if "text" in block)
    assert open_calls == []
    assert ("toolConfig" in body) or b'"toolUse"' not in encoded(request, profile).body
    assert encoded(request, profile).body.count(b'"cachePoint"') <= 4


@given(conversations)
def test_a_longer_conversation_begins_with_the_same_bytes(said_so_far: list[Message]) -> None:
    """Up to the last turn, which may still grow, and the four cache points, which move on."""
    bare = [message for message in said_so_far if b'"ttl"' not in msgspec.json.encode(message)]
    first = sent(asked(said("user", "Hi"), *bare))["messages"][:-1]
    later = sent(asked(said("user", "Hi"), *bare, said("user", "and"), said("assistant", "so")))["messages"]
    unpointed = [[block for block in message["content"] if "cachePoint" not in block] for message in later]
    assert unpointed[: len(first)] == [[b for b in message["content"] if "cachePoint" not in b] for message in first]


@given(conversations)
def test_what_is_sent_reads_back_as_the_same(said_so_far: list[Message]) -> None:
    try:
        body = encoded(asked(*said_so_far)).body
    except MalformedRequest:  # nothing is said in it
        reject()
    again = DIALECT.decode_request(body)
    assert encoded(msgspec.structs.replace(again, model="asked")).body == body

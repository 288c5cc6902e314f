from __future__ import annotations

from typing import Any

import msgspec
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from hypothesis import given

from sekisho.canonical.events import Citation, StopReason
from sekisho.canonical.reply import Reply
from sekisho.canonical.request import RedactedThinking, Refusal, Request, Text, Thinking, Tool, ToolCall
from sekisho.canonical.seal import Sealed, seal
from sekisho.canonical.tools import legal_name
from sekisho.canonical.usage import Usage
from sekisho.core.errors import UpstreamProtocolError
from sekisho.wire.bedrock_converse import DIALECT
from sekisho.wire.bedrock_converse.media import sealed_content
from tests.unit.canonical.strategies import replies
from tests.unit.wire.bedrock_converse.samples import asked, parts_of

MODEL = ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"), "bedrock-runtime")
CONVERSE: Any = MODEL.operation_model("Converse").output_shape


def provider(*content: dict[str, Any], stop: str = "end_turn", **keys: Any) -> bytes:
    output = {"message": {"role": "assistant", "content": list(content)}}
    usage = {"inputTokens": 3, "outputTokens": 4, "totalTokens": 7}
    return msgspec.json.encode(
        {"output": output, "stopReason": stop, "usage": usage, "metrics": {"latencyMs": 1}, **keys}
    )


def shown(reply: Reply, request: Request | None = None) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(DIALECT.encode_reply(reply, request or asked()))
    return body


def answer(*parts: Any, stop: StopReason = StopReason.END_TURN, **fields: Any) -> Reply:
    return Reply(id="", model="", parts=parts, stop=stop, **fields)


def test_a_providers_reply() -> None:
    content: list[dict[str, Any]] = [
        {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "s"}}},
        {"reasoningContent": {"reasoningText": {"text": "plain"}}},
        {"reasoningContent": {"redactedContent": "EmwK"}},
        {"text": "a"},
        {"toolUse": {"toolUseId": "t", "name": "look", "input": {"z": 1.50}}},
        {"toolUse": {"toolUseId": "s", "name": "search", "input": {}, "type": "server_tool_use"}},
        {"toolResult": {"toolUseId": "s", "content": []}},
        {"citationsContent": {"content": [{"text": "b"}], "citations": [{"location": {"web": {"url": "https://x"}}}]}},
    ]
    fields = {"additionalModelResponseFields": {"stop_sequence": "END"}}
    assert DIALECT.decode_reply(provider(*content, stop="stop_sequence", **fields)) == Reply(
        id="",
        model="",
        parts=(
            Thinking(text="Hm.", signature="s", origin="anthropic"),
            Thinking(text="plain"),
            RedactedThinking("EmwK"),
            Text("a"),
            ToolCall(id="t", name="look", arguments='{"z":1.5}'),
            Text("b"),
        ),
        stop=StopReason.STOP_SEQUENCE,
        stop_sequence="END",
        usage=Usage(input_tokens=3, output_tokens=4),
        citations=((5, Citation(url="https://x")),),
    )


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"message":"no"}', b'{"output":1,"stopReason":"x"}'])
def test_what_is_no_reply_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        DIALECT.decode_reply(body)


def test_a_callers_reply_has_every_count() -> None:
    usage = Usage(input_tokens=1, cache_read_tokens=2, cache_write_tokens=5, cache_write_1h_tokens=3, output_tokens=4)
    assert shown(answer(Text("a"), usage=usage)) == {
        "output": {"message": {"role": "assistant", "content": [{"text": "a"}]}},
        "stopReason": "end_turn",
        "usage": {
            "inputTokens": 1,
            "outputTokens": 4,
            "totalTokens": 12,
            "cacheReadInputTokens": 2,
            "cacheWriteInputTokens": 5,
            "cacheDetails": [{"ttl": "1h", "inputTokens": 3}, {"ttl": "5m", "inputTokens": 2}],
        },
        "metrics": {"latencyMs": 0},
    }
    assert shown(answer())["usage"]["totalTokens"] == 0


@pytest.mark.parametrize(
    ("stop", "word"),
    [
        (StopReason.END_TURN, "end_turn"),
        (StopReason.MAX_TOKENS, "max_tokens"),
        (StopReason.STOP_SEQUENCE, "stop_sequence"),
        (StopReason.REFUSAL, "content_filtered"),
        (StopReason.CONTEXT_WINDOW, "model_context_window_exceeded"),
        (StopReason.PAUSE, "end_turn"),
    ],
)
def test_why_the_model_stopped(stop: StopReason, word: str) -> None:
    assert shown(answer(Text("a"), stop=stop))["stopReason"] == word
    called = answer(ToolCall(id="t", name="n", arguments=""), stop=stop)
    assert shown(called)["stopReason"] == (
        "tool_use" if word in ("end_turn", "stop_sequence") and stop != StopReason.PAUSE else word
    )


def test_stop_words_of_guardrails_and_of_tomorrow() -> None:
    stops = {
        word: DIALECT.decode_reply(provider({"text": "a"}, stop=word)).stop for word in ("guardrail_intervened", "new")
    }
    assert stops == {"guardrail_intervened": StopReason.REFUSAL, "new": StopReason.END_TURN}


@pytest.mark.parametrize("word", ["malformed_model_output", "malformed_tool_use"])
def test_an_answer_that_bedrock_could_not_read_is_a_failure(word: str) -> None:
    """An agent would take the end of a turn for the end of its work."""
    with pytest.raises(UpstreamProtocolError, match=word):
        DIALECT.decode_reply(provider({"text": "a"}, stop=word))


def test_the_stop_sequence_for_who_asked() -> None:
    reply = answer(Text("a"), stop=StopReason.STOP_SEQUENCE, stop_sequence="END")
    curious = asked(echo={"additionalModelResponseFieldPaths": ["/stop_sequence"]})
    assert shown(reply, curious)["additionalModelResponseFields"] == {"stop_sequence": "END"}
    assert "additionalModelResponseFields" not in shown(reply)


def test_parts_for_a_caller() -> None:
    name = "a name with spaces"
    sealed = seal(Sealed(origin="openai", signature="gAAA", item_id="rs"))
    reply = answer(
        Thinking(text="", signature="s", origin="anthropic"),
        Thinking(text="Hm.", signature="gAAA", origin="openai", item_id="rs"),
        Thinking(text="", signature="gAAA", origin="openai", item_id="rs"),
        Thinking(text="plain"),
        Thinking(text=""),
        RedactedThinking("EmwK"),
        Text(""),
        Text("cited"),
        Refusal("No."),
        ToolCall(id="t", name=legal_name(name), arguments='{"a":1}'),
        citations=((7, Citation(url="https://x/y", title="t", cited_text="c")), (7, Citation(start=1, end=2))),
    )
    cited = {
        "content": [{"text": "cited"}],
        "citations": [
            {
                "title": "t",
                "sourceContent": [{"text": "c"}],
                "location": {"web": {"url": "https://x/y", "domain": "x"}},
            },
            {"location": {"documentChar": {"documentIndex": 0, "start": 1, "end": 2}}},
        ],
    }
    content = shown(reply, asked(tools=(Tool(name=name),)))["output"]["message"]["content"]
    assert content == [
        {"reasoningContent": {"reasoningText": {"text": "", "signature": "s"}}},
        {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": sealed}}},
        {"reasoningContent": {"redactedContent": sealed_content(sealed)}},
        {"reasoningContent": {"reasoningText": {"text": "plain"}}},
        {"reasoningContent": {"redactedContent": "EmwK"}},
        {"citationsContent": cited},
        {"text": "No."},
        {"toolUse": {"toolUseId": "t", "name": name, "input": {"a": 1}}},
    ]


@given(replies())
def test_botocore_reads_every_reply_and_what_it_says_comes_back(reply: Reply) -> None:
    body = DIALECT.encode_reply(reply, asked())
    response = {"body": body, "headers": {}, "status_code": 200, "context": {}}
    parsed = create_parser("rest-json").parse(response, CONVERSE)
    content = parsed["output"]["message"]["content"]
    assert len(content) == len(msgspec.json.decode(body)["output"]["message"]["content"])
    assert parsed["usage"]["totalTokens"] == (reply.usage or Usage()).total_tokens
    back = parts_of(*msgspec.json.decode(body)["output"]["message"]["content"])
    thoughts = [
        part for part in reply.parts if isinstance(part, (Thinking, RedactedThinking)) and part != Thinking(text="")
    ]
    assert [part for part in back if isinstance(part, (Thinking, RedactedThinking))] == thoughts

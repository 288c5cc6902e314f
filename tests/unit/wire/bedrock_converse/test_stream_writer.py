from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given

from sekisho.canonical import events as e
from sekisho.canonical.fold import unfold
from sekisho.canonical.reply import Reply
from sekisho.canonical.request import Tool
from sekisho.canonical.seal import Sealed, seal
from sekisho.canonical.tools import legal_name
from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorClass, ErrorInfo
from sekisho.wire.bedrock_converse import DIALECT
from sekisho.wire.bedrock_converse.media import sealed_content
from tests.unit.canonical.strategies import replies
from tests.unit.wire.bedrock_converse.samples import asked, written

START = e.Started(id="chatcmpl-1", model="gpt-x", usage=Usage(input_tokens=5))
END = e.Finished(stop=e.StopReason.END_TURN)


def started(index: int, kind: Any, **fields: Any) -> e.BlockStarted:
    return e.BlockStarted(index=index, kind=kind, **fields)


def text(index: int, *words: str) -> list[e.Event]:
    return [started(index, "text"), *(e.TextDelta(index, word) for word in words), e.BlockEnded(index)]


def deltas(events: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    return [payload["delta"] for kind, payload in events if kind == "contentBlockDelta"]


def test_the_grammar_of_a_small_answer() -> None:
    usage = Usage(input_tokens=1, cache_read_tokens=2, output_tokens=3)
    events = written([START, e.Ping(), *text(0, "a", "", "b"), e.UsageReported(usage), END])
    assert events == [
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"delta": {"text": "a"}, "contentBlockIndex": 0}),
        ("contentBlockDelta", {"delta": {"text": "b"}, "contentBlockIndex": 0}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "end_turn"}),
        (
            "metadata",
            {
                "usage": {
                    "inputTokens": 1,
                    "outputTokens": 3,
                    "totalTokens": 6,
                    "cacheReadInputTokens": 2,
                    "cacheWriteInputTokens": 0,
                },
                "metrics": {"latencyMs": 0},
            },
        ),
    ]
    assert written([START, END])[-1][1]["usage"]["inputTokens"] == 5


def test_headers_come_in_bedrocks_order() -> None:
    said = DIALECT.stream_writer(asked()).write(START)
    at = [said.index(name) for name in (b":event-type", b":content-type", b":message-type")]
    assert at == sorted(at)


def test_parallel_blocks_are_written_one_after_the_other() -> None:
    def call(index: int) -> e.BlockStarted:
        return started(index, "tool_call", call_id=f"t{index}", name="look")

    events = written(
        [
            START,
            started(0, "text"),
            call(1),
            call(2),
            e.ArgumentsDelta(2, '{"b'),
            e.TextDelta(0, "see"),
            e.ArgumentsDelta(1, "{}"),
            e.BlockEnded(2),
            e.BlockEnded(0),
            e.BlockEnded(1),
            END,
        ]
    )
    assert [(kind.removeprefix("contentBlock"), payload["contentBlockIndex"]) for kind, payload in events[1:-2]] == [
        ("Delta", 0),
        ("Stop", 0),
        ("Start", 1),
        ("Delta", 1),
        ("Stop", 1),
        ("Start", 2),
        ("Delta", 2),
        ("Stop", 2),
    ]
    assert events[-2] == ("messageStop", {"stopReason": "tool_use"})


def test_a_block_without_contents_is_not_begun() -> None:
    empty = started(1, "thinking", origin="openai")
    events = written([START, *text(0), empty, e.BlockEnded(1), *text(2, "a"), END])
    assert [payload["contentBlockIndex"] for _, payload in events if "contentBlockIndex" in payload] == [0, 0]


def thought(words: str, signature: str, origin: str) -> list[dict[str, Any]]:
    events: list[e.Event] = [
        START,
        started(0, "thinking", origin=origin, item_id="rs_1"),
        e.ThinkingDelta(0, words),
        e.SignatureDelta(0, signature, origin),
        e.BlockEnded(0),
        END,
    ]
    return [each["reasoningContent"] for each in deltas(written(events))]


def test_thoughts_of_claude_and_of_others() -> None:
    sealed = seal(Sealed(origin="openai", signature="g", item_id="rs_1"))
    assert thought("Hm.", "s", "anthropic") == [{"text": "Hm."}, {"signature": "s"}]
    assert thought("", "s", "anthropic") == [{"signature": "s"}]
    assert thought("Hm.", "g", "openai") == [{"text": "Hm."}, {"signature": sealed}]
    assert thought("", "g", "openai") == [{"redactedContent": sealed_content(sealed)}]


def test_a_redacted_thought_is_one_delta() -> None:
    events = written([START, started(0, "redacted_thinking", data="EmwK"), e.BlockEnded(0), END])
    assert deltas(events) == [{"reasoningContent": {"redactedContent": "EmwK"}}]


def test_calls_have_the_callers_names_and_free_text_becomes_json() -> None:
    name = "a name with spaces"
    custom = started(0, "tool_call", call_id="t", name=legal_name(name), custom=True)
    said: list[e.Event] = [START, custom, e.ArgumentsDelta(0, "a\n"), e.ArgumentsDelta(0, '"b"'), e.BlockEnded(0), END]
    events = written(said, asked(tools=(Tool(name=name),)))
    assert events[1] == (
        "contentBlockStart",
        {"start": {"toolUse": {"toolUseId": "t", "name": name}}, "contentBlockIndex": 0},
    )
    assert deltas(events) == [{"toolUse": {"input": '{"input":"a\\n\\"b\\""}'}}]


def test_citations_and_the_stop_sequence_for_who_asked() -> None:
    cited: list[e.Event] = [
        START,
        started(0, "text"),
        e.CitationAdded(0, e.Citation(url="https://x/y")),
        e.BlockEnded(0),
    ]
    end = e.Finished(stop=e.StopReason.STOP_SEQUENCE, stop_sequence="END")
    curious = asked(echo={"additionalModelResponseFieldPaths": ["/stop_sequence"]})
    events = written([*cited, end], curious)
    assert deltas(events) == [{"citation": {"location": {"web": {"url": "https://x/y", "domain": "x"}}}}]
    assert events[-2][1] == {"stopReason": "stop_sequence", "additionalModelResponseFields": {"stop_sequence": "END"}}


def test_a_failure_is_an_exception() -> None:
    info = ErrorInfo(error_class=ErrorClass.RATE_LIMITED, message="slow down", status=429)
    assert written([START, e.Failed(info)])[-1] == ("throttlingException", {"message": "slow down"})


@given(replies())
def test_a_stream_says_what_the_whole_reply_says(reply: Reply) -> None:
    """Apart from calls whose arguments are no JSON object, which only a stream can say."""
    content: list[dict[str, Any]] = []
    for kind, payload in written(unfold(reply)):
        if kind == "contentBlockStart":
            content.append({"toolUse": payload["start"]["toolUse"] | {"input": ""}})
        elif kind == "contentBlockDelta":
            if payload["contentBlockIndex"] == len(content):
                content.append({})
            _add(content[-1], payload["delta"])
    body = msgspec.json.decode(DIALECT.encode_reply(reply, asked()))
    assert [sorted(block) for block in content] == [_kind(block) for block in body["output"]["message"]["content"]]
    texts = [block["text"] for block in content if "text" in block]
    assert texts == [_text(block) for block in body["output"]["message"]["content"] if _text(block)]


def _add(block: dict[str, Any], delta: dict[str, Any]) -> None:
    if "text" in delta:
        block["text"] = block.get("text", "") + delta["text"]
    elif "reasoningContent" in delta:
        block.setdefault("reasoningContent", {}).update(delta["reasoningContent"])
    elif "toolUse" in delta:
        block["toolUse"]["input"] += delta["toolUse"]["input"]
    else:
        block.setdefault("citation", []).append(delta["citation"])


def _text(block: dict[str, Any]) -> str:
    cited = block.get("citationsContent", {"content": [{"text": ""}]})
    text: str = block.get("text") or cited["content"][0]["text"]
    return text


def _kind(block: dict[str, Any]) -> list[str]:
    if "citationsContent" not in block:
        return sorted(block)
    return ["citation", "text"] if _text(block) else ["citation"]

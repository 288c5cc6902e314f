from __future__ import annotations

from typing import Any

import msgspec

from sekisho.canonical import events as e
from sekisho.canonical.fold import unfold
from sekisho.canonical.reply import Reply
from sekisho.canonical.request import Part, RedactedThinking, Refusal, Text, Thinking, Tool, ToolCall
from sekisho.canonical.tools import legal_name
from sekisho.wire.gemini_generate.part_writer import PartWriter
from sekisho.wire.gemini_generate.signatures import signature_for_caller
from tests.unit.wire.gemini_generate.samples import asked

CLAUDES = Thinking(text="I should look.", signature="sig", origin="anthropic")
CALL = ToolCall(id="toolu_1", name="f", arguments='{"b":1,"a":2}')


def written(*parts: Part, tools: tuple[Tool, ...] = ()) -> list[dict[str, Any]]:
    writer = PartWriter(asked(tools=tools))
    reply = Reply(id="r", model="m", parts=parts, stop=e.StopReason.END_TURN)
    made = [part for event in unfold(reply) for part in writer.parts(event)]
    last = writer.last_part()
    decoded: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode([*made, *([last] if last else [])]))
    return decoded


def test_a_signed_thought_rides_on_the_part_that_follows() -> None:
    call = {"id": "toolu_1", "name": "f", "args": {"b": 1, "a": 2}}
    assert written(CLAUDES, CALL) == [
        {"text": "I should look.", "thought": True},
        {"functionCall": call, "thoughtSignature": signature_for_caller(CLAUDES)},
    ]
    assert written(RedactedThinking("x"), Text("Hi"))[0]["thoughtSignature"]


def test_a_signature_that_none_follows_stands_alone() -> None:
    alone = {"text": "", "thoughtSignature": signature_for_caller(RedactedThinking("x"))}
    assert written(RedactedThinking("x")) == [alone]
    assert written(RedactedThinking("x"), CLAUDES, CALL)[1] == alone


def test_unsigned_thoughts_and_empty_texts() -> None:
    assert written(Thinking(text="why"), Text(""), Refusal("No.")) == [
        {"text": "why", "thought": True},
        {"text": "No."},
    ]


def test_a_call_has_the_callers_name_and_arguments_that_are_an_object() -> None:
    spaced = ToolCall(id="1", name=legal_name("read file"), arguments="")
    [made] = written(spaced, tools=(Tool(name="read file"),))
    assert made["functionCall"] == {"id": "1", "name": "read file", "args": {}}
    [custom] = written(ToolCall(id="1", name="patch", arguments="words", custom=True))
    assert custom["functionCall"]["args"] == {"input": "words"}


def test_sources_are_told_at_the_end() -> None:
    writer = PartWriter(asked())
    reply = Reply(
        id="r",
        model="m",
        parts=(Text("Hi"),),
        stop=e.StopReason.END_TURN,
        citations=((0, e.Citation(url="https://a", title="A")),),
    )
    assert [part for event in unfold(reply) for part in writer.parts(event)] == [{"text": "Hi"}]
    assert writer.sources()["groundingMetadata"]["groundingChunks"] == [{"web": {"uri": "https://a", "title": "A"}}]

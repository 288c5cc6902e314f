from __future__ import annotations

import base64
import json

import pytest

from sekisho.providers.fake import chat, messages
from sekisho.providers.fake.answer import Piece
from sekisho.providers.fake.framing import CONTENT_TYPES, GARBAGE, framed, framed_error
from sekisho.providers.fake.paths import Api, Framing
from sekisho.providers.fake.script import Script
from tests.unit.providers.fake.parts import aws_messages, made

EVENTS = [Piece(b'data: {"a":1}\r\n\r\n'), Piece(b'data: {"b":2}\r\n\r\n', spoken=True)]


def in_chunks(pieces: list[Piece]) -> list[dict[str, object]]:
    messages = aws_messages(b"".join(piece.data for piece in pieces))
    return [json.loads(base64.b64decode(json.loads(payload)["bytes"])) for _, payload in messages]


def test_an_array_is_whole_and_a_piece_an_item() -> None:
    answer, _ = made("messages", Script())
    pieces = framed(EVENTS, "array", answer)
    assert json.loads(b"".join(piece.data for piece in pieces)) == [{"a": 1}, {"b": 2}]
    assert [piece.spoken for piece in pieces] == [False, True]


@pytest.mark.parametrize("after", [0, 1])
def test_an_error_ends_an_array(after: int) -> None:
    answer, _ = made("messages", Script())
    begun = b"".join(piece.data for piece in framed(EVENTS, "array", answer)[:after])
    array = json.loads(begun + framed_error(b'data: {"error":{}}\r\n\r\n', "array", after))
    assert array[-1] == {"error": {}}
    assert framed_error(b"as it is", "chunks", after) == b"as it is"


@pytest.mark.parametrize("api", ["messages", "chat"])
def test_the_last_chunk_has_the_counts(api: Api) -> None:
    answer, ask = made(api, Script(input_tokens=5, output_tokens=9))
    stream = {"messages": messages.stream, "chat": chat.stream}[api]
    events = in_chunks(framed([*stream(answer, ask, 2), chat.DONE], "chunks", answer))
    assert not any(event.get("type") == "ping" for event in events)
    counted = [event for event in events if "amazon-bedrock-invocationMetrics" in event]
    assert counted == events[-1:]
    counts = counted[0]["amazon-bedrock-invocationMetrics"]
    assert isinstance(counts, dict)
    assert (counts["inputTokenCount"], counts["outputTokenCount"]) == (5, 9)


def test_silent_about_tokens_it_counts_nothing() -> None:
    answer, ask = made("messages", Script(no_usage=True))
    pieces = framed(list(messages.stream(answer, ask, 0)), "chunks", answer)
    assert not any("amazon-bedrock-invocationMetrics" in event for event in in_chunks(pieces))


@pytest.mark.parametrize("framing", CONTENT_TYPES)
def test_every_framing_can_break(framing: Framing) -> None:
    assert b"\xff" in GARBAGE[framing]
    answer, _ = made("messages", Script())
    if framing in ("sse", "aws"):
        assert framed(EVENTS, framing, answer) is EVENTS

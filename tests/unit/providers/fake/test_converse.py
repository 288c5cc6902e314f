from __future__ import annotations

import json
from typing import Any

import pytest

from sekisho.providers.fake import converse
from sekisho.providers.fake.script import Script
from tests.support.sse_client import parse_events
from tests.unit.providers.fake.parts import aws_messages, made

ALL = Script(thinking=True, tool="Bash", text="Hi there", input_tokens=5, output_tokens=9, cache_read_tokens=3)


def events_of(data: bytes) -> list[tuple[str, dict[str, Any]]]:
    return [(headers.get(":event-type", ""), json.loads(payload)) for headers, payload in aws_messages(data)]


def test_a_reply_has_thought_text_and_tool() -> None:
    reply = converse.reply(*made("converse", ALL))
    blocks = reply["output"]["message"]["content"]
    assert [next(iter(block)) for block in blocks] == ["reasoningContent", "text", "toolUse"]
    assert blocks[2]["toolUse"]["input"] == {"command": "scripted"}
    assert (reply["stopReason"], reply["metrics"]["latencyMs"]) == ("tool_use", 7)
    assert reply["usage"] == {
        "cacheReadInputTokens": 3,
        "cacheWriteInputTokens": 0,
        "inputTokens": 5,
        "outputTokens": 9,
        "totalTokens": 17,
    }


def test_only_a_tools_block_has_a_start() -> None:
    answer, ask = made("converse", ALL)
    pieces = list(converse.stream(answer, ask, 3))
    events = events_of(b"".join(piece.data for piece in pieces))
    names = [name for name, _ in events]
    assert names[0] == "messageStart"
    assert names[-2:] == ["messageStop", "metadata"]
    starts = [payload for name, payload in events if name == "contentBlockStart"]
    assert [start["contentBlockIndex"] for start in starts] == [2]
    assert [payload["contentBlockIndex"] for name, payload in events if name == "contentBlockStop"] == [0, 1, 2]
    deltas = [payload["delta"] for name, payload in events if name == "contentBlockDelta"]
    assert "".join(delta.get("text", "") for delta in deltas) == "Hi there"
    assert "".join(delta.get("toolUse", {}).get("input", "") for delta in deltas) == '{"command":"scripted"}'
    assert sum(piece.spoken for piece in pieces) == 3 + 2 + 2


def test_silent_about_tokens() -> None:
    answer, ask = made("converse", Script(no_usage=True))
    assert "usage" not in converse.reply(answer, ask)
    assert events_of(list(converse.stream(answer, ask, 0))[-1].data)[0][0] == "messageStop"


def test_novas_own_body_is_nearly_the_same() -> None:
    answer, ask = made("nova", ALL)
    reply = converse.nova_reply(answer, ask)
    assert set(reply) == {"output", "stopReason", "usage"}
    assert reply["usage"]["cacheReadInputTokenCount"] == 3
    datas = [
        json.loads(data) for _, data in parse_events(b"".join(p.data for p in converse.nova_stream(answer, ask, 0)))
    ]
    assert list(datas[0]) == ["messageStart"]
    assert datas[-1]["metadata"]["usage"]["outputTokens"] == 9


@pytest.mark.parametrize(
    ("kind", "exception"),
    [
        ("rate_limit", "throttlingException"),
        ("overloaded", "serviceUnavailableException"),
        ("api_error", "internalServerException"),
        ("timeout", "modelStreamErrorException"),
    ],
)
def test_a_stream_fails_by_an_exception(kind: str, exception: str) -> None:
    ((headers, _),) = aws_messages(converse.stream_error(made("converse", ALL)[0], kind))
    assert headers[":exception-type"] == exception


def test_counts() -> None:
    answer, ask = made("converse", ALL)
    assert converse.count_tokens(answer, ask) == {"inputTokens": 8}
    assert converse.metrics(answer)["outputTokenCount"] == 9
    assert converse.count_headers(answer)["x-amzn-bedrock-cache-read-input-token-count"] == "3"

"""Estimates of tokens beside what the providers counted, over all recordings whose request was kept.

What no estimate can see is left out: hosted tools, whose finds the provider adds, conversations that stand at the
provider, and requests that were cut before they were stored.
"""

from __future__ import annotations

import re
import statistics
from typing import Any
from urllib.parse import unquote

import msgspec

from sekisho.canonical.usage import Usage
from sekisho.wire.counters import COUNTERS
from sekisho.wire.estimate import estimate_tokens, unseen
from sekisho.wire.registry import BY_NAME
from tests.shared import Recording, needs_shared, recordings

pytestmark = needs_shared

DIALECT_OF = {
    ("anthropic", "messages"): "anthropic-messages",
    ("anthropic", "messages.count_tokens"): "anthropic-messages",
    ("openai", "chat.completions"): "openai-chat",
    ("azure", "chat.completions"): "openai-chat",
    ("openai", "responses"): "openai-responses",
    ("openai", "responses.input_tokens"): "openai-responses",
    ("azure", "responses"): "openai-responses",
    ("bedrock-mantle", "responses"): "openai-responses",
    ("bedrock", "invoke"): "anthropic-messages@bedrock",
    ("bedrock", "invoke-with-response-stream"): "anthropic-messages@bedrock",
    ("bedrock", "converse"): "bedrock-converse",
    ("bedrock", "converse-stream"): "bedrock-converse",
    ("bedrock", "count-tokens"): "bedrock-converse",
    ("gemini", "generateContent"): "gemini-generate",
    ("gemini", "streamGenerateContent"): "gemini-generate",
    ("gemini", "countTokens"): "gemini-generate",
    ("gemini", "chat.completions"): "openai-chat",
    ("vertex", "generateContent"): "gemini-generate",
    ("vertex", "streamGenerateContent"): "gemini-generate",
    ("vertex", "countTokens"): "gemini-generate",
}
COUNTS = {"messages.count_tokens", "responses.input_tokens", "count-tokens", "countTokens"}
#: Stored with a shorter request than was sent.
CUT = ("chat_completion_tool_call_streamed", "test_prompt_cache--")
#: What Bedrock says of an invocation in headers, whoever made the model.
_INVOKED = ("input", "cache-read-input", "cache-write-input")
_MODEL = re.compile(r"/(?:model|models)/([^?]+?)[/:](?:converse|invoke|count|generate|stream)")


def known_count(recording: Recording, dialect: str) -> int | None:
    """What the provider says that the prompt took."""
    body = recording.body()
    told = recording.load()["response"]["headers"]
    if "x-amzn-bedrock-input-token-count" in told:
        return sum(int(told.get(f"x-amzn-bedrock-{kind}-token-count", 0)) for kind in _INVOKED)
    if recording.endpoint in COUNTS:
        return COUNTERS[dialect].read(body)
    if not recording.streaming:
        usage = BY_NAME[dialect].read_facts(body).usage
        return usage.prompt_tokens if usage else None
    reader, seen = BY_NAME[dialect].stream_reader(), Usage()
    for event in (*reader.feed(body), *reader.close()):
        seen = getattr(event, "usage", None) or seen
    return seen.prompt_tokens


def asked(recording: Recording, dialect: str) -> tuple[bytes, str]:
    """(body as it would generate, model)."""
    loaded = recording.load()
    given: Any = loaded["request"].get("body")
    body = given.encode() if isinstance(given, str) else msgspec.json.encode(given)
    named = msgspec.json.decode(body).get("model") or (_MODEL.search(unquote(loaded.get("url") or "")) or [""] * 2)[1]
    return COUNTERS[dialect].opened(body).body if recording.endpoint in COUNTS else body, str(named)


def is_measurable(recording: Recording, dialect: str) -> bool:
    """Whether what the provider counted stands in the request, and its count in the answer."""
    left_out = "server_tool" in recording.features or any(part in recording.file for part in CUT)
    if recording.status != 200 or left_out or not recording.load()["request"].get("body"):
        return False
    body, _ = asked(recording, dialect)
    others = "@" in dialect and recording.streaming and b"anthropic_version" not in body
    return unseen(body) is None and not others


def measured() -> list[tuple[str, int, int]]:
    """(file, what the provider counted, our estimate)."""
    rows = []
    for recording in recordings():
        dialect = DIALECT_OF.get((recording.provider, recording.endpoint))
        if dialect is None or not is_measurable(recording, dialect):
            continue
        truth = known_count(recording, dialect)
        if truth:
            rows.append((recording.file, truth, estimate_tokens(*asked(recording, dialect))))
    return rows


def median_ratio(rows: list[tuple[str, int, int]], least: int, most: int) -> float:
    """Of estimate to count, over prompts of so many tokens."""
    return statistics.median(estimate / truth for _, truth, estimate in rows if least <= truth < most)


def test_no_estimate_is_low_and_most_are_near() -> None:
    rows = measured()
    assert len(rows) > 350
    assert [row for row in rows if row[2] < row[1]] == []
    assert median_ratio(rows, 1_000, 1 << 40) < 1.8
    assert median_ratio(rows, 200, 1_000) < 2.1
    assert median_ratio(rows, 1, 200) < 3.6  # what a family adds to every request outweighs a short one

"""Counting tokens in OpenAI's Responses: its input_tokens endpoint.

Flows in and out: as wire/counting.py says. Must stay true: only the members that the endpoint knows are sent.
Source: platform.openai.com/docs/api-reference/responses/input-tokens.
"""

from __future__ import annotations

import msgspec

from sekisho.wire.counting import Counting, Prompt, count_reader, only

NAME = "openai-responses"
_MEMBERS = frozenset(
    {
        "conversation",
        "input",
        "instructions",
        "model",
        "parallel_tool_calls",
        "previous_response_id",
        "reasoning",
        "text",
        "tool_choice",
        "tools",
        "truncation",
    }
)


def _told(tokens: int) -> bytes:
    return msgspec.json.encode({"object": "response.input_tokens", "input_tokens": tokens})


COUNT = Counting(
    opened=lambda body: Prompt(NAME, body),
    asked=lambda body, _asked: only(body, _MEMBERS),
    read=count_reader("input_tokens"),
    told=_told,
)

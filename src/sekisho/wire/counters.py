"""Every dialect in which tokens can be counted, by its name; chat completions have no count of their own."""

from __future__ import annotations

from sekisho.wire.anthropic_messages import count as anthropic_messages
from sekisho.wire.bedrock_converse import count as bedrock_converse
from sekisho.wire.counting import Counting
from sekisho.wire.gemini_generate import count as gemini_generate
from sekisho.wire.openai_responses import count as openai_responses

COUNTERS: dict[str, Counting] = {
    anthropic_messages.NAME: anthropic_messages.COUNT,
    f"{anthropic_messages.NAME}@vertex": anthropic_messages.ON_VERTEX,
    f"{anthropic_messages.NAME}@bedrock": anthropic_messages.ON_BEDROCK,
    bedrock_converse.NAME: bedrock_converse.COUNT,
    gemini_generate.NAME: gemini_generate.COUNT,
    openai_responses.NAME: openai_responses.COUNT,
}

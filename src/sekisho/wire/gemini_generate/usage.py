"""Token counts as Gemini says them, both ways.

Flows in: `usageMetadata`. Flows out: canonical Usage; and back. Must stay true: `promptTokenCount` counts what was
cached in, and what Google's tools added to the prompt not; thoughts are counted beside the candidates and billed with
them; a count that makes no sense is never negative. (ai.google.dev/api/generate-content#UsageMetadata)
"""

from __future__ import annotations

from typing import Any

from sekisho.canonical.usage import Usage
from sekisho.wire.gemini_generate.reply_schema import Count, UsageOut

_TIER_OF_TRAFFIC = {"ON_DEMAND_FLEX": "flex", "ON_DEMAND_PRIORITY": "priority", "ON_DEMAND": "standard"}


def read_usage(body: UsageOut | None) -> Usage | None:
    """Canonical counts in tokens; None when the provider gave none (a stream's first chunks may hold only its tier)."""
    if body is None or (body.prompt_token_count is None and body.candidates_token_count is None):
        return None
    prompt = _count(body.prompt_token_count)
    cached = min(_count(body.cached_content_token_count), prompt)
    thoughts = _count(body.thoughts_token_count)
    tier = body.service_tier if isinstance(body.service_tier, str) else None
    return Usage(
        input_tokens=prompt - cached + _count(body.tool_use_prompt_token_count),
        cache_read_tokens=cached,
        output_tokens=_count(body.candidates_token_count) + thoughts,
        reasoning_tokens=thoughts,
        service_tier=tier or _TIER_OF_TRAFFIC.get(str(body.traffic_type)),
    )


def _count(value: Count) -> int:
    return 0 if value is None else max(0, int(value))


def write_usage(usage: Usage) -> dict[str, Any]:
    """`usageMetadata` with the counts that there are."""
    value = {
        "promptTokenCount": usage.prompt_tokens,
        "candidatesTokenCount": max(0, usage.output_tokens - usage.reasoning_tokens),
        "totalTokenCount": usage.total_tokens,
    }
    if usage.cache_read_tokens:
        value["cachedContentTokenCount"] = usage.cache_read_tokens
    if usage.reasoning_tokens:
        value["thoughtsTokenCount"] = usage.reasoning_tokens
    return value

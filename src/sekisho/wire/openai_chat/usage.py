"""Token counts as chat completions say them, and as every vendor of this dialect bends them.

Flows in: a `usage` object. Flows out: canonical Usage; and back with every detail field.
Must stay true: `prompt_tokens` counts cached and written tokens in; a count that makes no sense is never negative.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sekisho.canonical.usage import Usage, word

Count = int | float | None


class CacheLife(msgspec.Struct):
    ephemeral_1h_input_tokens: Count = None


class PromptDetails(msgspec.Struct):
    """`cache_write_tokens` is OpenAI's and OpenRouter's, the last two are LiteLLM's."""

    cached_tokens: Count = None
    cache_write_tokens: Count = None
    cache_creation_tokens: Count = None
    cache_creation_token_details: CacheLife | None = None


class CompletionDetails(msgspec.Struct):
    reasoning_tokens: Count = None


class UsageBody(msgspec.Struct):
    """The usage object; the fields after the details are DeepSeek's, Moonshot's and LiteLLM's."""

    prompt_tokens: Count = None
    completion_tokens: Count = None
    total_tokens: Count = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None
    prompt_cache_hit_tokens: Count = None
    cached_tokens: Count = None
    cache_read_input_tokens: Count = None
    cache_creation_input_tokens: Count = None


_NO_PROMPT_DETAILS = PromptDetails()
_NO_COMPLETION_DETAILS = CompletionDetails()


def read_usage(body: UsageBody | None, tier: Any = None) -> Usage | None:
    """Canonical counts in tokens, with the `service_tier` beside them; None when the provider gave none."""
    if body is None or (body.prompt_tokens is None and body.completion_tokens is None):
        return None
    details = body.prompt_tokens_details or _NO_PROMPT_DETAILS
    prompt, output = _count(body.prompt_tokens), _count(body.completion_tokens)
    cached = _count(
        details.cached_tokens, body.prompt_cache_hit_tokens, body.cached_tokens, body.cache_read_input_tokens
    )
    written = _count(details.cache_write_tokens, details.cache_creation_tokens, body.cache_creation_input_tokens)
    life = details.cache_creation_token_details
    reasoning = _count((body.completion_tokens_details or _NO_COMPLETION_DETAILS).reasoning_tokens)
    if reasoning and body.total_tokens == prompt + output + reasoning:
        output += reasoning  # xAI counts thought beside the completion and bills both
    return Usage(
        input_tokens=_uncached(prompt, cached, written),
        cache_read_tokens=cached,
        cache_write_tokens=written,
        cache_write_1h_tokens=min(written, _count(life.ephemeral_1h_input_tokens)) if life is not None else 0,
        output_tokens=output,
        reasoning_tokens=min(reasoning, output),
        service_tier=word(tier),
    )


def _uncached(prompt: int, cached: int, written: int) -> int:
    """What of the prompt was neither read from a cache nor written to one. Some vendors count those beside it."""
    rest = prompt - cached - written
    if rest >= 0:
        return rest
    return prompt - cached if cached <= prompt else prompt


def _count(*values: Count) -> int:
    """The first count given, as a whole number of tokens."""
    for value in values:
        if value is not None:
            return max(0, int(value))
    return 0


#: The words of this dialect for a tier.
_TIERS = frozenset({"auto", "default", "flex", "scale", "priority"})


def write_tier(usage: Usage | None) -> str | None:
    """The `service_tier` of a reply; None where the provider said none or in words of another dialect."""
    return usage.service_tier if usage is not None and usage.service_tier in _TIERS else None


def write_usage(usage: Usage) -> dict[str, Any]:
    """A usage object with every field that newest clients require."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }

"""Quirks of model families, as data: the first row whose pattern matches a routed model's name counts.

Sources: the providers' model pages as of November 2026 (Anthropic "Models overview" and "Extended thinking"; OpenAI
"Models" and "Reasoning"; Amazon Bedrock "Prompt caching" and "Structured outputs"; Google "Gemini models" and
"Thinking"). Facts age: a new family is a new row, never a branch in code.
"""

from __future__ import annotations

import functools
import re

from msgspec.structs import replace

from sekisho.canonical.target import Profile

_CLAUDE = Profile(max_output_tokens=64_000, thinking="budget", own_fields="claude", interleaved_beta=True)
_CLAUDE_ADAPTIVE = replace(_CLAUDE, thinking="adaptive", sampling=False, prefill=False, interleaved_beta=False)
_CLAUDE_3 = Profile(own_fields="claude")
_NOVA = Profile(own_fields="nova", cache_points="text", output_schema=False)
_PLAIN = Profile(cache_points="nothing")
_OPENAI_REASONING = Profile(max_output_tokens=128_000, openai_reasoning=True, prefers_responses=True)
_FROM_LOW = ("low", "medium", "high")
_GEMINI = Profile(max_output_tokens=65_535, prefill=False, thinking_budgets=(1, 24_576), output_schema_with_tools=False)
_GEMINI_3 = Profile(
    max_output_tokens=65_535,
    prefill=False,
    thinking_levels=("minimal", "low", "medium", "high"),
    always_thinks=True,
    files_in_results=True,
)

#: (pattern, profile), the more particular first.
PROFILES: tuple[tuple[re.Pattern[str], Profile], ...] = tuple(
    (re.compile(pattern), profile)
    for pattern, profile in (
        (r"claude-(opus|sonnet)-4-[78]|claude-(opus|sonnet|haiku|fable)-[5-9]", _CLAUDE_ADAPTIVE),
        (r"claude-opus-4(-1|@|-2025|$)", replace(_CLAUDE, max_output_tokens=32_000)),
        (r"claude-3-7", replace(_CLAUDE, interleaved_beta=False)),
        (r"claude-3-5", replace(_CLAUDE_3, max_output_tokens=8_192)),
        (r"claude-(v2|instant|3)", replace(_CLAUDE_3, max_output_tokens=4_096)),
        (r"claude", _CLAUDE),
        (r"(^|/)gpt-([5-9]|\d\d)", replace(_OPENAI_REASONING, allowed_tools=True)),
        (r"(^|/)(o[1-9]|codex)", _OPENAI_REASONING),
        (r"(^|/)gpt-4\.1", Profile(max_output_tokens=32_768)),
        (r"(^|/)gpt-4o", Profile(max_output_tokens=16_384)),
        (r"amazon\.nova-2", replace(_NOVA, max_output_tokens=64_000)),
        (r"amazon\.nova", replace(_NOVA, max_output_tokens=10_000)),
        # Bedrock's names of models that cache nothing on demand: a vendor, a dot, a model.
        (r"(^|[./])(ai21|amazon|cohere|deepseek|google|meta|minimax|mistral|moonshot(ai)?|nvidia)\.", _PLAIN),
        (r"(^|[./])(openai|qwen|writer|zai)\.", _PLAIN),
        (r"gemini-3-pro", replace(_GEMINI_3, thinking_levels=("low", "high"))),
        (r"gemini-([3-9]|\d\d)(\.\d+)?-pro|gemini-pro-latest", replace(_GEMINI_3, thinking_levels=_FROM_LOW)),
        (r"gemini-([3-9]|\d\d)|gemini-flash(-lite)?-latest", _GEMINI_3),
        (r"gemini-2\.5-pro", replace(_GEMINI, thinking_budgets=(128, 32_768), always_thinks=True)),
        (r"gemini-2\.5-flash-lite", replace(_GEMINI, thinking_budgets=(512, 24_576))),
        (r"gemini-(2\.0|1)", replace(_GEMINI, thinking_budgets=None, max_output_tokens=8_192)),
        (r"gemini", _GEMINI),
    )
)


@functools.lru_cache(maxsize=4096)
def profile_of(model: str) -> Profile:
    """The quirks of a routed model, by its name."""
    return next((profile for pattern, profile in PROFILES if pattern.search(model)), Profile())

"""Quirks of model families, as data: the first row whose pattern matches a routed model's name counts.

Sources: the providers' model pages as of November 2026 (Anthropic "Models overview" and "Extended thinking"; OpenAI
"Models" and "Reasoning"). Facts age: a new family is a new row, never a branch in code.
"""

from __future__ import annotations

import functools
import re

from sekisho.canonical.target import Profile

_CLAUDE = Profile(max_output_tokens=64_000, thinking="budget")
_CLAUDE_ADAPTIVE = Profile(max_output_tokens=64_000, thinking="adaptive", sampling=False, prefill=False)
_OPENAI_REASONING = Profile(max_output_tokens=128_000, openai_reasoning=True, prefers_responses=True)

#: (pattern, profile), the more particular first.
PROFILES: tuple[tuple[re.Pattern[str], Profile], ...] = tuple(
    (re.compile(pattern), profile)
    for pattern, profile in (
        (r"claude-(opus|sonnet)-4-[78]|claude-(opus|sonnet|haiku|fable)-[5-9]", _CLAUDE_ADAPTIVE),
        (r"claude-opus-4(-1|@|-2025|$)", Profile(max_output_tokens=32_000, thinking="budget")),
        (r"claude-(opus|sonnet|haiku)-4|claude-3-7", _CLAUDE),
        (r"claude-3-5", Profile(max_output_tokens=8_192)),
        (r"claude-3", Profile(max_output_tokens=4_096)),
        (r"claude", _CLAUDE),
        (r"(^|/)(gpt-([5-9]|\d\d)|o[1-9]|codex)", _OPENAI_REASONING),
        (r"(^|/)gpt-4\.1", Profile(max_output_tokens=32_768)),
        (r"(^|/)gpt-4o", Profile(max_output_tokens=16_384)),
    )
)


@functools.lru_cache(maxsize=4096)
def profile_of(model: str) -> Profile:
    """The quirks of a routed model, by its name."""
    return next((profile for pattern, profile in PROFILES if pattern.search(model)), Profile())

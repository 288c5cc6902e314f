"""Token counts by kind, as integers.

Flows in: what a provider reported. Flows out: one shape for prices and ledger.
Must stay true: the kinds are disjoint, except that `reasoning_tokens` is the part of `output_tokens` spent on thinking.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of one call.

    `input_tokens` excludes everything cached (Anthropic's sense; OpenAI's prompt_tokens is `prompt_tokens` here);
    `cache_write_tokens` is every write, `cache_write_1h_tokens` the part of it with a one-hour life. How the
    provider says it served them, in its own words: `service_tier` and `inference_geo` (Anthropic's); None: unsaid.
    """

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    service_tier: str | None = None
    inference_geo: str | None = None

    @property
    def prompt_tokens(self) -> int:
        """All input, cached or not: OpenAI's prompt_tokens / input_tokens."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens

    @property
    def total_tokens(self) -> int:
        """All tokens of the call."""
        return self.prompt_tokens + self.output_tokens

    @property
    def cache_hit_share(self) -> float | None:
        """The part of the prompt that was read from a cache, 0 to 1; None without a prompt."""
        return self.cache_read_tokens / self.prompt_tokens if self.prompt_tokens else None

    def plus(self, other: Usage) -> Usage:
        """The tokens of both, served as `other` was."""
        return msgspec.structs.replace(other, **{name: getattr(self, name) + getattr(other, name) for name in COUNTS})


def word(value: Any) -> str | None:
    """A tier or geography as a provider wrote it; None for what is no text."""
    return value if isinstance(value, str) else None


#: The fields that count tokens.
COUNTS = tuple(name for name in Usage.__struct_fields__ if name.endswith("_tokens"))

"""Token counts by kind, as integers.

Flows in: what a provider reported. Flows out: one shape for prices and ledger.
Must stay true: the kinds are disjoint, except that `reasoning_tokens` is the part of `output_tokens` spent on thinking.
"""

from __future__ import annotations

import msgspec


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of one call.

    `input_tokens` excludes everything cached (Anthropic's sense; OpenAI's prompt_tokens is `prompt_tokens` here);
    `cache_write_tokens` is every write, `cache_write_1h_tokens` the part of it with a one-hour life.
    """

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def prompt_tokens(self) -> int:
        """All input, cached or not: OpenAI's prompt_tokens / input_tokens."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens

    @property
    def total_tokens(self) -> int:
        """All tokens of the call."""
        return self.prompt_tokens + self.output_tokens

    def plus(self, other: Usage) -> Usage:
        """The tokens of both."""
        return Usage(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})

"""The model a request is written for, and the quirks of its family that a codec must respect.

Flows in: a deployment's routed model with its profile (values in providers/profiles.py). Flows out: the codec's
choices. Must stay true: a profile holds facts about models, never about who hosts them.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """Quirks of a model family."""

    #: The most output tokens; Anthropic's dialect must name a maximum, and this is sent when the caller named none.
    max_output_tokens: int = 32_000
    #: How thinking is asked for in Anthropic's dialect: a token budget, the adaptive mode, or not at all.
    thinking: Literal["budget", "adaptive", "none"] = "none"
    #: OpenAI's reasoning models: `max_completion_tokens`, no temperature/top_p/penalties, takes `reasoning_effort`.
    openai_reasoning: bool = False
    #: OpenAI's Responses is the better API of this model for callers of a foreign dialect.
    prefers_responses: bool = False
    #: Takes, in OpenAI's dialects, a list of the tools that may be called of those on offer.
    allowed_tools: bool = False
    #: Accepts temperature / top_p / top_k in Anthropic's dialect.
    sampling: bool = True
    #: Accepts a trailing assistant message to continue from.
    prefill: bool = True
    #: Accepts a JSON schema as output format in its own dialect.
    output_schema: bool = True
    #: Whose words it takes in the fields that Bedrock's Converse hands through to the model unread.
    own_fields: Literal["claude", "nova", "none"] = "none"
    #: Behind what Bedrock's Converse takes a cache point for it.
    cache_points: Literal["anything", "text", "nothing"] = "anything"
    #: With a budget it thinks between tool calls only when a beta asks for it; others know no such beta.
    interleaved_beta: bool = False
    #: Accepts it also beside tools.
    output_schema_with_tools: bool = True
    #: Gemini's words for how much to think, from little to much; empty where the model takes a budget, or no thinking.
    thinking_levels: tuple[str, ...] = ()
    #: The least and the most tokens of Gemini's thinking budget; None where the model takes none.
    thinking_budgets: tuple[int, int] | None = None
    #: Gemini's models that cannot be told not to think.
    always_thinks: bool = False
    #: Accepts images and documents inside the results of tools, in Gemini's dialect.
    files_in_results: bool = False


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Who a request is written for. `model` is the routed model's name on the wire; `compatible` marks a server that
    only imitates OpenAI (it takes `max_tokens`, not `max_completion_tokens`, and no developer role).
    """

    model: str
    profile: Profile = Profile()
    compatible: bool = False

    @property
    def takes_allowed_tools(self) -> bool:
        """Whether it can be told, in OpenAI's dialects, which of the tools on offer may be called."""
        return self.profile.allowed_tools and not self.compatible


class Encoded(msgspec.Struct, frozen=True):
    """A request body in a target's dialect, and the names of tuning fields that had to stay behind."""

    body: bytes
    dropped: tuple[str, ...] = ()

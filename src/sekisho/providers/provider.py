"""Who answers: a provider as a row of facts.

Must stay true: a row holds no behaviour; behaviour earns a file of its own; nobody outside providers/ compares a name.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the catalog."""

    #: The prefix in `litellm_params.model` ("anthropic/claude-…"), and the ledger's `provider`.
    name: str
    #: The dialects it serves, the preferred first.
    dialects: tuple[str, ...]
    #: Where it is, without the dialect's path; "" when the operator must say (`api_base`).
    base_url: str
    #: How a key is shown: "bearer" (Authorization) or "x-api-key".
    auth: Literal["bearer", "x-api-key"]
    #: The environment variable that holds the key when the configuration names none.
    key_variable: str | None
    #: Under which provider the price table lists its models; "" for none (a server of one's own).
    price_key: str
    #: Bills only what it sent ("cancel" upstream when the caller hangs up) or the whole answer ("drain" it).
    hang_up: Literal["cancel", "drain"] = "cancel"
    #: Imitates OpenAI: `max_tokens`, no developer role, no Responses unless it answers there.
    compatible: bool = False
    #: Serves a model without a key.
    keyless: bool = False
    docs_url: str = ""


#: dialect -> operation -> path below the base URL.
PATHS: dict[str, dict[str, str]] = {
    "anthropic-messages": {"generate": "/v1/messages", "count_tokens": "/v1/messages/count_tokens"},
    "openai-chat": {"generate": "/chat/completions", "completions": "/completions", "embeddings": "/embeddings"},
    "openai-responses": {"generate": "/responses"},
}

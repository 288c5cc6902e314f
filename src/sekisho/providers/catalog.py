"""Every provider, one row each.

Adding one of a known dialect is adding a row here, or a line in compatible.py. Must stay true: a row states facts; no
two rows have one name.
"""

from __future__ import annotations

from sekisho.core.errors import OperatorError
from sekisho.providers import plain
from sekisho.providers.clouds import CLOUDS
from sekisho.providers.compatible import BOTH, CHAT, COUNTED, PUBLIC, SERVERS
from sekisho.providers.provider import Path, Provider, Service

PROVIDERS: tuple[Provider, ...] = (
    Provider(
        name="openai",
        services=(CHAT, COUNTED),
        base_url="https://api.openai.com/v1",
        key_variables=("OPENAI_API_KEY",),
        price_key="openai",
        organization_header="openai-organization",
        pins={"responses/": "openai-responses"},
        place=plain.place,
        docs_url="https://platform.openai.com/docs/api-reference",
    ),
    Provider(
        name="anthropic",
        services=(
            Service(
                "anthropic-messages",
                {"generate": Path("/v1/messages"), "count_tokens": Path("/v1/messages/count_tokens")},
            ),
        ),
        base_url="https://api.anthropic.com",
        auth="x-api-key",
        key_variables=("ANTHROPIC_API_KEY",),
        price_key="anthropic",
        place=plain.place_above_version,
        docs_url="https://docs.anthropic.com/en/api/messages",
    ),
    Provider(
        name="gemini",
        services=(
            Service(
                "gemini-generate",
                {
                    "generate": Path(
                        "/v1beta/models/{model}:generateContent",
                        "/v1beta/models/{model}:streamGenerateContent?alt=sse",
                    ),
                    "count_tokens": Path("/v1beta/models/{model}:countTokens"),
                    "embeddings": Path("/v1beta/models/{model}:embedContent"),
                    "batch_embeddings": Path("/v1beta/models/{model}:batchEmbedContents"),
                },
            ),
        ),
        base_url="https://generativelanguage.googleapis.com",
        auth="x-goog-api-key",
        key_variables=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        price_key="google",
        place=plain.place_above_version,
        docs_url="https://ai.google.dev/api/generate-content",
    ),
    Provider(
        name="openrouter",
        services=(*BOTH, Service("anthropic-messages", {"generate": Path("/messages")}, models=r"^anthropic/")),
        base_url="https://openrouter.ai/api/v1",
        key_variables=("OPENROUTER_API_KEY", "OR_API_KEY"),
        price_key="openrouter",
        compatible=True,
        place=plain.place,
        docs_url="https://openrouter.ai/docs/api/reference/overview",
    ),
    *CLOUDS,
    *PUBLIC,
    *SERVERS,
)


def _by_name(rows: tuple[Provider, ...]) -> dict[str, Provider]:
    pairs = [(name, row) for row in rows for name in (row.name, *row.aliases)]
    names = dict(pairs)
    if len(names) != len(pairs):
        raise OperatorError("Two providers in the catalog have the same name.")
    return names


_ROWS = _by_name(PROVIDERS)


def find_provider(name: str) -> Provider | None:
    """The row called `name`, or None."""
    return _ROWS.get(name)

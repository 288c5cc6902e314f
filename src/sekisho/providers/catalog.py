"""Every provider, one row each. Adding one of a known dialect is adding a row here."""

from __future__ import annotations

from sekisho.core.errors import OperatorError
from sekisho.providers.provider import Provider

_OPENAI = ("openai-chat", "openai-responses")


def _server(name: str, base_url: str = "", *, key_variable: str | None = None, docs_url: str) -> Provider:
    """A server that imitates OpenAI and may be run without a key."""
    return Provider(
        name=name,
        dialects=_OPENAI,
        base_url=base_url,
        auth="bearer",
        key_variable=key_variable,
        price_key="",
        compatible=True,
        keyless=True,
        docs_url=docs_url,
    )


PROVIDERS: tuple[Provider, ...] = (
    Provider(
        name="openai",
        dialects=_OPENAI,
        base_url="https://api.openai.com/v1",
        auth="bearer",
        key_variable="OPENAI_API_KEY",
        price_key="openai",
        docs_url="https://platform.openai.com/docs/api-reference",
    ),
    Provider(
        name="anthropic",
        dialects=("anthropic-messages",),
        base_url="https://api.anthropic.com",
        auth="x-api-key",
        key_variable="ANTHROPIC_API_KEY",
        price_key="anthropic",
        docs_url="https://docs.anthropic.com/en/api/messages",
    ),
    _server("custom_openai", docs_url="https://platform.openai.com/docs/api-reference/chat"),
    _server("openai_like", docs_url="https://platform.openai.com/docs/api-reference/chat"),
    _server(
        "hosted_vllm",
        key_variable="HOSTED_VLLM_API_KEY",
        docs_url="https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
    ),
    _server(
        "ollama", "http://127.0.0.1:11434/v1", docs_url="https://github.com/ollama/ollama/blob/main/docs/openai.md"
    ),
    _server(
        "ollama_chat", "http://127.0.0.1:11434/v1", docs_url="https://github.com/ollama/ollama/blob/main/docs/openai.md"
    ),
    _server("lm_studio", "http://127.0.0.1:1234/v1", docs_url="https://lmstudio.ai/docs/api/openai-api"),
    _server("llamafile", "http://127.0.0.1:8080/v1", docs_url="https://github.com/Mozilla-Ocho/llamafile"),
)


def _by_name(rows: tuple[Provider, ...]) -> dict[str, Provider]:
    names = {row.name: row for row in rows}
    if len(names) != len(rows):
        raise OperatorError("Two providers in the catalog have the same name.")
    return names


_ROWS = _by_name(PROVIDERS)


def find_provider(name: str) -> Provider | None:
    """The row called `name`, or None."""
    return _ROWS.get(name)

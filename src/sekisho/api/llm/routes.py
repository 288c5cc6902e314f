"""Every path that agents call, one line each. Adding a surface is adding a line (and its dialect, if it is new).

Each path is served with and without its `/v1`.
"""

from __future__ import annotations

from sekisho.core.errors import OperatorError
from sekisho.exchange.call import Surface

SURFACES: tuple[Surface, ...] = (
    Surface("POST", "/v1/messages", "anthropic-messages", "generate"),
    Surface("POST", "/v1/messages/count_tokens", "anthropic-messages", "count_tokens"),
    Surface("POST", "/v1/chat/completions", "openai-chat", "generate"),
    Surface("POST", "/v1/completions", "openai-chat", "completions"),
    Surface("POST", "/v1/embeddings", "openai-chat", "embeddings"),
    Surface("POST", "/v1/responses", "openai-responses", "generate"),
    # A WebSocket upgrade is answered 426, and Codex and Copilot fall back to POST at once.
    Surface("GET", "/v1/responses", "openai-responses", "upgrade"),
    Surface("GET", "/v1/models", "openai-chat", "models"),
    Surface("GET", "/v1/model/info", "openai-chat", "model_info"),
    Surface("HEAD", "/v1/api/hello", "anthropic-messages", "hello"),
    Surface("GET", "/v1/health/liveliness", "openai-chat", "liveliness"),
    Surface("GET", "/v1/health/liveness", "openai-chat", "liveliness"),
    Surface("GET", "/v1/health/readiness", "openai-chat", "readiness"),
)


def index(surfaces: tuple[Surface, ...]) -> dict[str, dict[str, Surface]]:
    """Path -> method -> surface. Raises OperatorError when a line stands twice."""
    table: dict[str, dict[str, Surface]] = {}
    for surface in surfaces:
        for path in (surface.path, surface.path.removeprefix("/v1")):
            methods = table.setdefault(path, {})
            if surface.method in methods:
                raise OperatorError(f"{surface.method} {path} is routed twice.")
            methods[surface.method] = surface
    return table

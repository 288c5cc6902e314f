"""Every path that agents call, one line each. Adding a surface is adding a line (and its dialect, if it is new).

Each path is served with and without its `/v1`, and below the prefixes by which LiteLLM's users reach one vendor's
paths (`/bedrock/model/…`): there is one governed surface, and no other road.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

import msgspec

from sekisho.core.errors import OperatorError
from sekisho.exchange.call import Surface

_INVOKE = "anthropic-messages@bedrock"
_RAW = "anthropic-messages@vertex"
_GEMINI_MODELS = (
    "/v1beta/models/{model}",
    "/v1/models/{model}",
    "/v1/publishers/google/models/{model}",
    "/v1beta1/publishers/google/models/{model}",
    "/v1/projects/{project}/locations/{location}/publishers/google/models/{model}",
    "/v1beta1/projects/{project}/locations/{location}/publishers/google/models/{model}",
)
_CLAUDE_ON_VERTEX = "/v1/projects/{project}/locations/{location}/publishers/anthropic/models"


def _gemini(at: str) -> Iterator[Surface]:
    """What Google serves of one model; a stream is an array unless `?alt=sse` asks for events."""
    yield Surface("POST", f"{at}:generateContent", "gemini-generate", "generate", stream=False)
    yield Surface("POST", f"{at}:streamGenerateContent", "gemini-generate@array", "generate", stream=True)
    yield Surface("POST", f"{at}:countTokens", "gemini-generate", "count_tokens", stream=False)
    yield Surface("POST", f"{at}:embedContent", "gemini-generate", "embeddings", stream=False)
    yield Surface("POST", f"{at}:batchEmbedContents", "gemini-generate", "batch_embeddings", stream=False)


SURFACES: tuple[Surface, ...] = (
    Surface("POST", "/v1/messages", "anthropic-messages", "generate"),
    Surface("POST", "/v1/messages/count_tokens", "anthropic-messages", "count_tokens"),
    Surface("POST", "/v1/chat/completions", "openai-chat", "generate"),
    Surface("POST", "/v1/completions", "openai-chat", "completions"),
    Surface("POST", "/v1/embeddings", "openai-chat", "embeddings"),
    Surface("POST", "/v1/responses", "openai-responses", "generate"),
    Surface("POST", "/v1/responses/input_tokens", "openai-responses", "count_tokens"),
    # As a WebSocket; without the upgrade it is answered 426.
    Surface("GET", "/v1/responses", "openai-responses", "upgrade"),
    Surface("POST", "/utils/token_counter", "openai-chat", "token_counter"),
    Surface("GET", "/v1/models", "openai-chat", "models"),
    Surface("GET", "/v1/model/info", "openai-chat", "model_info"),
    Surface("GET", "/v2/model/info", "openai-chat", "model_info_page"),
    Surface("GET", "/model_group/info", "openai-chat", "model_groups"),
    Surface("GET", "/health", "openai-chat", "health"),
    Surface("HEAD", "/v1/api/hello", "anthropic-messages", "hello"),
    Surface("GET", "/v1/health/liveliness", "openai-chat", "liveliness"),
    Surface("GET", "/v1/health/liveness", "openai-chat", "liveliness"),
    Surface("GET", "/v1/health/readiness", "openai-chat", "readiness"),
    # Amazon Bedrock Runtime
    Surface("POST", "/model/{model}/converse", "bedrock-converse", "generate", stream=False),
    Surface("POST", "/model/{model}/converse-stream", "bedrock-converse", "generate", stream=True),
    Surface("POST", "/model/{model}/invoke", _INVOKE, "generate", stream=False),
    Surface("POST", "/model/{model}/invoke-with-response-stream", _INVOKE, "generate", stream=True),
    Surface("POST", "/model/{model}/count-tokens", "bedrock-converse", "count_tokens", stream=False),
    Surface("GET", "/inference-profiles", "bedrock-converse", "inference_profiles"),
    # Gemini API, Vertex AI's express mode, Vertex AI
    *(surface for at in _GEMINI_MODELS for surface in _gemini(at)),
    Surface("GET", "/v1beta/models", "gemini-generate", "gemini_models"),
    # Behind Google's, whose paths begin with it.
    Surface("GET", "/v1/models/{model}", "openai-chat", "model"),
    # Claude on Vertex AI
    Surface("POST", _CLAUDE_ON_VERTEX + "/count-tokens:rawPredict", "anthropic-messages", "count_tokens"),
    Surface("POST", _CLAUDE_ON_VERTEX + "/{model}:rawPredict", _RAW, "generate", stream=False),
    Surface("POST", _CLAUDE_ON_VERTEX + "/{model}:streamRawPredict", _RAW, "generate", stream=True),
    # Azure OpenAI
    Surface("POST", "/openai/deployments/{model}/chat/completions", "openai-chat", "generate"),
    Surface("POST", "/openai/deployments/{model}/completions", "openai-chat", "completions"),
    Surface("POST", "/openai/deployments/{model}/embeddings", "openai-chat", "embeddings"),
)
#: Below these stand the same paths.
PREFIXES = ("/bedrock", "/vertex_ai", "/anthropic", "/gemini", "/openai", "/azure")
_PLACE = re.compile(r"\{(\w+)\}")


def both(path: str) -> tuple[str, ...]:
    """A path with and, where it has one, without its `/v1`."""
    return (path, path.removeprefix("/v1")) if path.startswith("/v1/") else (path,)


class Found(msgspec.Struct, frozen=True):
    """What stands at a path: method -> surface, and the model that the path names."""

    methods: dict[str, Surface]
    model: str | None = None


class Routes:
    """SURFACES, indexed."""

    def __init__(self, surfaces: tuple[Surface, ...]) -> None:
        """Raises OperatorError when a line stands twice."""
        self._exact: dict[str, Found] = {}
        patterns: dict[str, dict[str, Surface]] = {}
        for surface in surfaces:
            for path in both(surface.path):
                named = "{" in path
                methods = patterns.setdefault(path, {}) if named else self._exact.setdefault(path, Found({})).methods
                if surface.method in methods:
                    raise OperatorError(f"{surface.method} {path} is routed twice.")
                methods[surface.method] = surface
        #: The more particular first: a fixed name where another pattern takes any.
        self._patterns = sorted(
            ((_pattern(path), methods) for path, methods in patterns.items()), key=lambda row: row[0].groups
        )

    def find(self, path: str, raw_path: bytes) -> Found | None:
        """What stands at a path. `raw_path` is the same with its percent-encoding, which separates a model's own
        slashes from the path's.
        """
        found = self._exact.get(path)
        if found is not None:
            return found
        raw = raw_path.decode("latin-1")
        found = self._named(raw)
        prefix = next((each for each in PREFIXES if path.startswith(f"{each}/")), None)
        if found is None and prefix is not None and raw.startswith(prefix):
            return self._exact.get(path.removeprefix(prefix)) or self._named(raw.removeprefix(prefix))
        return found

    def _named(self, raw: str) -> Found | None:
        for pattern, methods in self._patterns:
            match = pattern.fullmatch(raw)
            if match is not None:
                model = match.groupdict().get("model")
                return Found(methods, None if model is None else unquote(model))
        return None


def _pattern(path: str) -> re.Pattern[str]:
    """Only the model may hold slashes: callers write those of an ARN, or of a name like `openai/gpt`, as they are."""
    pieces = _PLACE.split(path)
    texts = [re.escape(piece) if at % 2 == 0 else _group(piece) for at, piece in enumerate(pieces)]
    return re.compile("".join(texts))


def _group(name: str) -> str:
    return "(?P<model>.+)" if name == "model" else f"(?P<{name}>[^/]+)"

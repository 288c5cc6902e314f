"""The clouds: Bedrock, Azure, Vertex AI. Their rows; how a deployment of each is read stands in a file of its own.

Sources, as of November 2026: the paths of Amazon Bedrock Runtime (service model 2023-09-30), "Azure OpenAI v1 API" and
"Claude in Microsoft Foundry", Vertex AI's v1 REST reference and "Claude on Vertex AI".
"""

from __future__ import annotations

from typing import Final

from sekisho.providers import azure, bedrock, vertex
from sekisho.providers.provider import Path, Provider, Service

_CLAUDE: Final = "(?i)claude"
_NOT_CLAUDE: Final = "(?i)^(?!.*claude)"
_VERTEX: Final = "/v1/projects/{project}/locations/{location}"
#: Bedrock's InvokeModel, for the bodies of a model's maker.
_INVOKE: Final = Path("/model/{model}/invoke", "/model/{model}/invoke-with-response-stream")
_COUNT: Final = Path("/model/{base_id}/count-tokens")


def _gemini(models: str, pattern: str) -> Service:
    """Google's own dialect, below the path of a model."""
    return Service(
        "gemini-generate",
        {
            "generate": Path(f"{models}:generateContent", f"{models}:streamGenerateContent?alt=sse"),
            "count_tokens": Path(f"{models}:countTokens"),
        },
        models=pattern,
    )


def _openai(root: str, query: str, models: str = "") -> tuple[Service, Service]:
    """Both of OpenAI's dialects, with the model in the body."""
    chat = {name: Path(f"{root}/{path}{query}") for name, path in _CHAT.items()}
    responses = {"generate": Path(f"{root}/responses{query}")}
    return Service("openai-chat", chat, models), Service("openai-responses", responses, models)


_CHAT: Final = {"generate": "chat/completions", "completions": "completions", "embeddings": "embeddings"}

CLOUDS: Final[tuple[Provider, ...]] = (
    Provider(
        name="bedrock",
        services=(
            Service(
                "bedrock-converse",
                {
                    "generate": Path("/model/{model}/converse", "/model/{model}/converse-stream"),
                    "count_tokens": _COUNT,
                },
            ),
            Service("anthropic-messages@bedrock", {"generate": _INVOKE, "count_tokens": _COUNT}, models=_CLAUDE),
            Service("openai-chat@bedrock", {"generate": _INVOKE}, models=r"(^|\.)openai\."),
            Service("bedrock-converse@bedrock", {"generate": _INVOKE}, models=r"(^|\.)amazon\.nova"),
        ),
        base_url="https://bedrock-runtime.{region}.amazonaws.com",
        key_variables=("AWS_BEARER_TOKEN_BEDROCK",),
        base_variables=("AWS_BEDROCK_RUNTIME_ENDPOINT",),
        price_key="aws",
        hang_up="drain",
        aliases={"bedrock_converse": "bedrock-converse"},
        pins={"converse/": "bedrock-converse", "invoke/": "anthropic-messages@bedrock"},
        place=bedrock.place,
        public_name=bedrock.public_name,
        base_id=bedrock.base_id,
        docs_url="https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html",
    ),
    Provider(
        name="bedrock_mantle",
        services=(
            *_openai("/openai/v1", "", _NOT_CLAUDE),
            Service("anthropic-messages", {"generate": Path("/anthropic/v1/messages")}, models=_CLAUDE),
        ),
        base_url="https://bedrock-mantle.{region}.api.aws",
        key_variables=("BEDROCK_MANTLE_API_KEY", "AWS_BEARER_TOKEN_BEDROCK"),
        base_variables=("BEDROCK_MANTLE_API_BASE",),
        price_key="aws",
        hang_up="drain",
        compatible=True,
        place=bedrock.place_in_mantle,
        docs_url="https://docs.aws.amazon.com/bedrock/latest/userguide/bedrock-mantle.html",
    ),
    Provider(
        name="azure",
        services=(
            Service(
                "openai-chat",
                {
                    name: Path(f"/openai/deployments/{{model}}/{path}?api-version={{api_version}}")
                    for name, path in _CHAT.items()
                },
            ),
            Service("openai-responses", {"generate": Path("/openai/responses?api-version={responses_version}")}),
            *_openai("/openai/v1", "{v1}"),
        ),
        auth="api-key",
        key_variables=("AZURE_API_KEY", "AZURE_OPENAI_API_KEY"),
        base_variables=("AZURE_API_BASE",),
        price_key="azure",
        pins={"responses/": "openai-responses"},
        place=azure.place,
        docs_url="https://learn.microsoft.com/en-us/azure/foundry/openai/api-version-lifecycle",
    ),
    Provider(
        name="azure_ai",
        services=(
            Service(
                "anthropic-messages",
                {
                    "generate": Path("/anthropic/v1/messages"),
                    "count_tokens": Path("/anthropic/v1/messages/count_tokens"),
                },
                models=_CLAUDE,
            ),
            Service(
                "openai-chat",
                {
                    "generate": Path("/models/chat/completions?api-version={api_version}"),
                    "embeddings": Path("/models/embeddings?api-version={api_version}"),
                },
                models=_NOT_CLAUDE,
            ),
            *_openai("/openai/v1", "{v1}", _NOT_CLAUDE),
            _openai("/v1", "{serverless}", _NOT_CLAUDE)[0],
        ),
        auth="api-key",
        key_variables=("AZURE_AI_API_KEY",),
        base_variables=("AZURE_AI_API_BASE",),
        price_key="azure",
        compatible=True,
        place=azure.place_in_foundry,
        docs_url="https://learn.microsoft.com/en-us/azure/foundry/foundry-models/how-to/use-foundry-models-claude",
    ),
    Provider(
        name="vertex_ai",
        services=(
            Service(
                "anthropic-messages@vertex",
                {
                    "generate": Path(
                        f"{_VERTEX}/publishers/anthropic/models/{{model}}:rawPredict",
                        f"{_VERTEX}/publishers/anthropic/models/{{model}}:streamRawPredict",
                    ),
                    "count_tokens": Path(f"{_VERTEX}/publishers/anthropic/models/count-tokens:rawPredict"),
                },
                models=_CLAUDE,
            ),
            # A tuned model is an endpoint, known by its number.
            _gemini(f"{_VERTEX}/endpoints/{{model}}", r"^\d+$"),
            Service(
                "openai-chat",
                {"generate": Path(f"{_VERTEX}/endpoints/openapi/chat/completions")},
                models=r"^(?!.*claude)[\w-]+/",
            ),
            _gemini(f"{_VERTEX}/publishers/google/models/{{model}}", r"^(?!.*claude)[^/]*$"),
            # Express: an API key and no project.
            _gemini("/v1/publishers/google/models/{model}{express}", r"^(?!.*claude)[^/]*$"),
        ),
        base_url="https://{location}-aiplatform.googleapis.com",
        price_key="google",
        aliases={"vertex_ai_beta": None},
        place=vertex.place,
        docs_url="https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest",
    ),
)

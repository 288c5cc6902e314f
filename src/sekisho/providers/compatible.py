"""Providers that imitate OpenAI, one line each, under the names that LiteLLM gives them.

Must stay true: facts only, from the providers' own pages as of November 2026. What is special about one of them is a
row of its own in catalog.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from sekisho.providers import plain
from sekisho.providers.provider import Asked, Path, Place, Provider, Service

CHAT: Final = Service(
    "openai-chat",
    {
        "generate": Path("/chat/completions"),
        "completions": Path("/completions"),
        "embeddings": Path("/embeddings"),
    },
)
RESPONSES: Final = Service("openai-responses", {"generate": Path("/responses"), "compact": Path("/responses/compact")})
BOTH: Final = (CHAT, RESPONSES)
#: OpenAI itself counts too.
COUNTED: Final = Service(RESPONSES.dialect, {**RESPONSES.paths, "count_tokens": Path("/responses/input_tokens")})
_EMBEDDINGS: Final = Service("openai-chat", {"embeddings": Path("/embeddings")})


def _public(
    name: str,
    base_url: str,
    variables: str,
    *,
    price_key: str = "",
    services: tuple[Service, ...] = (CHAT,),
    aliases: Mapping[str, str | None] | None = None,
    docs_url: str,
) -> Provider:
    """A provider with a public address; `variables` may hold its key, separated by blanks."""
    return Provider(
        name=name,
        services=services,
        base_url=base_url,
        key_variables=tuple(variables.split()),
        price_key=price_key,
        compatible=True,
        aliases=aliases or {},
        place=plain.place,
        docs_url=docs_url,
    )


def _server(
    name: str,
    base_url: str = "",
    variables: tuple[str, str] | None = None,
    *,
    place: Callable[[Asked], Place] = plain.place,
    docs_url: str,
) -> Provider:
    """A server that somebody runs himself, maybe without a key; `variables` may hold its key and its address."""
    key_variable, base_variable = variables or ("", "")
    return Provider(
        name=name,
        services=BOTH,
        base_url=base_url,
        key_variables=(key_variable,) if key_variable else (),
        base_variables=(base_variable,) if base_variable else (),
        compatible=True,
        keyless=True,
        place=place,
        docs_url=docs_url,
    )


SERVERS: Final = (
    _server("custom_openai", docs_url="https://platform.openai.com/docs/api-reference/chat"),
    _server(
        "openai_like",
        variables=("OPENAI_LIKE_API_KEY", "OPENAI_LIKE_API_BASE"),
        docs_url="https://platform.openai.com/docs/api-reference/chat",
    ),
    _server(
        "litellm_proxy",
        variables=("LITELLM_PROXY_API_KEY", "LITELLM_PROXY_API_BASE"),
        docs_url="https://docs.litellm.ai/docs/providers/litellm_proxy",
    ),
    _server(
        "hosted_vllm",
        variables=("HOSTED_VLLM_API_KEY", "HOSTED_VLLM_API_BASE"),
        docs_url="https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
    ),
    _server(
        "ollama",
        "http://127.0.0.1:11434/v1",
        ("OLLAMA_API_KEY", "OLLAMA_API_BASE"),
        place=plain.place_with_v1,
        docs_url="https://github.com/ollama/ollama/blob/main/docs/openai.md",
    ),
    _server(
        "ollama_chat",
        "http://127.0.0.1:11434/v1",
        ("OLLAMA_API_KEY", "OLLAMA_API_BASE"),
        place=plain.place_with_v1,
        docs_url="https://github.com/ollama/ollama/blob/main/docs/openai.md",
    ),
    _server(
        "lm_studio",
        "http://127.0.0.1:1234/v1",
        ("LM_STUDIO_API_KEY", "LM_STUDIO_API_BASE"),
        docs_url="https://lmstudio.ai/docs/api/openai-api",
    ),
    _server(
        "llamafile",
        "http://127.0.0.1:8080/v1",
        ("LLAMAFILE_API_KEY", "LLAMAFILE_API_BASE"),
        docs_url="https://github.com/Mozilla-Ocho/llamafile",
    ),
    _server(
        "xinference",
        "http://127.0.0.1:9997/v1",
        ("XINFERENCE_API_KEY", "XINFERENCE_API_BASE"),
        docs_url="https://inference.readthedocs.io/en/latest/getting_started/using_xinference.html",
    ),
    _server(
        "docker_model_runner",
        "http://127.0.0.1:12434/engines/llama.cpp/v1",
        ("DOCKER_MODEL_RUNNER_API_KEY", "DOCKER_MODEL_RUNNER_API_BASE"),
        docs_url="https://docs.docker.com/ai/model-runner/api-reference/",
    ),
    _server(
        "lemonade",
        "http://127.0.0.1:8000/api/v1",
        ("LEMONADE_API_KEY", "LEMONADE_API_BASE"),
        docs_url="https://lemonade-server.ai/docs/server/",
    ),
)

PUBLIC: Final = (
    _public(
        "deepseek",
        "https://api.deepseek.com/v1",
        "DEEPSEEK_API_KEY",
        price_key="deepseek",
        services=BOTH,
        docs_url="https://api-docs.deepseek.com/",
    ),
    _public(
        "groq",
        "https://api.groq.com/openai/v1",
        "GROQ_API_KEY",
        price_key="groq",
        services=BOTH,
        docs_url="https://console.groq.com/docs/openai",
    ),
    _public(
        "mistral",
        "https://api.mistral.ai/v1",
        "MISTRAL_API_KEY",
        price_key="mistral",
        docs_url="https://docs.mistral.ai/api/",
    ),
    _public(
        "codestral",
        "https://codestral.mistral.ai/v1",
        "CODESTRAL_API_KEY",
        price_key="mistral",
        docs_url="https://docs.mistral.ai/capabilities/code_generation/",
    ),
    _public(
        "xai",
        "https://api.x.ai/v1",
        "XAI_API_KEY",
        price_key="x-ai",
        services=BOTH,
        docs_url="https://docs.x.ai/docs/api-reference",
    ),
    _public(
        "together_ai",
        "https://api.together.xyz/v1",
        "TOGETHERAI_API_KEY TOGETHER_API_KEY TOGETHER_AI_API_KEY",
        price_key="together",
        docs_url="https://docs.together.ai/docs/openai-api-compatibility",
    ),
    _public(
        "fireworks_ai",
        "https://api.fireworks.ai/inference/v1",
        "FIREWORKS_API_KEY FIREWORKS_AI_API_KEY FIREWORKSAI_API_KEY",
        price_key="fireworks",
        services=BOTH,
        docs_url="https://docs.fireworks.ai/tools-sdks/openai-compatibility",
    ),
    _public(
        "perplexity",
        "https://api.perplexity.ai",
        "PERPLEXITYAI_API_KEY PERPLEXITY_API_KEY",
        price_key="perplexity",
        docs_url="https://docs.perplexity.ai/guides/chat-completions-guide",
    ),
    _public(
        "cerebras",
        "https://api.cerebras.ai/v1",
        "CEREBRAS_API_KEY",
        price_key="cerebras",
        docs_url="https://inference-docs.cerebras.ai/resources/openai",
    ),
    _public(
        "nvidia_nim",
        "https://integrate.api.nvidia.com/v1",
        "NVIDIA_NIM_API_KEY NVIDIA_API_KEY",
        docs_url="https://docs.api.nvidia.com/nim/reference/llm-apis",
    ),
    _public(
        "sambanova",
        "https://api.sambanova.ai/v1",
        "SAMBANOVA_API_KEY",
        docs_url="https://docs.sambanova.ai/docs/en/features/openai-compatibility",
    ),
    _public(
        "deepinfra",
        "https://api.deepinfra.com/v1/openai",
        "DEEPINFRA_API_KEY",
        docs_url="https://deepinfra.com/docs/openai_api",
    ),
    _public(
        "moonshot",
        "https://api.moonshot.ai/v1",
        "MOONSHOT_API_KEY",
        price_key="moonshotai",
        docs_url="https://platform.moonshot.ai/docs/api/chat",
    ),
    _public(
        "zai",
        "https://api.z.ai/api/paas/v4",
        "ZAI_API_KEY",
        price_key="zai",
        docs_url="https://docs.z.ai/api-reference/introduction",
    ),
    _public(
        "minimax",
        "https://api.minimax.io/v1",
        "MINIMAX_API_KEY",
        price_key="minimax",
        docs_url="https://platform.minimax.io/docs/api-reference/text-openai-api",
    ),
    _public(
        "dashscope",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        "DASHSCOPE_API_KEY",
        docs_url="https://www.alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope",
    ),
    _public(
        "volcengine",
        "https://ark.cn-beijing.volces.com/api/v3",
        "VOLCENGINE_API_KEY ARK_API_KEY",
        docs_url="https://www.volcengine.com/docs/82379/1298454",
    ),
    _public(
        "novita",
        "https://api.novita.ai/v3/openai",
        "NOVITA_API_KEY",
        price_key="novita",
        docs_url="https://novita.ai/docs/guides/llm-api",
    ),
    _public(
        "nebius",
        "https://api.studio.nebius.ai/v1",
        "NEBIUS_API_KEY",
        docs_url="https://docs.nebius.com/studio/inference/api",
    ),
    _public(
        "hyperbolic",
        "https://api.hyperbolic.xyz/v1",
        "HYPERBOLIC_API_KEY",
        docs_url="https://docs.hyperbolic.xyz/docs/rest-api",
    ),
    _public(
        "lambda_ai",
        "https://api.lambda.ai/v1",
        "LAMBDA_API_KEY",
        docs_url="https://docs.lambda.ai/public-cloud/lambda-inference-api/",
    ),
    _public(
        "baseten",
        "https://inference.baseten.co/v1",
        "BASETEN_API_KEY",
        docs_url="https://docs.baseten.co/development/model-apis/overview",
    ),
    _public(
        "featherless_ai",
        "https://api.featherless.ai/v1",
        "FEATHERLESS_AI_API_KEY FEATHERLESS_API_KEY",
        docs_url="https://featherless.ai/docs/api-overview-and-common-options",
    ),
    _public(
        "friendliai",
        "https://api.friendli.ai/serverless/v1",
        "FRIENDLIAI_API_KEY FRIENDLI_TOKEN",
        docs_url="https://friendli.ai/docs/guides/openai-compatibility",
    ),
    _public(
        "huggingface",
        "https://router.huggingface.co/v1",
        "HF_TOKEN HUGGINGFACE_API_KEY",
        services=BOTH,
        docs_url="https://huggingface.co/docs/inference-providers/index",
    ),
    _public(
        "github",
        "https://models.github.ai/inference",
        "GITHUB_API_KEY",
        docs_url="https://docs.github.com/en/github-models",
    ),
    _public(
        "meta_llama",
        "https://api.llama.com/compat/v1",
        "LLAMA_API_KEY",
        price_key="meta",
        docs_url="https://llama.developer.meta.com/docs/features/compatibility",
    ),
    _public(
        "cohere",
        "https://api.cohere.ai/compatibility/v1",
        "COHERE_API_KEY CO_API_KEY",
        price_key="cohere",
        aliases={"cohere_chat": None},
        docs_url="https://docs.cohere.com/docs/compatibility-api",
    ),
    _public(
        "ai21",
        "https://api.ai21.com/studio/v1",
        "AI21_API_KEY",
        aliases={"ai21_chat": None},
        docs_url="https://docs.ai21.com/reference/jamba-1-6-api-ref",
    ),
    _public(
        "vercel_ai_gateway",
        "https://ai-gateway.vercel.sh/v1",
        "VERCEL_AI_GATEWAY_API_KEY",
        docs_url="https://vercel.com/docs/ai-gateway/openai-compat",
    ),
    _public(
        "wandb",
        "https://api.inference.wandb.ai/v1",
        "WANDB_API_KEY",
        docs_url="https://docs.wandb.ai/guides/inference/api-reference",
    ),
    _public(
        "inception",
        "https://api.inceptionlabs.ai/v1",
        "INCEPTION_API_KEY",
        docs_url="https://docs.inceptionlabs.ai/",
    ),
    _public("morph", "https://api.morphllm.com/v1", "MORPH_API_KEY", docs_url="https://docs.morphllm.com/"),
    _public("v0", "https://api.v0.dev/v1", "V0_API_KEY", docs_url="https://vercel.com/docs/v0/api"),
    _public(
        "ovhcloud",
        "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1",
        "OVHCLOUD_API_KEY",
        price_key="ovhcloud",
        docs_url="https://www.ovhcloud.com/en/public-cloud/ai-endpoints/",
    ),
    _public(
        "scaleway",
        "https://api.scaleway.ai/v1",
        "SCW_SECRET_KEY",
        docs_url="https://www.scaleway.com/en/docs/generative-apis/",
    ),
    _public("chutes", "https://llm.chutes.ai/v1", "CHUTES_API_KEY", docs_url="https://chutes.ai/docs"),
    _public("poe", "https://api.poe.com/v1", "POE_API_KEY", docs_url="https://creator.poe.com/docs"),
    _public(
        "voyage",
        "https://api.voyageai.com/v1",
        "VOYAGE_API_KEY",
        price_key="voyageai",
        services=(_EMBEDDINGS,),
        docs_url="https://docs.voyageai.com/reference/embeddings-api",
    ),
    _public(
        "jina_ai",
        "https://api.jina.ai/v1",
        "JINA_AI_API_KEY JINA_API_KEY",
        services=(_EMBEDDINGS,),
        docs_url="https://jina.ai/embeddings/",
    ),
)

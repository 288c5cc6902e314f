"""Every kind of provider that is tested, all played by the scripted one.

In: its address, and that of a token service for Google's. Out: the entries of `model_list`, each under a name of its
own; and the path that a call must have arrived at.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

KEY = "sk-provider-of-the-tests"
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"


class Kind(msgspec.Struct, frozen=True):
    """One column of the page. `params` may hold `{url}`; `path` is a pattern of what the provider is asked at; `signs`:
    its thoughts have a signature that it wants back.
    """

    title: str
    params: dict[str, Any]
    path: str
    signs: bool = False


_AWS = {
    "aws_bedrock_runtime_endpoint": "{url}",
    "aws_region_name": "us-east-1",
    "aws_access_key_id": "AKIAPROVIDER",
    "aws_secret_access_key": KEY,
}
_KEYED = {"api_base": "{url}", "api_key": KEY}
_V1 = {"api_base": "{url}/v1", "api_key": KEY}
_VERTEX = {"api_base": "{url}", "vertex_location": "europe-west1", "vertex_credentials": "{google}"}
_PROJECT = "/v1/projects/p-1/locations/europe-west1/publishers"

#: The model's name at the gateway -> its provider.
PROVIDERS: dict[str, Kind] = {
    "anthropic": Kind("Anthropic", {"model": "anthropic/claude-sonnet-4-5", **_KEYED}, "/v1/messages", signs=True),
    "openai-chat": Kind(
        "OpenAI, chat completions",
        {"model": "openai/gpt-4.1-mini", "use_chat_completions_api": True, **_V1},
        "/v1/chat/completions",
    ),
    "openai-responses": Kind(
        "OpenAI, Responses", {"model": "openai/responses/gpt-5", **_V1}, "/v1/responses", signs=True
    ),
    "compatible": Kind(
        "compatible with OpenAI", {"model": "hosted_vllm/qwen3", **_V1}, "/v1/(chat/completions|responses)"
    ),
    "azure": Kind(
        "Azure OpenAI, by deployment",
        {"model": "azure/gpt-4.1", "api_version": "2024-10-21", **_KEYED},
        "/openai/deployments/gpt-4.1/chat/completions",
    ),
    "azure-v1": Kind(
        "Azure OpenAI, v1, Responses", {"model": "azure/responses/gpt-5", **_KEYED}, "/openai/v1/responses", signs=True
    ),
    "foundry": Kind(
        "Foundry, Claude", {"model": "azure_ai/claude-sonnet-4-5", **_KEYED}, "/anthropic/v1/messages", signs=True
    ),
    "converse": Kind(
        "Bedrock Converse, Claude",
        {"model": f"bedrock/converse/{CLAUDE}", **_AWS},
        r"/model/us\.anthropic\.[^/]+/converse(-stream)?",
        signs=True,
    ),
    "nova": Kind(
        "Bedrock, Nova",
        {"model": "bedrock/us.amazon.nova-pro-v1:0", **_AWS},
        r"/model/us\.amazon\.[^/]+/(converse(-stream)?|invoke(-with-response-stream)?)",
    ),
    "invoke": Kind(
        "Bedrock InvokeModel, Claude",
        {"model": f"bedrock/invoke/{CLAUDE}", **_AWS},
        r"/model/us\.anthropic\.[^/]+/invoke(-with-response-stream)?",
        signs=True,
    ),
    "gpt-oss": Kind(
        "Bedrock, gpt-oss",
        {"model": "bedrock/openai.gpt-oss-120b-1:0", **_AWS},
        r"/model/openai\.[^/]+/(converse(-stream)?|invoke(-with-response-stream)?)",
    ),
    "vertex-gemini": Kind(
        "Vertex AI, Gemini",
        {"model": "vertex_ai/gemini-2.5-flash", **_VERTEX},
        rf"{_PROJECT}/google/models/gemini-2\.5-flash:(generateContent|streamGenerateContent)",
        signs=True,
    ),
    "vertex-claude": Kind(
        "Vertex AI, Claude",
        {"model": "vertex_ai/claude-sonnet-4-5@20250929", **_VERTEX},
        rf"{_PROJECT}/anthropic/models/claude-sonnet-4-5@20250929:(r|streamR)awPredict",
        signs=True,
    ),
    "gemini": Kind(
        "Gemini API",
        {"model": "gemini/gemini-2.5-flash", **_KEYED},
        r"/v1beta/models/gemini-2\.5-flash:(generateContent|streamGenerateContent)",
        signs=True,
    ),
}
#: Those that are asked in Google's dialect.
OF_GOOGLE = {"gemini", "vertex-gemini"}


def model_list(url: str, tokens_url: str) -> list[dict[str, Any]]:
    """All of them behind a scripted provider; Google's tokens come from the service at `tokens_url`."""
    text = json.dumps({name: kind.params for name, kind in PROVIDERS.items()}).replace("{url}", url)
    entries = json.loads(text)
    for params in entries.values():
        if params.get("vertex_credentials"):
            params["vertex_credentials"] = service_account(tokens_url)
    return [{"model_name": name, "litellm_params": params} for name, params in entries.items()]


def service_account(tokens_url: str) -> dict[str, str]:
    """The file of a service account, whose tokens come from `tokens_url`."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return {
        "type": "service_account",
        "project_id": "p-1",
        "private_key_id": "1",
        "private_key": key.private_bytes(encoding, form, serialization.NoEncryption()).decode(),
        "client_email": "sekisho@p-1.iam.gserviceaccount.com",
        "token_uri": f"{tokens_url}/token",
    }

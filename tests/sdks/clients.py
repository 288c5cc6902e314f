"""Every way of calling that is tested, by the name it has on the page."""

from __future__ import annotations

from collections.abc import Callable

from tests.sdks import anthropic_clients, boto3_clients, google_clients, openai_clients
from tests.sdks.client import Client, Made

CLIENTS: dict[str, Callable[[Made], Client]] = {
    "boto3 converse, converse_stream": boto3_clients.converse,
    "boto3 invoke_model, invoke_model_with_response_stream: Claude's body": boto3_clients.invoke_claude,
    "boto3 invoke_model, invoke_model_with_response_stream: Nova's body": boto3_clients.invoke_nova,
    "boto3 invoke_model, invoke_model_with_response_stream: OpenAI's body": boto3_clients.invoke_openai,
    "google-genai": google_clients.gemini,
    "google-genai, Vertex AI": google_clients.vertex,
    "openai OpenAI: chat completions": openai_clients.openai_chat,
    "openai OpenAI: Responses": openai_clients.openai_responses,
    "openai AzureOpenAI: chat completions": openai_clients.azure_chat,
    "openai AzureOpenAI: Responses": openai_clients.azure_responses,
    "anthropic Anthropic": anthropic_clients.anthropic,
    "anthropic AnthropicBedrock": anthropic_clients.bedrock,
    "anthropic AnthropicVertex": anthropic_clients.vertex,
}
#: The SDKs' packages.
PACKAGES = ("anthropic", "boto3", "google-genai", "openai")

"""Where the scripted provider answers: the paths of the vendors' own APIs and of the clouds that carry them.

Flows in: a path as it was received, percent-encoding and all. Flows out: what is asked there, in whose words, and what
the path itself says of model and streaming. A version in front (`/v1`) is no part of a vendor's path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import unquote

import msgspec

Api = Literal[
    "messages",
    "count_tokens",
    "chat",
    "responses",
    "count_responses",
    "completions",
    "embeddings",
    "converse",
    "nova",
    "invoke",
    "count_invoke",
    "generate",
    "count_generate",
    "embed",
    "embed_batch",
    "predict",
]
Vendor = Literal["anthropic", "openai", "azure", "aws", "google"]
#: How a stream travels: server-sent events, AWS messages, AWS messages with a vendor's events in them, a JSON array.
Framing = Literal["sse", "aws", "chunks", "array"]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """What a path means. `model` and `stream` are None where the body says them; "invoke" is any vendor's body."""

    api: Api
    vendor: Vendor
    model: str | None = None
    stream: bool | None = None
    framing: Framing = "sse"


#: Path without `/v1` -> what is asked there.
_OWN: dict[str, Route] = {
    "/messages": Route(api="messages", vendor="anthropic"),
    "/messages/count_tokens": Route(api="count_tokens", vendor="anthropic"),
    "/chat/completions": Route(api="chat", vendor="openai"),
    "/responses": Route(api="responses", vendor="openai"),
    "/responses/input_tokens": Route(api="count_responses", vendor="openai", stream=False),
    "/completions": Route(api="completions", vendor="openai"),
    "/embeddings": Route(api="embeddings", vendor="openai"),
}
_AZURE = re.compile(r"/openai(?:/v1)?(?:/deployments/([^/]+))?(/chat/completions|/completions|/embeddings|/responses)")
_BEDROCK = re.compile(r"/model/([^/]+)/(converse|converse-stream|invoke|invoke-with-response-stream|count-tokens)")
_BEDROCK_APIS: dict[str, Route] = {
    "converse": Route(api="converse", vendor="aws", stream=False),
    "converse-stream": Route(api="converse", vendor="aws", stream=True, framing="aws"),
    "invoke": Route(api="invoke", vendor="aws", stream=False),
    "invoke-with-response-stream": Route(api="invoke", vendor="aws", stream=True, framing="chunks"),
    "count-tokens": Route(api="count_invoke", vendor="aws", stream=False),
}
_GOOGLE = re.compile(
    r"/v1(?:beta1?)?/(?:projects/[^/]+/locations/[^/]+/)?(?:publishers/[^/]+/)?models/([^/:]+):([A-Za-z]+)"
)
_GOOGLE_APIS: dict[str, Route] = {
    "generateContent": Route(api="generate", vendor="google", stream=False),
    "streamGenerateContent": Route(api="generate", vendor="google", stream=True),
    "countTokens": Route(api="count_generate", vendor="google", stream=False),
    "embedContent": Route(api="embed", vendor="google", stream=False),
    "batchEmbedContents": Route(api="embed_batch", vendor="google", stream=False),
    "predict": Route(api="predict", vendor="google", stream=False),
    "rawPredict": Route(api="messages", vendor="google", stream=False),
    "streamRawPredict": Route(api="messages", vendor="google", stream=True),
}
#: The name that Vertex counts Claude's tokens under; the body names the model.
_COUNTING = "count-tokens"


def find_route(path: str, query: Mapping[str, str]) -> Route | None:
    """What is asked at `path`, None where nothing is."""
    if (own := _OWN.get(path.removeprefix("/anthropic").removeprefix("/v1"))) is not None:
        return own
    if (azure := _AZURE.fullmatch(path)) is not None:
        model = None if azure[1] is None else unquote(azure[1])
        return msgspec.structs.replace(_OWN[azure[2]], vendor="azure", model=model)
    if (bedrock := _BEDROCK.fullmatch(path)) is not None:
        return msgspec.structs.replace(_BEDROCK_APIS[bedrock[2]], model=unquote(bedrock[1]))
    google = _GOOGLE.fullmatch(unquote(path))
    if google is None or google[2] not in _GOOGLE_APIS:
        return None
    if google[1] == _COUNTING:
        return Route(api="count_tokens", vendor="google", stream=False)
    route = msgspec.structs.replace(_GOOGLE_APIS[google[2]], model=google[1])
    as_array = route.api == "generate" and route.stream and query.get("alt") != "sse"
    return msgspec.structs.replace(route, framing="array") if as_array else route

"""Google's own SDK, fed with bytes: what its callers see of an answer.

In: a status and a body. Out: the chunks (or the one reply) as the SDK gives them, or its own exception.
"""

from __future__ import annotations

from typing import Any

import httpx2
from google import genai
from google.genai import types


def sdk_replies(body: bytes, *, stream: bool, status: int = 200) -> list[types.GenerateContentResponse]:
    """Every chunk of a stream, or the whole reply alone. Raises the SDK's errors."""
    kind = "text/event-stream" if stream else "application/json"
    transport = httpx2.MockTransport(lambda _: httpx2.Response(status, content=body, headers={"content-type": kind}))
    with httpx2.Client(transport=transport) as http:
        options = types.HttpOptions(httpx_client=http, retry_options=types.HttpRetryOptions(attempts=1))
        client = genai.Client(api_key="k", http_options=options)
        if stream:
            return list(client.models.generate_content_stream(model="m", contents="Hi"))
        return [client.models.generate_content(model="m", contents="Hi")]


def sdk_parts(replies: list[types.GenerateContentResponse]) -> list[dict[str, Any]]:
    """All parts in order, texts that follow each other as one, as the wire writes them."""
    found: list[dict[str, Any]] = []
    for reply in replies:
        content = reply.candidates[0].content if reply.candidates else None
        for part in (content.parts if content is not None else None) or ():
            value: dict[str, Any] = part.model_dump(mode="json", by_alias=True, exclude_none=True)
            if value.get("text") == "" and "thoughtSignature" not in value:
                continue
            joins = found and found[-1].keys() == value.keys() and value.keys() <= {"text", "thought"}
            if joins:
                found[-1]["text"] += value["text"]
            else:
                found.append(value)
    return found

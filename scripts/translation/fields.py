"""What only one dialect has words for: a small body for each.

Flows out: FIELDS, dialect -> (field, what is added to a smallest body). Must stay true: a value is one that the
dialect's own provider takes.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

_HI: Json = {"role": "user", "content": "Hi"}
#: The smallest body of each dialect.
BODIES: dict[str, Json] = {
    "anthropic-messages": {"model": "m", "max_tokens": 9, "messages": [_HI]},
    "openai-chat": {"model": "m", "messages": [_HI]},
    "openai-responses": {"model": "m", "input": [_HI]},
    "bedrock-converse": {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]},
    "gemini-generate": {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]},
}


def _turn(dialect: str, part: Json) -> Json:
    """A body whose one turn holds `part`."""
    if dialect == "gemini-generate":
        return {"contents": [{"role": "user", "parts": [part]}]}
    key = "input" if dialect == "openai-responses" else "messages"
    return {key: [{"role": "user", "content": [part]}]}


_MESSAGES: dict[str, Json] = {
    "web search": {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
    "web fetch": {"tools": [{"type": "web_fetch_20250910", "name": "web_fetch"}]},
    "code execution": {"tools": [{"type": "code_execution_20250825", "name": "code_execution"}]},
    "`mcp_servers`": {"mcp_servers": [{"type": "url", "url": "https://example.com", "name": "x"}]},
    "`container`": {"container": "c-1"},
    "`context_management`": {"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}},
    "an uploaded file": _turn("anthropic", {"type": "image", "source": {"type": "file", "file_id": "f-1"}}),
}
_CHAT: dict[str, Json] = {
    "`n`: 2": {"n": 2},
    "`modalities`: audio": {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}},
    "audio in a turn": _turn("openai-chat", {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}),
    "an uploaded file": _turn("openai-chat", {"type": "file", "file": {"file_id": "f-1"}}),
    "`functions`": {"functions": [{"name": "f", "parameters": {"type": "object"}}]},
    "`web_search_options`": {"web_search_options": {}},
    "`prediction`": {"prediction": {"type": "content", "content": "x"}},
    "`logit_bias`": {"logit_bias": {"50256": -100}},
    "`store`": {"store": True},
    "`metadata`": {"metadata": {"a": "b"}},
}
_RESPONSES: dict[str, Json] = {
    "`previous_response_id`": {"previous_response_id": "resp_1"},
    "`conversation`": {"conversation": "conv_1"},
    "`background`": {"background": True},
    "`prompt`, stored there": {"prompt": {"id": "pmpt_1"}},
    "web search, offered": {"tools": [{"type": "web_search"}]},
    "web search, insisted on": {"tools": [{"type": "web_search"}], "tool_choice": {"type": "web_search"}},
    "image generation, offered": {"tools": [{"type": "image_generation"}]},
    "file search": {"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]},
    "code interpreter": {"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]},
    "MCP": {"tools": [{"type": "mcp", "server_label": "x", "server_url": "https://example.com"}]},
    "an uploaded file": _turn("openai-responses", {"type": "input_file", "file_id": "f-1"}),
    "`store`": {"store": True},
    "`metadata`": {"metadata": {"a": "b"}},
    "`truncation`: auto": {"truncation": "auto"},
}
_CONVERSE: dict[str, Json] = {
    "`guardrailConfig`": {"guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"}},
    "`promptVariables`": {"promptVariables": {"a": {"text": "b"}}},
    "`performanceConfig`": {"performanceConfig": {"latency": "optimized"}},
    "`requestMetadata`": {"requestMetadata": {"a": "b"}},
    "video": _turn("bedrock-converse", {"video": {"format": "mp4", "source": {"bytes": "AA=="}}}),
    "an image in S3": _turn(
        "bedrock-converse", {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b/k"}}}}
    ),
    "`systemTool`": {"toolConfig": {"tools": [{"systemTool": {"name": "nova_grounding"}}]}},
}
_GEMINI: dict[str, Json] = {
    "`cachedContent`": {"cachedContent": "cachedContents/1"},
    "`safetySettings`": {"safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]},
    "Google Search": {"tools": [{"googleSearch": {}}]},
    "code execution": {"tools": [{"codeExecution": {}}]},
    "URL context": {"tools": [{"urlContext": {}}]},
    "`candidateCount`: 2": {"generationConfig": {"candidateCount": 2}},
    "`responseModalities`: image": {"generationConfig": {"responseModalities": ["IMAGE"]}},
    "`speechConfig`": {"generationConfig": {"speechConfig": {"languageCode": "ja-JP"}}},
    "an uploaded file": _turn(
        "gemini-generate",
        {
            "fileData": {
                "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/1",
                "mimeType": "application/pdf",
            }
        },
    ),
    "a file in Cloud Storage": _turn("gemini-generate", {"fileData": {"fileUri": "gs://b/k", "mimeType": "image/png"}}),
    "video": _turn("gemini-generate", {"inlineData": {"mimeType": "video/mp4", "data": "AA=="}}),
}
FIELDS: dict[str, dict[str, Json]] = {
    "anthropic-messages": _MESSAGES,
    "openai-chat": _CHAT,
    "openai-responses": _RESPONSES,
    "bedrock-converse": _CONVERSE,
    "gemini-generate": _GEMINI,
}

"""Shared by the tests of the templates: an Answer and its Ask, and the events of a stream."""

from __future__ import annotations

import json
from typing import Any

from botocore.eventstream import EventStreamBuffer

from sekisho.providers.fake.answer import Answer, Piece, make_answer
from sekisho.providers.fake.ask import Ask, read_ask
from sekisho.providers.fake.paths import Api, Route
from sekisho.providers.fake.script import Script
from tests.support.sse_client import parse_events

BODIES: dict[Api, dict[str, Any]] = {
    "messages": {
        "max_tokens": 99,
        "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"name": "Bash", "input_schema": {"type": "object", "required": ["command"]}}],
    },
    "chat": {
        "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"type": "function", "function": {"name": "Bash", "parameters": {"required": ["command"]}}}],
    },
    "responses": {
        "input": "hi",
        "tools": [{"type": "function", "name": "Bash", "parameters": {"required": ["command"]}, "strict": True}],
    },
    "completions": {"prompt": "hi"},
    "embeddings": {"input": "hi"},
    "converse": {
        "messages": [{"role": "user", "content": [{"text": "hi"}]}],
        "toolConfig": {"tools": [{"toolSpec": {"name": "Bash", "inputSchema": {"json": {"required": ["command"]}}}}]},
    },
    "nova": {
        "messages": [{"role": "user", "content": [{"text": "hi"}]}],
        "toolConfig": {"tools": [{"toolSpec": {"name": "Bash", "inputSchema": {"json": {"required": ["command"]}}}}]},
    },
    "generate": {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "tools": [{"functionDeclarations": [{"name": "Bash", "parameters": {"required": ["command"]}}]}],
    },
}


def made(api: Api, script: Script, **body: object) -> tuple[Answer, Ask]:
    """The answer to a small request of `api`."""
    ask = read_ask(Route(api=api, vendor="openai"), json.dumps({"model": "m"} | BODIES.get(api, {}) | body).encode())
    return make_answer(script, ask, serial=1, created_seconds=1_700_000_000), ask


def events(pieces: list[Piece]) -> list[dict[str, Any]]:
    """The decoded data of a stream."""
    return [json.loads(data) for _, data in parse_events(b"".join(piece.data for piece in pieces))]


def aws_messages(data: bytes) -> list[tuple[dict[str, Any], bytes]]:
    """(headers, payload) of every message that botocore finds in an event stream."""
    buffer: Any = EventStreamBuffer()
    buffer.add_data(data)
    return [(message.headers, message.payload) for message in buffer]

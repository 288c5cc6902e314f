"""What is measured, and the limits it is held to (ratios to nginx in the same run, one worker)."""

from __future__ import annotations

from dataclasses import dataclass

from bench import bodies

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"


@dataclass(frozen=True)
class Case:
    """One kind of work. `limit` is the most CPU that a unit (request or piece) may cost, in nginx's."""

    name: str
    path: str
    body: bytes
    connections: int
    limit: float | None = None
    streams: bool = False
    added_p50_limit_ms: float | None = None


def _stream(name: str, path: str, way: str, limit: float) -> Case:
    body = bodies.streamed(bodies.small(path, f"bench-100x5-{way}"))
    return Case(name, path, body, connections=32, limit=limit, streams=True)


CASES = (
    Case(
        "small chat, 1 connection",
        CHAT,
        bodies.small(CHAT, "bench-once-openai"),
        connections=1,
        added_p50_limit_ms=0.4,
    ),
    Case("small chat, 32 connections", CHAT, bodies.small(CHAT, "bench-once-openai"), connections=32, limit=8.5),
    Case("235 kB chat, 32 connections", CHAT, bodies.agent(CHAT, "bench-once-openai"), connections=32, limit=5.5),
    Case(
        "235 kB messages, 32 connections",
        MESSAGES,
        bodies.agent(MESSAGES, "bench-once-anthropic"),
        connections=32,
        limit=5.5,
    ),
    Case("small messages on Bedrock", MESSAGES, bodies.small(MESSAGES, "bench-once-invoke"), 32, limit=8.5),
    Case("small chat on Converse", CHAT, bodies.small(CHAT, "bench-once-converse"), 32, limit=8.5),
    Case("small messages on Converse", MESSAGES, bodies.small(MESSAGES, "bench-once-converse"), 32, limit=8.5),
    Case("235 kB messages on Bedrock", MESSAGES, bodies.agent(MESSAGES, "bench-once-invoke"), 32, limit=5.5),
    Case("235 kB chat on Converse", CHAT, bodies.agent(CHAT, "bench-once-converse"), 32, limit=5.5),
    Case("235 kB messages on Converse", MESSAGES, bodies.agent(MESSAGES, "bench-once-converse"), 32, limit=5.5),
    _stream("stream chat", CHAT, "openai", 2.4),
    _stream("stream messages", MESSAGES, "anthropic", 2.4),
    _stream("stream responses", RESPONSES, "openai", 2.4),
    _stream("stream messages from chat", MESSAGES, "chat", 3.5),
    _stream("stream chat from messages", CHAT, "anthropic", 3.5),
    _stream("stream responses from messages", RESPONSES, "anthropic", 3.5),
    _stream("stream messages on Bedrock", MESSAGES, "invoke", 2.4),
    _stream("stream messages on Converse", MESSAGES, "converse", 3.5),
    _stream("stream chat on Converse", CHAT, "converse", 3.5),
)

IDLE_MEMORY_LIMIT_MB = 95
FIRST_ANSWER_LIMIT_SECONDS = 1.5
MANY_STREAMS = 1_000
MANY_STREAMS_LIMIT_MB = 500
MANY_STREAMS_PATH = CHAT
MANY_STREAMS_BODY = bodies.streamed(bodies.agent(CHAT, "bench-30x200-openai", bodies.STREAMED_AGENT_BYTES))

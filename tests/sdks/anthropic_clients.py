"""Anthropic's SDK: its own client, and those for Bedrock and Vertex AI."""

from __future__ import annotations

from typing import Any, ClassVar

from anthropic import Anthropic, AnthropicBedrock, AnthropicVertex, APIStatusError

from tests.sdks.client import ABOUT, PIXEL_BASE64, SCHEMA, TOOL, WEATHER, Called, Client, Made

TOOLS: Any = [{"name": TOOL, "description": ABOUT, "input_schema": SCHEMA}]


class Messages(Client):
    """`client.messages` of any of the three."""

    raised = APIStatusError
    errors: ClassVar = {
        "refused": "BadRequestError",
        "throttled": "RateLimitError",
        "failed": "InternalServerError",
        "unknown model": "NotFoundError",
        "in a stream": "APIStatusError",
    }

    def _asked(self, model: str, *turns: Any) -> dict[str, Any]:
        return {"model": model, "max_tokens": 999, "messages": list(turns)}

    def say(self, model: str, text: str, image: bytes | None = None) -> str:
        blocks: list[Any] = [{"type": "text", "text": text}]
        if image is not None:
            source = {"type": "base64", "media_type": "image/png", "data": PIXEL_BASE64}
            blocks.insert(0, {"type": "image", "source": source})
        message = self.sdk.messages.create(**self._asked(model, {"role": "user", "content": blocks}))
        return "".join(block.text for block in message.content if block.type == "text")

    def stream(self, model: str, text: str) -> list[str]:
        with self.sdk.messages.stream(**self._asked(model, {"role": "user", "content": text})) as stream:
            pieces = list(stream.text_stream)
            assert stream.get_final_message().stop_reason == "end_turn"
        return pieces

    def call(self, model: str, text: str) -> Called:
        message = self.sdk.messages.create(**self._asked(model, {"role": "user", "content": text}), tools=TOOLS)
        assert message.stop_reason == "tool_use"
        (block,) = [block for block in message.content if block.type == "tool_use"]
        return Called(block.name, block.input, message.content)

    def call_streamed(self, model: str, text: str) -> Called:
        asked = self._asked(model, {"role": "user", "content": text})
        with self.sdk.messages.stream(**asked, tools=TOOLS) as stream:
            content = stream.get_final_message().content
        (block,) = [block for block in content if block.type == "tool_use"]
        return Called(block.name, block.input, None)

    def go_on(self, model: str, text: str, called: Called) -> str:
        (used,) = [block for block in called.turn if block.type == "tool_use"]
        result = {"type": "tool_result", "tool_use_id": used.id, "content": WEATHER}
        turns = (
            {"role": "user", "content": text},
            {"role": "assistant", "content": called.turn},
            {"role": "user", "content": [result]},
        )
        message = self.sdk.messages.create(**self._asked(model, *turns), tools=TOOLS)
        return "".join(block.text for block in message.content if block.type == "text")


def anthropic(made: Made) -> Messages:
    return Messages(Anthropic(base_url=made.url, api_key=made.key, max_retries=0))


def bedrock(made: Made) -> Messages:
    """Signs its requests."""
    return Messages(
        AnthropicBedrock(
            base_url=made.url,
            aws_region="us-east-1",
            aws_access_key=made.access_key_id,
            aws_secret_key=made.secret,
            max_retries=0,
        )
    )


def vertex(made: Made) -> Messages:
    return Messages(
        AnthropicVertex(
            base_url=f"{made.url}/v1", region="us-east5", project_id="p", access_token=made.key, max_retries=0
        )
    )

"""OpenAI's SDK: its own client and Azure's, by chat completions and by Responses."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from openai import APIError, AzureOpenAI, OpenAI

from tests.sdks.client import ABOUT, PIXEL_BASE64, SCHEMA, TOOL, WEATHER, Called, Client, Made

IMAGE_URL = f"data:image/png;base64,{PIXEL_BASE64}"
FUNCTION = {"name": TOOL, "description": ABOUT, "parameters": SCHEMA}
ERRORS = {
    "refused": "BadRequestError",
    "throttled": "RateLimitError",
    "failed": "InternalServerError",
    "unknown model": "NotFoundError",
    "in a stream": "APIError",
}


def user(text: str) -> Any:
    return {"role": "user", "content": text}


class Chat(Client):
    """`client.chat.completions`."""

    raised = APIError
    errors: ClassVar = ERRORS
    tools: ClassVar[Any] = [{"type": "function", "function": FUNCTION}]

    def say(self, model: str, text: str, image: bytes | None = None) -> str:
        parts: list[Any] = [{"type": "text", "text": text}]
        if image is not None:
            parts.append({"type": "image_url", "image_url": {"url": IMAGE_URL}})
        done = self.sdk.chat.completions.create(model=model, messages=[{"role": "user", "content": parts}])
        return str(done.choices[0].message.content)

    def stream(self, model: str, text: str) -> list[str]:
        with self.sdk.chat.completions.create(model=model, messages=[user(text)], stream=True) as stream:
            choices = [chunk.choices[0] for chunk in stream if chunk.choices]
        assert choices[-1].finish_reason == "stop"
        return [choice.delta.content for choice in choices if choice.delta.content]

    def call(self, model: str, text: str) -> Called:
        done = self.sdk.chat.completions.create(model=model, messages=[user(text)], tools=self.tools)
        assert done.choices[0].finish_reason == "tool_calls"
        message = done.choices[0].message
        (called,) = message.tool_calls
        return Called(called.function.name, json.loads(called.function.arguments), message)

    def call_streamed(self, model: str, text: str) -> Called:
        asked = {"model": model, "messages": [user(text)], "tools": self.tools}
        with self.sdk.chat.completions.stream(**asked) as stream:
            for _ in stream:
                pass
            (called,) = stream.get_final_completion().choices[0].message.tool_calls
        return Called(called.function.name, json.loads(called.function.arguments), None)

    def go_on(self, model: str, text: str, called: Called) -> str:
        (used,) = called.turn.tool_calls
        result = {"role": "tool", "tool_call_id": used.id, "content": WEATHER}
        turns = [user(text), called.turn, result]
        done = self.sdk.chat.completions.create(model=model, messages=turns, tools=self.tools)
        return str(done.choices[0].message.content)


class Responses(Client):
    """`client.responses`."""

    raised = APIError
    errors: ClassVar = ERRORS
    tools: ClassVar[Any] = [{"type": "function", **FUNCTION, "strict": False}]

    def say(self, model: str, text: str, image: bytes | None = None) -> str:
        parts: list[Any] = [{"type": "input_text", "text": text}]
        if image is not None:
            parts.append({"type": "input_image", "image_url": IMAGE_URL, "detail": "auto"})
        done = self.sdk.responses.create(model=model, input=[{"role": "user", "content": parts}])
        return str(done.output_text)

    def stream(self, model: str, text: str) -> list[str]:
        with self.sdk.responses.create(model=model, input=text, stream=True) as stream:
            events = list(stream)
        assert events[-1].type == "response.completed"
        return [event.delta for event in events if event.type == "response.output_text.delta"]

    def _called(self, response: Any) -> Called:
        (called,) = [item for item in response.output if item.type == "function_call"]
        return Called(called.name, json.loads(called.arguments), response.output)

    def call(self, model: str, text: str) -> Called:
        return self._called(self.sdk.responses.create(model=model, input=text, tools=self.tools))

    def call_streamed(self, model: str, text: str) -> Called:
        with self.sdk.responses.stream(model=model, input=text, tools=self.tools) as stream:
            return self._called(stream.get_final_response())

    def go_on(self, model: str, text: str, called: Called) -> str:
        (used,) = [item for item in called.turn if item.type == "function_call"]
        result = {"type": "function_call_output", "call_id": used.call_id, "output": WEATHER}
        turns = [user(text), *called.turn, result]
        return str(self.sdk.responses.create(model=model, input=turns, tools=self.tools).output_text)


def openai(made: Made) -> OpenAI:
    return OpenAI(base_url=f"{made.url}/v1", api_key=made.key, max_retries=0)


def azure(made: Made) -> AzureOpenAI:
    return AzureOpenAI(azure_endpoint=made.url, api_key=made.key, api_version="2025-04-01-preview", max_retries=0)


def openai_chat(made: Made) -> Chat:
    return Chat(openai(made))


def openai_responses(made: Made) -> Responses:
    return Responses(openai(made))


def azure_chat(made: Made) -> Chat:
    return Chat(azure(made))


def azure_responses(made: Made) -> Responses:
    return Responses(azure(made))

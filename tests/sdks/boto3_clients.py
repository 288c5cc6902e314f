"""boto3, signing its requests with a pair of access keys: Converse, and InvokeModel with three makers' bodies."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import closing
from typing import Any, ClassVar

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.sdks.client import ABOUT, PIXEL_BASE64, SCHEMA, TOOL, WEATHER, Called, Client, Made
from tests.sdks.openai_clients import FUNCTION, IMAGE_URL

SPEC = {"toolConfig": {"tools": [{"toolSpec": {"name": TOOL, "description": ABOUT, "inputSchema": {"json": SCHEMA}}}]}}
ERRORS = {
    "refused": "ValidationException",
    "throttled": "ThrottlingException",
    "failed": "InternalServerException",
    "unknown model": "ResourceNotFoundException",
    "in a stream": "EventStreamError throttlingException",
}


def runtime(made: Made) -> Any:
    """The client of Bedrock Runtime, unmodified but for the address."""
    return boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=made.url,
        aws_access_key_id=made.access_key_id,
        aws_secret_access_key=made.secret,
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )


class Boto3(Client):
    """What both ways of calling share."""

    raised = ClientError
    errors: ClassVar = ERRORS

    def kind_of(self, error: Any) -> str:
        """The modelled exception: boto3 makes a class of its own of each."""
        code, name = error.response["Error"]["Code"], type(error).__name__
        if name == "EventStreamError":
            return f"{name} {code}"
        assert isinstance(error, getattr(self.sdk.exceptions, name))
        return name


def text_of(blocks: Iterable[Any]) -> str:
    return "".join(block.get("text", "") for block in blocks)


def joined(events: Iterable[Any]) -> tuple[list[str], str, str, str]:
    """(pieces of text, tool's name, its arguments, stop reason) of the events of a Converse stream."""
    texts: list[str] = []
    name = arguments = stop = ""
    for event in events:
        start = event.get("contentBlockStart", {}).get("start", {})
        delta = event.get("contentBlockDelta", {}).get("delta", {})
        texts += [delta["text"]] if "text" in delta else []
        name = start.get("toolUse", {}).get("name", name)
        arguments += delta.get("toolUse", {}).get("input", "")
        stop = event.get("messageStop", {}).get("stopReason", stop)
    return texts, name, arguments, stop


class Converse(Boto3):
    """`converse` and `converse_stream`."""

    def say(self, model: str, text: str, image: bytes | None = None) -> str:
        content: list[Any] = [{"text": text}]
        if image is not None:
            content.append({"image": {"format": "png", "source": {"bytes": image}}})
        reply = self.sdk.converse(modelId=model, messages=[{"role": "user", "content": content}])
        return text_of(reply["output"]["message"]["content"])

    def _turn(self, text: str) -> Any:
        return {"role": "user", "content": [{"text": text}]}

    def _joined(self, **asked: Any) -> tuple[list[str], str, str, str]:
        with closing(self.sdk.converse_stream(**asked)["stream"]) as stream:
            return joined(stream)

    def stream(self, model: str, text: str) -> list[str]:
        texts, _, _, stop = self._joined(modelId=model, messages=[self._turn(text)])
        assert stop == "end_turn"
        return texts

    def call(self, model: str, text: str) -> Called:
        reply = self.sdk.converse(modelId=model, messages=[self._turn(text)], **SPEC)
        assert reply["stopReason"] == "tool_use"
        message = reply["output"]["message"]
        (used,) = [block["toolUse"] for block in message["content"] if "toolUse" in block]
        return Called(used["name"], used["input"], message)

    def call_streamed(self, model: str, text: str) -> Called:
        _, name, arguments, _ = self._joined(modelId=model, messages=[self._turn(text)], **SPEC)
        return Called(name, json.loads(arguments), None)

    def go_on(self, model: str, text: str, called: Called) -> str:
        (used,) = [block["toolUse"] for block in called.turn["content"] if "toolUse" in block]
        result = {"toolUseId": used["toolUseId"], "content": [{"text": WEATHER}]}
        turns = [self._turn(text), called.turn, {"role": "user", "content": [{"toolResult": result}]}]
        reply = self.sdk.converse(modelId=model, messages=turns, **SPEC)
        return text_of(reply["output"]["message"]["content"])


class Invoke(Boto3):
    """`invoke_model` and `invoke_model_with_response_stream`; what a body holds says a subclass."""

    def _whole(self, model: str, body: Any) -> Any:
        return json.loads(self.sdk.invoke_model(modelId=model, body=json.dumps(body))["body"].read())

    def _events(self, model: str, body: Any) -> list[Any]:
        reply = self.sdk.invoke_model_with_response_stream(modelId=model, body=json.dumps(body))
        with closing(reply["body"]) as stream:
            return [json.loads(event["chunk"]["bytes"]) for event in stream]


class InvokeClaude(Invoke):
    """With the body of Anthropic's Messages."""

    tools: ClassVar[Any] = {"tools": [{"name": TOOL, "description": ABOUT, "input_schema": SCHEMA}]}

    def _asked(self, *turns: Any) -> dict[str, Any]:
        return {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 999, "messages": turns}

    def _turn(self, content: Any) -> Any:
        return {"role": "user", "content": content}

    def say(self, model: str, text: str, image: bytes | None = None) -> str:
        blocks: list[Any] = [{"type": "text", "text": text}]
        if image is not None:
            source = {"type": "base64", "media_type": "image/png", "data": PIXEL_BASE64}
            blocks.append({"type": "image", "source": source})
        return text_of(self._whole(model, self._asked(self._turn(blocks)))["content"])

    def stream(self, model: str, text: str) -> list[str]:
        events = self._events(model, self._asked(self._turn(text)))
        assert [events[0]["type"], events[-1]["type"]] == ["message_start", "message_stop"]
        return [event["delta"]["text"] for event in events if "text" in event.get("delta", {})]

    def call(self, model: str, text: str) -> Called:
        reply = self._whole(model, self._asked(self._turn(text)) | self.tools)
        (used,) = [block for block in reply["content"] if block["type"] == "tool_use"]
        return Called(used["name"], used["input"], reply["content"])

    def call_streamed(self, model: str, text: str) -> Called:
        events = self._events(model, self._asked(self._turn(text)) | self.tools)
        starts = [event["content_block"] for event in events if event["type"] == "content_block_start"]
        (used,) = [block for block in starts if block["type"] == "tool_use"]
        arguments = "".join(event.get("delta", {}).get("partial_json", "") for event in events)
        return Called(used["name"], json.loads(arguments), None)

    def go_on(self, model: str, text: str, called: Called) -> str:
        (used,) = [block for block in called.turn if block["type"] == "tool_use"]
        result = {"type": "tool_result", "tool_use_id": used["id"], "content": WEATHER}
        turns = (self._turn(text), {"role": "assistant", "content": called.turn}, self._turn([result]))
        return text_of(self._whole(model, self._asked(*turns) | self.tools)["content"])


class InvokeNova(Invoke):
    """With Nova's body."""

    def _asked(self, *turns: Any) -> dict[str, Any]:
        return {"schemaVersion": "messages-v1", "messages": turns}

    def _turn(self, *content: Any) -> Any:
        return {"role": "user", "content": content}

    def say(self, model: str, text: str, image: bytes | None = None) -> str:
        content: list[Any] = [{"text": text}]
        if image is not None:
            content.append({"image": {"format": "png", "source": {"bytes": PIXEL_BASE64}}})
        return text_of(self._whole(model, self._asked(self._turn(*content)))["output"]["message"]["content"])

    def stream(self, model: str, text: str) -> list[str]:
        texts, _, _, stop = joined(self._events(model, self._asked(self._turn({"text": text}))))
        assert stop == "end_turn"
        return texts

    def call(self, model: str, text: str) -> Called:
        message = self._whole(model, self._asked(self._turn({"text": text})) | SPEC)["output"]["message"]
        (used,) = [block["toolUse"] for block in message["content"] if "toolUse" in block]
        return Called(used["name"], used["input"], message)

    def call_streamed(self, model: str, text: str) -> Called:
        _, name, arguments, _ = joined(self._events(model, self._asked(self._turn({"text": text})) | SPEC))
        return Called(name, json.loads(arguments), None)

    def go_on(self, model: str, text: str, called: Called) -> str:
        (used,) = [block["toolUse"] for block in called.turn["content"] if "toolUse" in block]
        result = {"toolUseId": used["toolUseId"], "content": [{"text": WEATHER}]}
        turns = (self._turn({"text": text}), called.turn, self._turn({"toolResult": result}))
        return text_of(self._whole(model, self._asked(*turns) | SPEC)["output"]["message"]["content"])


class InvokeOpenai(Invoke):
    """With the body of OpenAI's chat completions."""

    tools: ClassVar[Any] = {"tools": [{"type": "function", "function": FUNCTION}]}

    def _turn(self, content: Any) -> Any:
        return {"role": "user", "content": content}

    def say(self, model: str, text: str, image: bytes | None = None) -> str:
        parts: list[Any] = [{"type": "text", "text": text}]
        if image is not None:
            parts.append({"type": "image_url", "image_url": {"url": IMAGE_URL}})
        return str(self._whole(model, {"messages": [self._turn(parts)]})["choices"][0]["message"]["content"])

    def _deltas(self, model: str, body: Any) -> list[Any]:
        chunks = self._events(model, body)
        return [chunk["choices"][0]["delta"] for chunk in chunks if chunk.get("choices")]

    def stream(self, model: str, text: str) -> list[str]:
        deltas = self._deltas(model, {"messages": [self._turn(text)]})
        return [delta["content"] for delta in deltas if delta.get("content")]

    def call(self, model: str, text: str) -> Called:
        message = self._whole(model, {"messages": [self._turn(text)]} | self.tools)["choices"][0]["message"]
        (called,) = message["tool_calls"]
        return Called(called["function"]["name"], json.loads(called["function"]["arguments"]), message)

    def call_streamed(self, model: str, text: str) -> Called:
        deltas = self._deltas(model, {"messages": [self._turn(text)]} | self.tools)
        functions = [call["function"] for delta in deltas for call in delta.get("tool_calls") or ()]
        name = "".join(function.get("name") or "" for function in functions)
        return Called(name, json.loads("".join(function.get("arguments") or "" for function in functions)), None)

    def go_on(self, model: str, text: str, called: Called) -> str:
        (used,) = called.turn["tool_calls"]
        result = {"role": "tool", "tool_call_id": used["id"], "content": WEATHER}
        body = {"messages": [self._turn(text), called.turn, result]} | self.tools
        return str(self._whole(model, body)["choices"][0]["message"]["content"])


def converse(made: Made) -> Converse:
    return Converse(runtime(made))


def invoke_claude(made: Made) -> InvokeClaude:
    return InvokeClaude(runtime(made))


def invoke_nova(made: Made) -> InvokeNova:
    return InvokeNova(runtime(made))


def invoke_openai(made: Made) -> InvokeOpenai:
    return InvokeOpenai(runtime(made))

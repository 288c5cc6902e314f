"""The vendors' own SDKs, unmodified, read what the scripted provider says: a check on its truthfulness."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import boto3
import pytest
from anthropic import AnthropicBedrock, AnthropicVertex
from anthropic import RateLimitError as AnthropicRateLimit
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError
from google import genai
from google.genai import errors as google_errors
from google.genai import types
from openai import AzureOpenAI

from tests.support.provider import RunningProvider

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"
SCHEMA = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}
CLAUDE: dict[str, Any] = {"model": "claude-x", "max_tokens": 99}


@pytest.fixture(scope="module")
def bedrock(fake: RunningProvider) -> Iterator[Any]:
    client: Any = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=fake.url,
        aws_access_key_id="AKIAFAKE",
        aws_secret_access_key="secret",
        config=Config(retries={"max_attempts": 1}),
    )
    yield client
    client.close()


def asked(directives: str) -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "content": [{"text": f"hi [fake: {directives}]"}]}],
        "toolConfig": {"tools": [{"toolSpec": {"name": "Bash", "inputSchema": {"json": SCHEMA}}}]},
    }


def invoked(directives: str) -> str:
    turn = {"role": "user", "content": f"hi [fake: {directives}]"}
    tools = [{"name": "Bash", "input_schema": SCHEMA}]
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": [turn], "tools": tools}
    return json.dumps(body)


def test_boto3_converses(bedrock: Any) -> None:
    reply = bedrock.converse(modelId=ARN, **asked("thinking tool=Bash text=Hello output_tokens=9 cache_read_tokens=4"))
    blocks = reply["output"]["message"]["content"]
    assert [next(iter(block)) for block in blocks] == ["reasoningContent", "text", "toolUse"]
    assert blocks[2]["toolUse"]["input"] == {"command": "scripted"}
    assert (reply["stopReason"], reply["usage"]["outputTokens"]) == ("tool_use", 9)
    assert reply["usage"]["cacheReadInputTokens"] == 4


def test_boto3_reads_a_converse_stream(bedrock: Any) -> None:
    events = list(bedrock.converse_stream(modelId=MODEL, **asked("thinking tool=Bash chunks=3"))["stream"])
    assert [next(iter(events[at])) for at in (0, -2, -1)] == ["messageStart", "messageStop", "metadata"]
    deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
    assert "".join(delta.get("text", "") for delta in deltas) == "word1 word2 word3 "
    assert json.loads("".join(delta["toolUse"]["input"] for delta in deltas if "toolUse" in delta)) == {
        "command": "scripted"
    }


def test_boto3_invokes_claude(bedrock: Any) -> None:
    reply = bedrock.invoke_model(modelId=MODEL, body=invoked("text=Hello input_tokens=5 output_tokens=7"))
    message = json.loads(reply["body"].read())
    assert (message["type"], message["content"][0]["text"]) == ("message", "Hello")
    counted = reply["ResponseMetadata"]["HTTPHeaders"]
    assert (counted["x-amzn-bedrock-input-token-count"], counted["x-amzn-bedrock-output-token-count"]) == ("5", "7")


def chunks_of(stream: Any) -> Iterator[dict[str, Any]]:
    for event in stream:
        yield json.loads(event["chunk"]["bytes"])


def test_boto3_reads_an_invoked_stream(bedrock: Any) -> None:
    reply = bedrock.invoke_model_with_response_stream(modelId=MODEL, body=invoked("chunks=2 output_tokens=7 pings=2"))
    assert reply["contentType"] == "application/json"
    events = list(chunks_of(reply["body"]))
    assert [events[0]["type"], events[-1]["type"]] == ["message_start", "message_stop"]
    assert events[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] == 7
    assert "".join(event.get("delta", {}).get("text", "") for event in events) == "word1 word2 "


def test_boto3_invokes_nova_and_openais_models(bedrock: Any) -> None:
    nova = {"schemaVersion": "messages-v1", "messages": [{"role": "user", "content": [{"text": "hi"}]}]}
    reply = json.loads(bedrock.invoke_model(modelId="amazon.nova", body=json.dumps(nova))["body"].read())
    assert reply["output"]["message"]["role"] == "assistant"
    stream = bedrock.invoke_model_with_response_stream(modelId="amazon.nova", body=json.dumps(nova))["body"]
    assert next(iter(list(chunks_of(stream))[-1])) == "metadata"
    chat = {"messages": [{"role": "user", "content": "hi [fake: text=Hello]"}]}
    reply = json.loads(bedrock.invoke_model(modelId="openai.gpt-oss", body=json.dumps(chat))["body"].read())
    assert reply["choices"][0]["message"]["content"] == "Hello"
    stream = bedrock.invoke_model_with_response_stream(modelId="openai.gpt-oss", body=json.dumps(chat))["body"]
    assert "amazon-bedrock-invocationMetrics" in list(chunks_of(stream))[-1]


def test_boto3_counts_tokens(bedrock: Any) -> None:
    asked_for: dict[str, Any] = {"messages": asked("input_tokens=17")["messages"]}
    assert bedrock.count_tokens(modelId=MODEL, input={"converse": asked_for})["inputTokens"] == 17
    body = invoked("input_tokens=18").encode()
    assert bedrock.count_tokens(modelId=MODEL, input={"invokeModel": {"body": body}})["inputTokens"] == 18


@pytest.mark.parametrize(
    ("directives", "code"),
    [
        ("status=429", "ThrottlingException"),
        ("status=403 error=expired_token", "ExpiredTokenException"),
        ("status=424", "ModelErrorException"),
        ("status=503", "ServiceUnavailableException"),
        ("status=400 error=context_too_long", "ValidationException"),
        ("nonsense=1", "ValidationException"),
    ],
)
def test_boto3_raises_its_typed_errors(bedrock: Any, directives: str, code: str) -> None:
    with pytest.raises(ClientError) as refused:
        bedrock.converse(modelId=MODEL, **asked(directives))
    assert refused.value.response["Error"]["Code"] == code


def test_boto3_raises_what_fails_a_stream(bedrock: Any) -> None:
    directives = "chunks=3 error_in_stream=rate_limit error_after=2"
    for stream in (
        bedrock.converse_stream(modelId=MODEL, **asked(directives))["stream"],
        bedrock.invoke_model_with_response_stream(modelId=MODEL, body=invoked(directives))["body"],
    ):
        with closing(stream), pytest.raises(EventStreamError, match="throttlingException"):
            list(stream)


def test_anthropics_bedrock_client(fake: RunningProvider) -> None:
    turn: Any = {"role": "user", "content": "hi [fake: thinking chunks=2 output_tokens=9]"}
    with AnthropicBedrock(base_url=fake.url, aws_region="us-east-1", api_key="k", max_retries=0) as client:
        whole = client.messages.create(**CLAUDE, messages=[turn])
        assert [block.type for block in whole.content] == ["thinking", "text"]
        with client.messages.stream(**CLAUDE, messages=[turn]) as stream:
            message = stream.get_final_message()
        assert [block.type for block in message.content] == ["thinking", "text"]
        assert (message.content[0], message.usage.output_tokens) == (whole.content[0], 9)
        with pytest.raises(AnthropicRateLimit):
            client.messages.create(**CLAUDE, messages=[{"role": "user", "content": "[fake: status=429]"}])


def test_anthropics_vertex_client(fake: RunningProvider) -> None:
    turn: Any = {"role": "user", "content": "hi [fake: thinking chunks=2 input_tokens=17]"}
    with AnthropicVertex(
        base_url=f"{fake.url}/v1", region="us-east5", project_id="p", access_token="t", max_retries=0
    ) as client:
        whole = client.messages.create(**CLAUDE, messages=[turn])
        with client.messages.stream(**CLAUDE, messages=[turn]) as stream:
            assert stream.get_final_message().content[0] == whole.content[0]
        assert client.messages.count_tokens(model="claude-x", messages=[turn]).input_tokens == 17
        with pytest.raises(AnthropicRateLimit):
            client.messages.create(**CLAUDE, messages=[{"role": "user", "content": "[fake: status=429]"}])


@contextmanager
def google(fake: RunningProvider, *, vertex: bool) -> Iterator[Any]:
    client = genai.Client(vertexai=vertex, api_key="k", http_options=types.HttpOptions(base_url=fake.url))
    yield client
    client.close()


TOOL = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(name="Bash", parameters=types.Schema(type=types.Type.OBJECT, required=["command"]))
    ]
)


@pytest.mark.parametrize("vertex", [False, True])
def test_googles_client(fake: RunningProvider, *, vertex: bool) -> None:
    config = types.GenerateContentConfig(tools=[TOOL])
    asking = {
        "model": "gemini-2.5-pro",
        "contents": "hi [fake: thinking tool=Bash chunks=2 input_tokens=5 output_tokens=9]",
        "config": config,
    }
    with google(fake, vertex=vertex) as client:
        whole = client.models.generate_content(**asking)
        chunks = list(client.models.generate_content_stream(**asking))
        counted = client.models.count_tokens(model="gemini-2.5-pro", contents="[fake: input_tokens=17]")
        embedded = client.models.embed_content(model="gemini-embedding-001", contents=["a"])
    assert whole.function_calls[0].args == {"command": "scripted"}
    assert (whole.usage_metadata.prompt_token_count, whole.usage_metadata.total_token_count) == (5, 14)
    said = [part for chunk in chunks for part in chunk.candidates[0].content.parts]
    assert "".join(part.text for part in said if part.text and not part.thought) == "word1 word2 "
    assert chunks[-1].function_calls[0].name == "Bash"
    assert counted.total_tokens == 17
    assert len(embedded.embeddings[0].values) == 8


def test_googles_client_raises(fake: RunningProvider) -> None:
    failing = "[fake: chunks=3 error_in_stream=overloaded error_after=2]"
    with google(fake, vertex=False) as client:
        with pytest.raises(google_errors.ClientError) as refused:
            client.models.generate_content(model="g", contents="[fake: status=429 retry_after=3]")
        with pytest.raises(google_errors.APIError) as failed:
            list(client.models.generate_content_stream(model="g", contents=failing))
    assert (refused.value.code, refused.value.status) == (429, "RESOURCE_EXHAUSTED")
    assert failed.value.status == "UNAVAILABLE"


@pytest.mark.parametrize("how", [{"azure_endpoint": ""}, {"base_url": "/openai/v1"}], ids=["deployments", "v1"])
def test_azures_client(fake: RunningProvider, how: dict[str, str]) -> None:
    where: Any = {name: fake.url + path for name, path in how.items()}
    turn: Any = {"role": "user", "content": "hi [fake: chunks=2]"}
    with AzureOpenAI(**where, api_key="k", api_version="2024-10-21", max_retries=0) as client:
        chunks = list(client.chat.completions.create(model="gpt-5", messages=[turn], stream=True))
        response = client.responses.create(model="gpt-5", input="hi [fake: text=Hello]")
        embedded = client.embeddings.create(model="e", input=["a"])
    assert chunks[0].choices == []
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[1:]) == "word1 word2 "
    assert response.output_text == "Hello"
    assert len(embedded.data) == 1

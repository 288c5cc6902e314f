from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from sekisho.wire.estimate import estimate_tokens
from tests.support.stations import JSON, Outcome, Script, Stage, body_of, deployment, refusal

MESSAGES = [{"role": "user", "content": "How many?"}]
CLAUDE = "anthropic/claude-sonnet-4-5"
BEDROCK = "bedrock/eu.anthropic.claude-sonnet-4-5-20250929-v1:0"


def counted(reply: dict[str, Any]) -> Script:
    return Script([msgspec.json.encode(reply)], headers=JSON)


async def count(stage: Stage, *scripts: Script, to: str, body: dict[str, Any], **call: Any) -> Outcome:
    given = {"model": "m", **body}
    asked: dict[str, Any] = {"dialect": "anthropic-messages", "operation": "count_tokens", "stream": False, **call}
    return await stage.carry(*scripts, to=[deployment(to)], body=msgspec.json.encode(given), **asked)


def sent(done: Outcome) -> Any:
    return msgspec.json.decode(done.requests[0].body)


async def test_a_provider_that_cannot_count_is_not_asked(stage: Stage) -> None:
    body = body_of("anthropic-messages", stream=False)
    one = deployment("hosted_vllm/x")
    done = await stage.carry(to=[one], dialect="anthropic-messages", operation="count_tokens", body=body)
    assert (done.caller.status, done.caller.json) == (200, {"input_tokens": estimate_tokens(body, one.known_model)})
    assert done.caller.headers["x-sekisho-estimated"] == "true"
    assert done.requests == []
    assert (done.row.status, done.row.cost_nano_usd, done.row.input_tokens) == ("success", 0, 0)


async def test_no_header_is_made_of_what_a_wildcard_stood_for(stage: Stage) -> None:
    done = await count(stage, to="hosted_vllm/x\r\nset-cookie: a=b", body={"messages": MESSAGES})
    assert done.caller.headers["x-sekisho-model"] == "x??set-cookie: a=b"


async def test_the_providers_own_reply_passes_to_a_caller_of_its_dialect(stage: Stage) -> None:
    reply = {"input_tokens": 7, "context_management": {"original_input_tokens": 9}}
    body = {"messages": MESSAGES, "stream": False, "max_tokens": 5, "future": 1}
    done = await count(stage, counted(reply), to=CLAUDE, body=body, headers={"anthropic-beta": "context-1m"})
    assert done.caller.json == reply
    assert "x-sekisho-estimated" not in done.caller.headers
    assert done.requests[0].url.endswith("/v1/messages/count_tokens")
    assert done.requests[0].headers["anthropic-beta"] == "context-1m"
    assert sent(done) == {"model": "claude-sonnet-4-5", "messages": MESSAGES, "future": 1}
    assert (done.row.cost_nano_usd, done.row.usage_complete, done.row.operation) == (0, True, "count_tokens")
    assert done.row.provider == "anthropic"


async def test_bedrock_counts_by_the_base_model_around_a_blob(stage: Stage) -> None:
    done = await count(stage, counted({"inputTokens": 8}), to=BEDROCK, body={"messages": MESSAGES})
    assert done.caller.json == {"input_tokens": 8}
    assert "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/count-tokens" in done.requests[0].url
    blob = msgspec.json.decode(base64.b64decode(sent(done)["input"]["invokeModel"]["body"]))
    assert (blob["messages"], blob["anthropic_version"]) == (MESSAGES, "bedrock-2023-05-31")
    assert "model" not in blob


async def test_gemini_counts_a_translated_request_whole(stage: Stage) -> None:
    body = {"messages": MESSAGES, "system": "Be terse."}
    done = await count(stage, counted({"totalTokens": 6}), to="gemini/gemini-2.5-pro", body=body)
    assert done.caller.json == {"input_tokens": 6}
    whole = sent(done)["generateContentRequest"]
    assert whole["model"] == "models/gemini-2.5-pro"
    assert {"contents", "systemInstruction"} <= whole.keys()


async def test_a_caller_of_bedrock_is_told_in_its_words(stage: Stage) -> None:
    body = {"input": {"converse": {"messages": [{"role": "user", "content": [{"text": "How many?"}]}]}}}
    done = await count(stage, counted({"input_tokens": 5}), to=CLAUDE, body=body, dialect="bedrock-converse")
    assert done.caller.json == {"inputTokens": 5}
    assert sent(done)["messages"][0]["role"] == "user"
    assert "max_tokens" not in sent(done)


@pytest.mark.parametrize(
    "script",
    [
        refusal(400, {"message": "The provided model doesn't support counting tokens."}),
        refusal(404, {"message": "no such model"}),
        refusal(429, {"message": "slow down"}),
        refusal(500, {"message": "oh"}),
        Script([b"<html>"], headers=JSON),
        Script([b"{}"], headers=JSON),
    ],
    ids=["400", "404", "429", "500", "html", "empty"],
)
async def test_where_the_provider_cannot_say_an_estimate_does(stage: Stage, script: Script) -> None:
    body = {"messages": MESSAGES}
    done = await count(stage, script, to=BEDROCK, body=body)
    assert done.caller.status == 200
    assert done.caller.headers["x-sekisho-estimated"] == "true"
    assert done.caller.json["input_tokens"] >= 11
    assert done.row.cost_nano_usd == 0


async def test_a_request_that_its_own_provider_refuses_is_the_callers_to_mend(stage: Stage) -> None:
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": "messages.0: odd"}}
    done = await count(stage, refusal(400, error), to=CLAUDE, body={"messages": MESSAGES})
    assert (done.caller.status, done.caller.json) == (400, error)


async def test_what_another_dialect_cannot_say_is_estimated(stage: Stage) -> None:
    body = {"messages": MESSAGES, "tools": [{"type": "code_execution_20250825", "name": "code_execution"}]}
    done = await count(stage, to="gemini/gemini-2.5-pro", body=body)
    assert done.caller.headers["x-sekisho-estimated"] == "true"
    assert done.requests == []


@pytest.mark.parametrize(
    ("body", "total"),
    [
        ({"messages": MESSAGES}, 12),
        ({"prompt": "How many?"}, 12),
        ({"messages": None, "prompt": "How many?", "contents": None}, 12),
        ({"prompt": ["How", "many?"]}, 12),
        ({"contents": [{"role": "user", "parts": [{"text": "How many?"}]}]}, 12),
    ],
    ids=["messages", "prompt", "null beside it", "prompts", "contents"],
)
async def test_the_token_counter_takes_what_litellms_takes(stage: Stage, body: dict[str, Any], total: int) -> None:
    reply = counted({"input_tokens": total})
    done = await count(stage, reply, to=CLAUDE, body=body, dialect="openai-chat", operation="token_counter")
    assert done.caller.json == {
        "total_tokens": total,
        "request_model": "m",
        "model_used": "claude-sonnet-4-5",
        "tokenizer_type": "anthropic_api",
    }
    assert sent(done)["messages"][0]["role"] == "user"


async def test_the_token_counter_says_when_it_estimates(stage: Stage) -> None:
    done = await count(
        stage, to="hosted_vllm/x", body={"prompt": "a"}, dialect="openai-chat", operation="token_counter"
    )
    assert done.caller.json["tokenizer_type"] == "sekisho_estimate"
    assert done.caller.json["total_tokens"] > 0


@pytest.mark.parametrize("body", [{}, {"prompt": 5}, {"prompt": None}])
async def test_the_token_counter_needs_something_to_count(stage: Stage, body: dict[str, Any]) -> None:
    done = await count(stage, to=CLAUDE, body=body, dialect="openai-chat", operation="token_counter")
    assert done.caller.status == 400


async def test_openai_counts_what_a_chat_would_be(stage: Stage) -> None:
    body = {"prompt": "How many?"}
    reply = counted({"object": "response.input_tokens", "input_tokens": 11})
    done = await count(stage, reply, to="openai/gpt-4.1", body=body, dialect="openai-chat", operation="token_counter")
    assert (done.caller.json["total_tokens"], done.caller.json["tokenizer_type"]) == (11, "openai_api")
    assert done.requests[0].url == "http://provider.test/v1/responses/input_tokens"
    assert sent(done).keys() <= {"model", "input", "instructions"}


@pytest.mark.parametrize(
    ("body", "counted_as"),
    [
        ({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 5, "messages": MESSAGES}, "invokeModel"),
        ({"inferenceConfig": {}, "messages": [{"role": "user", "content": [{"text": "How many?"}]}]}, "converse"),
        ({"messages": MESSAGES}, "converse"),
    ],
    ids=["anthropic", "nova", "openai"],
)
async def test_a_blob_is_counted_in_whosever_words_it_is(stage: Stage, body: dict[str, Any], counted_as: str) -> None:
    blob = base64.b64encode(msgspec.json.encode(body)).decode()
    asked = {"input": {"invokeModel": {"body": blob}}}
    done = await count(stage, counted({"inputTokens": 4}), to=BEDROCK, body=asked, dialect="bedrock-converse")
    assert done.caller.json == {"inputTokens": 4}
    assert list(sent(done)["input"]) == [counted_as]


async def test_a_responses_caller_is_counted_by_openai_and_told_its_reply(stage: Stage) -> None:
    reply = {"object": "response.input_tokens", "input_tokens": 11, "future": 1}
    body = {"input": "How many?", "previous_response_id": "resp_1"}
    done = await count(stage, counted(reply), to="openai/gpt-4.1", body=body, dialect="openai-responses")
    assert done.caller.json == reply
    assert sent(done) == {"model": "gpt-4.1", **body}


@pytest.mark.parametrize("key", ["previous_response_id", "conversation"])
async def test_what_stands_at_the_provider_is_not_estimated(stage: Stage, key: str) -> None:
    body = {"input": "How many?", key: "x_1"}
    done = await count(stage, to="hosted_vllm/x", body=body, dialect="openai-responses")
    assert (done.caller.status, done.caller.json["error"]["param"]) == (400, key)


async def test_a_count_that_takes_too_long_is_estimated(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sekisho.exchange.count.WAIT_SECONDS", 0.01)
    done = await count(stage, Script(["silence"], headers=JSON), to=CLAUDE, body={"messages": MESSAGES})
    assert done.caller.headers["x-sekisho-estimated"] == "true"

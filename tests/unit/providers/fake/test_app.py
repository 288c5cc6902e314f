from __future__ import annotations

from typing import Any

import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from sekisho.providers.fake.paths import Api
from tests.support.provider import RunningProvider
from tests.support.sse_client import call, get_json, post_json
from tests.unit.providers.fake.parts import BODIES

PATHS: dict[Api, str] = {
    "messages": "/v1/messages",
    "chat": "/chat/completions",
    "responses": "/v1/responses",
    "completions": "/v1/completions",
    "embeddings": "/embeddings",
}


def body_of(api: Api, directives: str = "", **more: object) -> dict[str, Any]:
    text = f"hi [fake: {directives}]"
    said: dict[str, Any] = {"messages": [{"role": "user", "content": text}], "input": text, "prompt": text}
    ours = {name: said[name] for name in said if name in BODIES[api]}
    return {"model": "m"} | BODIES[api] | ours | more


@pytest.mark.parametrize("api", PATHS)
async def test_every_api_answers_whole(fake: RunningProvider, api: Api) -> None:
    status, reply = await post_json(fake.url + PATHS[api], body_of(api))
    assert status == 200
    assert reply["model"] == "m"


async def test_anthropics_sdk_reads_the_stream(fake: RunningProvider) -> None:
    client = AsyncAnthropic(base_url=fake.url, api_key="k", max_retries=0)
    asked = body_of("messages", "thinking tool=Bash chunks=2 output_tokens=9")
    async with client, client.messages.stream(**asked) as stream:
        message = await stream.get_final_message()
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
    assert (message.stop_reason, message.usage.output_tokens) == ("tool_use", 9)


async def test_openais_sdk_reads_the_streams(fake: RunningProvider) -> None:
    async with AsyncOpenAI(base_url=f"{fake.url}/v1", api_key="k", max_retries=0) as client:
        chunks = [
            chunk async for chunk in await client.chat.completions.create(**body_of("chat", "chunks=2"), stream=True)
        ]
        async with client.responses.stream(**body_of("responses", "tool=Bash")) as stream:
            response = await stream.get_final_response()
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "word1 word2 "
    assert [item.type for item in response.output] == ["function_call"]


async def test_count_tokens(fake: RunningProvider) -> None:
    asked = body_of("messages", "input_tokens=17")
    assert await post_json(f"{fake.url}/v1/messages/count_tokens", asked) == (200, {"input_tokens": 17})


async def test_models_in_both_vendors_words(fake: RunningProvider) -> None:
    openai = await get_json(f"{fake.url}/v1/models")
    anthropic = await get_json(f"{fake.url}/models", {"anthropic-version": "2023-06-01"})
    assert openai["object"] == "list"
    assert [m["id"] for m in openai["data"]] == [m["id"] for m in anthropic["data"]]
    assert anthropic["has_more"] is False


async def test_a_refusal_has_status_header_and_envelope(fake: RunningProvider) -> None:
    asked = body_of("messages", 'status=429 retry_after=2.5 message="Slow down"')
    async with call("POST", f"{fake.url}/v1/messages", asked) as answer:
        reply = await answer.json()
    assert (answer.status, answer.headers["retry-after"]) == (429, "2.5")
    assert reply["error"] == {"type": "rate_limit_error", "message": "Slow down"}


async def test_a_page_instead_of_an_answer(fake: RunningProvider) -> None:
    async with call("POST", f"{fake.url}/v1/messages", body_of("messages", "html")) as answer:
        page = await answer.body()
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.startswith(b"<!DOCTYPE html>")


async def test_garbage_instead_of_a_reply(fake: RunningProvider) -> None:
    async with call("POST", f"{fake.url}/v1/messages", body_of("messages", "garbage")) as answer:
        assert b"\xff" in await answer.body()


async def test_garbage_inside_a_stream(fake: RunningProvider) -> None:
    asked = body_of("chat", "chunks=3 garbage_after=2", stream=True)
    async with call("POST", f"{fake.url}/v1/chat/completions", asked) as answer:
        seen = await answer.events()
    assert [b"\xff" in data for _, data in seen[:4]] == [False, False, True, False]
    assert seen[-1] == ("", b"[DONE]")


@pytest.mark.parametrize(
    ("api", "last"), [("chat", b'"finish_reason":"stop"'), ("messages", b"message_delta"), ("responses", b"item.done")]
)
async def test_no_done_ends_without_the_last_word(fake: RunningProvider, api: Api, last: bytes) -> None:
    async with call("POST", fake.url + PATHS[api], body_of(api, "no_done", stream=True)) as answer:
        seen = await answer.events()
    assert last in seen[-1][1]


async def test_an_error_inside_a_stream_is_its_last_event(fake: RunningProvider) -> None:
    asked = body_of("messages", "error_in_stream=overloaded error_after=4", stream=True)
    async with call("POST", f"{fake.url}/v1/messages", asked) as answer:
        seen = await answer.events()
    assert [name for name, _ in seen][3:] == ["content_block_delta", "error"]


async def test_faults_of_the_first_calls_only(fake: RunningProvider) -> None:
    asked = body_of("chat", "id=retried status=503 fail_times=2")
    statuses = [(await post_json(f"{fake.url}/v1/chat/completions", asked))[0] for _ in range(3)]
    assert statuses == [503, 503, 200]
    assert [bill.end for bill in fake.bills("retried")] == ["failed", "failed", "done"]


async def test_a_request_is_remembered_without_its_key(fake: RunningProvider) -> None:
    await post_json(f"{fake.url}/__reset", {})
    headers = {"authorization": "Bearer sk-secret", "x-fake-chunks": "2"}
    await post_json(f"{fake.url}/v1/chat/completions?a=b", body_of("chat"), headers)
    [seen] = await get_json(f"{fake.url}/__requests")
    assert (seen["method"], seen["path"], seen["query"]) == ("POST", "/v1/chat/completions", "a=b")
    assert seen["body"]["model"] == "m"
    assert "sk-secret" not in str(seen)


async def test_the_bill_is_public(fake: RunningProvider) -> None:
    asked = body_of("messages", "id=billed input_tokens=5 output_tokens=8 cache_read_tokens=3")
    await post_json(f"{fake.url}/v1/messages", asked)
    counted = await get_json(f"{fake.url}/__count")
    [bill] = counted["calls"]["billed"]
    assert (bill["input_tokens"], bill["output_tokens"], bill["cache_read_tokens"]) == (5, 8, 3)


@pytest.mark.parametrize(
    ("path", "body", "status", "named"),
    [
        ("/v1/messages", b"{", 400, "JSON"),
        ("/v1/messages", {"model": "m", "messages": []}, 400, "max_tokens"),
        ("/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": "[fake: x=1]"}]}, 400, "x"),
        ("/v1/nowhere", {}, 404, "/v1/nowhere"),
    ],
)
async def test_bad_requests_are_refused_by_name(
    fake: RunningProvider, path: str, body: object, status: int, named: str
) -> None:
    got, reply = await post_json(fake.url + path, body)
    assert got == status
    assert named in reply["error"]["message"]


async def test_only_post_asks(fake: RunningProvider) -> None:
    async with call("GET", f"{fake.url}/v1/messages") as answer:
        assert answer.status == 405

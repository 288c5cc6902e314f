from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from sekisho.core.errors import StreamBroken, UpstreamTimeout, UpstreamUnreachable
from tests.support.caller import Caller
from tests.support.stations import JSON, PATIENT, Script, ScriptedTransport, Stage, deployment, refusal, speaking, whole
from tests.support.wires import DIALECTS, error_event, stream_body, whole_body

GOOD = Script([stream_body("openai-chat")])
UNKNOWN_PATH = refusal(404, b"404 page not found")
SOON = msgspec.structs.replace(PATIENT, first_event_seconds=0.02)
PASSING = {
    "429": refusal(429, {"error": {"message": "slow", "code": "rate_limit_exceeded"}}),
    "quota": refusal(429, {"error": {"message": "no money", "code": "insufficient_quota"}}),
    "401": refusal(401, {"error": {"message": "key"}}),
    "500": refusal(500, b"oops"),
    "503": refusal(503, b"oops"),
    "529": refusal(529, b"oops"),
    "html": Script([b"<html>"], headers={"content-type": "text/html"}),
    "redirect": Script([], 307),
    "unreachable": Script(opening=[UpstreamUnreachable("nobody")]),
    "connect": Script(opening=[UpstreamTimeout("connect", 1)]),
    "silent": Script(opening=["silence"]),
    "empty": Script([]),
    "cut": Script([b'data: {"id"', StreamBroken("cut")]),
    "error event": Script([error_event("openai-chat")]),
}
FINAL: dict[str, Script] = {
    "400": refusal(400, {"error": {"message": "bad", "type": "invalid_request_error"}}),
    "413": refusal(413, {"error": {"message": "large"}}),
    "too long": refusal(400, {"error": {"message": "long", "code": "context_length_exceeded"}}),
    "filtered": refusal(400, {"error": {"message": "no", "code": "content_filter"}}),
}


@pytest.mark.parametrize("reason", PASSING)
async def test_what_passes_is_tried_at_the_next_deployment(stage: Stage, reason: str) -> None:
    first = deployment(base_url="http://first.test", host="first.test")
    second = deployment(base_url="http://second.test", host="second.test")
    done = await stage.carry(PASSING[reason], GOOD, to=[first, second], timeouts=SOON)
    assert done.caller.status == 200
    assert done.caller.body.endswith(b"data: [DONE]\n\n")
    assert [request.url.split("/")[2] for request in done.requests] == ["first.test", "second.test"]
    assert done.happened == ["intent", "sent", "closed", "intent", "sent", "closed", "row"]
    assert (done.row.status, done.row.attempts, done.row.deployment_id) == ("success", 2, second.id)
    assert "x-should-retry" not in done.caller.headers


#: With status 200.
NO_ANSWERS = {
    "a page": b"<html>",
    "a list": b"[]",
    "nothing": b"",
    "half": whole_body("openai-chat")[:-1],
    "an error": b'{"error":{"message":"Provider returned error","code":502}}',
}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("body", NO_ANSWERS.values(), ids=NO_ANSWERS)
async def test_what_is_no_answer_is_asked_for_at_the_next_deployment(stage: Stage, dialect: str, body: bytes) -> None:
    """As in a stream; nothing of it was shown to its caller."""
    good = whole(msgspec.Raw(whole_body("openai-chat")))
    to = [speaking("openai-chat"), speaking("openai-chat", id="second")]
    done = await stage.carry(whole(body), good, to=to, dialect=dialect, stream=False)
    assert (done.caller.status, done.row.deployment_id, done.row.attempts) == (200, "second", 2)
    assert done.happened == ["intent", "sent", "closed", "intent", "sent", "closed", "row"]


@pytest.mark.parametrize("reason", FINAL)
async def test_what_the_caller_did_wrong_is_not(stage: Stage, reason: str) -> None:
    done = await stage.carry(FINAL[reason], to=[deployment(), deployment()], retries=2)
    assert done.caller.status == FINAL[reason].status
    assert (len(done.requests), done.row.attempts, done.row.cost_nano_usd) == (1, 1, 0)
    assert "x-should-retry" not in done.caller.headers


async def test_the_last_failure_is_told_and_the_caller_need_not_try_again(stage: Stage) -> None:
    last = refusal(503, {"error": {"message": "last"}}, x_should_retry="true")
    done = await stage.carry(PASSING["429"], PASSING["500"], last, to=[deployment(), deployment(), deployment()])
    assert (done.caller.status, done.caller.json["error"]["message"]) == (503, "last")
    assert [value for name, value in done.caller.messages[0]["headers"] if name == b"x-should-retry"] == [b"false"]
    assert (done.row.attempts, done.row.http_status, done.row.error_class) == (3, 503, "overloaded")


async def test_one_try_leaves_the_caller_its_choice(stage: Stage) -> None:
    done = await stage.carry(refusal(503, {"error": {"message": "x"}}, x_should_retry="true"))
    assert done.caller.headers["x-should-retry"] == "true"


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_each_attempt_is_made_of_the_original_body(stage: Stage, dialect: str) -> None:
    to = [speaking(one) for one in DIALECTS for _ in range(2)]
    done = await stage.carry(*[refusal(500, b"x")] * 6, to=to, dialect=dialect)
    bodies = [request.body for request in done.requests]
    assert bodies[0::2] == bodies[1::2]
    assert [msgspec.json.decode(body)["model"] for body in bodies[::2]] == [one.model for one in to[::2]]
    assert {row.upstream_dialect for row in done.intents} == set(DIALECTS)


async def test_retries_come_after_every_deployment_had_its_turn(stage: Stage) -> None:
    first, second = deployment(base_url="http://first.test"), deployment(base_url="http://second.test")
    done = await stage.carry(*[PASSING["500"]] * 4, GOOD, to=[first, second], retries=3)
    hosts = [request.url.split("/")[2] for request in done.requests]
    assert hosts == ["first.test", "second.test", "second.test", "first.test", "second.test"]
    assert done.caller.status == 200


async def test_the_wait_is_as_long_as_the_provider_asks(stage: Stage) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    done = await stage.carry(refusal(429, {"error": {"message": "x"}}, retry_after_ms="400"), GOOD, retries=1)
    assert done.caller.status == 200
    assert loop.time() - began >= 0.39


@pytest.mark.parametrize("drained", [False, True])
async def test_nobody_is_asked_again_for_a_caller_who_left(stage: Stage, *, drained: bool) -> None:
    for first in (PASSING["500"], PASSING["unreachable"]):
        caller = Caller()
        script = Script([*first.steps, caller.hang_up], first.status, first.headers, [caller.hang_up, *first.opening])
        done = await stage.carry(script, GOOD, to=[deployment(drained=drained)], retries=1, caller=caller)
        assert (len(done.requests), done.row.error_class) == (1, "client_closed")
        assert done.caller.messages == []


async def test_the_total_time_holds_over_all_attempts(stage: Stage) -> None:
    timeouts = msgspec.structs.replace(PATIENT, total_seconds=0.05)
    silent = Script(opening=["silence"])
    done = await stage.carry(silent, silent, to=[deployment(), deployment()], timeouts=timeouts)
    assert (done.caller.status, len(done.requests)) == (504, 1)
    done = await stage.carry(PASSING["500"], GOOD, retries=1, timeouts=timeouts)
    assert (done.caller.status, len(done.requests)) == (500, 1), "a pause beyond the end is not begun"


LACKS_IT = {
    "404": UNKNOWN_PATH,
    "405": refusal(405, b""),
    "501": refusal(501, {"error": {"message": "not implemented"}}),
    "its words": refusal(
        404, {"error": {"message": "This model is only supported in v1/responses", "code": "model_not_found"}}
    ),
}


@pytest.mark.parametrize("how", LACKS_IT)
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("lacking", "having"), [("openai-chat", "openai-responses"), ("openai-responses", "openai-chat")]
)
async def test_a_server_that_lacks_one_of_openais_apis_is_asked_in_the_other(
    stage: Stage, how: str, lacking: str, having: str, *, stream: bool
) -> None:
    """And from then on at once: learned per deployment."""
    one, other = deployment(), deployment(name="n")
    good = Script([stream_body(having)]) if stream else whole(msgspec.Raw(whole_body(having)))
    transport = ScriptedTransport([LACKS_IT[how], good, good], stage.book.happened)
    gateway = stage.gateway(one, other, transport=transport)
    done = await stage.carry(gateway=gateway, dialect=lacking, stream=stream)
    assert done.caller.status == 200
    assert (done.row.upstream_dialect, done.row.attempts, done.row.status) == (having, 2, "success")
    done = await stage.carry(gateway=gateway, dialect=lacking, stream=stream)
    assert (done.caller.status, done.row.attempts) == (200, 1)
    paths = {"openai-chat": "chat/completions", "openai-responses": "responses"}
    assert [request.url.split("/v1/")[1] for request in transport.requests] == [
        paths[lacking],
        paths[having],
        paths[having],
    ]
    assert gateway.router.unserved(other) == frozenset()


async def test_a_server_that_lacks_both_says_so_once_each(stage: Stage) -> None:
    done = await stage.carry(UNKNOWN_PATH, UNKNOWN_PATH, to=[deployment()], dialect="openai-responses")
    assert (done.caller.status, len(done.requests)) == (404, 2)
    done = await stage.carry(UNKNOWN_PATH, to=[speaking("openai-chat")], dialect="openai-responses")
    assert (done.caller.status, len(done.requests)) == (404, 1), "the operator's word holds"
    done = await stage.carry(UNKNOWN_PATH, to=[speaking("anthropic-messages")], dialect="anthropic-messages")
    assert (done.caller.status, len(done.requests)) == (404, 1), "there is no other"


def messages_with(*blocks: dict[str, Any]) -> bytes:
    """A history in which the assistant thought."""
    turns = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [*blocks, {"type": "text", "text": "Hello"}]},
        {"role": "user", "content": "And?"},
    ]
    return msgspec.json.encode({"model": "m", "max_tokens": 10, "stream": False, "messages": turns})


WHY = "messages.1.content.0: Invalid `signature` in `thinking` block"
#: Who refuses a history so, and in whose words.
REFUSING = {
    "anthropic/claude-sonnet-4-5": refusal(
        400, {"type": "error", "error": {"type": "invalid_request_error", "message": WHY}}
    ),
    "bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0": refusal(
        400, {"message": WHY}, x_amzn_errortype="ValidationException"
    ),
}


@pytest.mark.parametrize("served_by", REFUSING)
async def test_a_history_that_a_provider_cannot_take_back_is_mended_once(stage: Stage, served_by: str) -> None:
    refused = REFUSING[served_by]
    body = messages_with({"type": "thinking", "thinking": "CANARY", "signature": ""})
    good = Script([whole_body("anthropic-messages")], headers=JSON)
    ask: dict[str, Any] = {"to": [deployment(served_by)], "dialect": "anthropic-messages", "body": body}
    done = await stage.carry(refused, good, **ask)
    assert done.caller.status == 200, done.caller.body
    assert [b"CANARY" in request.body for request in done.requests] == [True, False]
    assert [b"And?" in request.body for request in done.requests] == [True, True]
    done = await stage.carry(refused, refused, **ask)
    assert (done.caller.status, len(done.requests)) == (400, 2)
    done = await stage.carry(refused, **(ask | {"body": messages_with()}))
    assert (done.caller.status, len(done.requests)) == (400, 1)


async def test_a_claudes_thoughts_go_to_claudes_only(stage: Stage) -> None:
    """Whoever is tried next gets a history that it can take: thoughts with their signature, or none."""
    thought = {"type": "thinking", "thinking": "CANARY", "signature": "Rk9SQ0xBVURF"}
    sealed = {"type": "thinking", "thinking": "FOREIGN", "signature": ""}
    bedrock = deployment("bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0", pinned_dialect="bedrock-converse")
    to = [deployment("anthropic/claude-sonnet-4-5"), deployment(), bedrock]
    busy = PASSING["529"]
    done = await stage.carry(busy, busy, busy, to=to, dialect="anthropic-messages", body=messages_with(thought, sealed))
    claude, gpt, converse = (request.body for request in done.requests)
    assert b"CANARY" in claude
    assert b"FOREIGN" in claude, "its bytes pass"
    assert (b"CANARY" in gpt, b"FOREIGN" in gpt, b"And?" in gpt) == (False, False, True)
    assert b"Rk9SQ0xBVURF" in converse
    assert b"CANARY" in converse
    assert b"FOREIGN" not in converse

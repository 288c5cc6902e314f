"""Bugs of other gateways that lie between the dialects: one test each, named by its case."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorClass, ErrorInfo
from sekisho.exchange.call import PathSays
from sekisho.providers.deployment import Deployment
from sekisho.wire.registry import BY_NAME
from tests.support.caller import Caller
from tests.support.stations import Script, Stage, deployment, stage_in
from tests.support.wires import stream_events

AWS = {"content-type": "application/vnd.amazon.eventstream"}
ARN = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc"
ASKED = b'{"messages":[{"role":"user","content":[{"text":"Hi"}]}]}'


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with stage_in(tmp_path) as made:
        yield made


def bedrock(model: str = "anthropic.claude-sonnet-4-5-20250929-v1:0") -> Deployment:
    return deployment(
        f"bedrock/{model}", pinned_dialect="bedrock-converse", base_url="http://provider.test", base_model="claude"
    )


async def test_rc024_an_error_before_the_first_event_has_a_status_of_its_own(stage: Stage) -> None:
    wrong = ErrorInfo(error_class=ErrorClass.INVALID_REQUEST, message="no such tool", status=400)
    said = BY_NAME["bedrock-converse"].render_error_event(wrong, "r")
    outcome = await stage.carry(
        Script([said], headers=AWS),
        to=[bedrock()],
        dialect="bedrock-converse",
        body=ASKED,
        path=PathSays("m", True),
    )
    assert outcome.caller.status == 400
    assert "no such tool" in outcome.caller.body.decode()


async def test_rc026_a_caller_who_leaves_closes_the_provider_and_is_booked_in_part(stage: Stage) -> None:
    caller = Caller()
    events = stream_events("anthropic-messages")
    outcome = await stage.carry(
        Script([*events[:3], caller.hang_up, "silence"]),
        to=[deployment("anthropic/claude-sonnet-4-5")],
        dialect="anthropic-messages",
        caller=caller,
    )
    assert outcome.happened[-2:] == ["closed", "row"]
    assert (outcome.row.usage_complete, outcome.row.error_class) == (False, "client_closed")
    assert outcome.row.usage != Usage()


@pytest.mark.parametrize("given", [b'"Hi"', b'[{"role":"user","content":"Hi"}]'])
async def test_rc097_what_is_to_be_compacted_passes_as_it_is(stage: Stage, given: bytes) -> None:
    reply = b'{"id":"resp_1","object":"response.compaction","output":[],"usage":{"input_tokens":9,"output_tokens":3}}'
    body = b'{"model":"gpt-4.1-mini","input":' + given + b"}"
    outcome = await stage.carry(
        Script([reply], headers={"content-type": "application/json"}),
        to=[deployment(name="gpt-4.1-mini")],
        dialect="openai-responses",
        operation="compact",
        body=body,
        path=PathSays(None, False),
    )
    [sent] = outcome.requests
    assert (sent.url, sent.body, outcome.caller.body) == ("http://provider.test/v1/responses/compact", body, reply)
    assert (outcome.row.input_tokens, outcome.row.output_tokens, outcome.row.operation) == (9, 3, "compact")


async def test_rc113_a_providers_content_length_does_not_reach_the_caller_of_a_stream(stage: Stage) -> None:
    told = {"content-type": "text/event-stream", "content-length": "12", "transfer-encoding": "chunked"}
    outcome = await stage.carry(Script(stream_events("openai-chat"), headers=told))
    assert outcome.caller.status == 200
    assert not {"content-length", "transfer-encoding"} & set(outcome.caller.headers)


async def test_rc124_the_colons_and_slashes_of_an_arn_are_encoded_once(stage: Stage) -> None:
    outcome = await stage.carry(
        Script([b"{}"], 400, {"content-type": "application/json"}),
        to=[bedrock(ARN)],
        dialect="bedrock-converse",
        body=ASKED,
        path=PathSays("m", False),
    )
    [sent] = outcome.requests
    encoded = ARN.replace(":", "%3A").replace("/", "%2F")
    assert sent.url == f"http://provider.test/model/{encoded}/converse"


async def test_rc075_a_mark_on_the_last_message_stays_beside_a_guardrail(stage: Stage) -> None:
    body = {
        "messages": [{"role": "user", "content": [{"text": "Hi"}, {"cachePoint": {"type": "default"}}]}],
        "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"},
    }
    outcome = await stage.carry(
        Script([b"{}"], 400, {"content-type": "application/json"}),
        to=[bedrock()],
        dialect="bedrock-converse",
        body=msgspec.json.encode(body),
        path=PathSays("m", False),
    )
    assert msgspec.json.decode(outcome.requests[0].body) == body

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.core.errors import UpstreamUnreachable
from sekisho.providers.auth.authority import StaticKey
from tests.support.caller import silence
from tests.support.stations import JSON, PATIENT, Script, ScriptedTransport, Stage, deployment, refusal, speaking, whole
from tests.support.wires import stream_body, whole_body

LACKING = refusal(404, b"404 page not found")
GOOD = Script([stream_body("openai-chat")])
FAILING = refusal(500, b"oops")


async def test_a_server_without_embeddings_still_has_chat(stage: Stage) -> None:
    """One call of an operation that a server lacks must not turn every other caller to another API."""
    one = deployment()
    transport = ScriptedTransport([LACKING, GOOD], stage.book.happened)
    gateway = stage.gateway(one, transport=transport)
    body = b'{"model":"m","input":"Hi"}'
    done = await stage.carry(gateway=gateway, operation="embeddings", body=body)
    assert (done.caller.status, len(transport.requests)) == (404, 1)
    assert gateway.router.unserved(one) == frozenset()
    done = await stage.carry(gateway=gateway)
    assert (done.caller.status, done.row.upstream_dialect) == (200, "openai-chat")


async def test_what_a_server_lacks_for_one_model_it_may_have_for_another(stage: Stage) -> None:
    """Behind a wildcard stand many models."""
    star = deployment("openai/*", name="*")
    responses = Script([stream_body("openai-responses")])
    transport = ScriptedTransport([LACKING, responses, GOOD], stage.book.happened)
    gateway = stage.gateway(star, transport=transport)
    done = await stage.carry(gateway=gateway, model="odd")
    assert (done.caller.status, done.row.upstream_dialect) == (200, "openai-responses")
    done = await stage.carry(gateway=gateway, model="common")
    assert (done.caller.status, done.row.upstream_dialect, done.row.attempts) == (200, "openai-chat", 1)


async def test_a_page_not_found_in_both_apis_teaches_nothing(stage: Stage) -> None:
    """A proxy in between answers for everything for a while: afterwards all is as before."""
    one = deployment()
    gateway = stage.gateway(one, transport=ScriptedTransport([LACKING, LACKING, GOOD], stage.book.happened))
    assert (await stage.carry(gateway=gateway)).caller.status == 404
    done = await stage.carry(gateway=gateway)
    assert (done.caller.status, done.row.upstream_dialect, done.row.attempts) == (200, "openai-chat", 1)


@pytest.mark.parametrize(
    "then", [FAILING, refusal(401, b"{}"), Script(opening=[UpstreamUnreachable("lost")])], ids=["500", "401", "lost"]
)
async def test_a_page_not_found_before_an_outage_teaches_nothing(stage: Stage, then: Script) -> None:
    """Else a server that has one API only would be asked in the other for ever."""
    one = deployment()
    gateway = stage.gateway(one, transport=ScriptedTransport([LACKING, then, GOOD], stage.book.happened))
    assert (await stage.carry(gateway=gateway)).caller.status >= 400
    done = await stage.carry(gateway=gateway)
    assert (done.caller.status, done.row.upstream_dialect, done.row.attempts) == (200, "openai-chat", 1)


async def test_what_the_other_api_has_no_word_for_teaches_nothing(stage: Stage) -> None:
    one = deployment()
    gateway = stage.gateway(one, transport=ScriptedTransport([LACKING, GOOD], stage.book.happened))
    asked = b'{"model":"m","messages":[{"role":"user","content":"Hi"}],"stream":true,"n":2}'
    assert (await stage.carry(gateway=gateway, body=asked)).caller.status >= 400
    done = await stage.carry(gateway=gateway)
    assert (done.caller.status, done.row.upstream_dialect, done.row.attempts) == (200, "openai-chat", 1)


async def test_an_api_that_is_gone_may_be_back_where_the_other_is_gone_too(stage: Stage) -> None:
    """A server was replaced by one that has the other API."""
    one = deployment()
    responses = Script([stream_body("openai-responses")])
    transport = ScriptedTransport([LACKING, responses, LACKING, GOOD], stage.book.happened)
    gateway = stage.gateway(one, transport=transport)
    assert (await stage.carry(gateway=gateway)).row.upstream_dialect == "openai-responses"
    assert (await stage.carry(gateway=gateway)).caller.status == 404
    done = await stage.carry(gateway=gateway)
    assert (done.caller.status, done.row.upstream_dialect, done.row.attempts) == (200, "openai-chat", 1)


async def test_what_one_provider_has_no_word_for_is_asked_of_the_next(stage: Stage) -> None:
    """Deployments of one name take turns: or every other call would be refused."""
    to = [speaking("anthropic-messages"), speaking("openai-chat")]
    body = b'{"model":"m","messages":[{"role":"user","content":"Hi"}],"stream":true,"n":2}'
    for _ in range(2):
        done = await stage.carry(GOOD, to=to, body=body)
        assert (done.caller.status, done.row.provider, done.row.attempts) == (200, "openai", 1)
    done = await stage.carry(to=to[:1], body=body, retries=3)
    assert (done.caller.status, done.row.error_class, done.happened) == (400, "unsupported_feature", ["row"])
    done = await stage.carry(FAILING, FAILING, to=[to[1], to[0]], body=body, retries=1)
    assert (done.caller.status, done.row.attempts) == (500, 2), "the failure that passes is told, and tried again"


async def test_a_mended_history_is_not_what_the_next_provider_gets(stage: Stage) -> None:
    signature = {"type": "invalid_request_error", "message": "Invalid `signature` in `thinking` block"}
    refused = refusal(400, {"type": "error", "error": signature})
    thought = {"type": "thinking", "thinking": "so", "signature": ""}
    turns = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [thought, {"type": "text", "text": "Hello"}]},
        {"role": "user", "content": "And?"},
    ]
    done = await stage.carry(
        refused,
        FAILING,
        whole(msgspec.Raw(whole_body("anthropic-messages"))),
        to=[speaking("anthropic-messages"), speaking("anthropic-messages", id="second")],
        dialect="anthropic-messages",
        body=msgspec.json.encode({"model": "m", "max_tokens": 10, "stream": False, "messages": turns}),
    )
    assert done.caller.status == 200
    first, mended, last = [request.body for request in done.requests]
    assert (b'"so"' in first, b'"so"' in mended) == (True, False)
    assert last == first


class SlowAuthority(StaticKey):
    """Takes so long over its credentials; for ever with None."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float | None) -> None:
        super().__init__(None, "bearer")
        self.seconds = seconds

    async def prepare(self) -> None:
        await silence(self.seconds)


async def test_a_call_whose_time_is_over_before_anything_is_sent_has_timed_out(stage: Stage) -> None:
    """It is not the gateway that ends, nor the caller who left."""
    timeouts = msgspec.structs.replace(PATIENT, total_seconds=0.05)
    done = await stage.carry(GOOD, to=[deployment(authority=SlowAuthority(None))], timeouts=timeouts)
    assert (done.caller.status, done.row.error_class) == (504, "upstream_timeout")
    assert (done.requests, done.happened) == ([], ["row"])


async def test_the_time_of_one_attempt_does_not_end_the_next(stage: Stage) -> None:
    """Whose credentials are fetched first, which takes a moment."""
    timeouts = msgspec.structs.replace(PATIENT, first_event_seconds=0.2)
    first = Script([b"{}"], 429, JSON, opening=[0.1])
    done = await stage.carry(
        first, GOOD, to=[deployment(), deployment(authority=SlowAuthority(0.25))], timeouts=timeouts
    )
    assert (done.caller.status, done.row.attempts) == (200, 2)


FORBIDDEN = {"error": {"message": "no", "type": "permission_error"}}


@pytest.mark.parametrize(
    ("named", "left_out"),
    [
        ({}, True),
        ({"metadata": {"a": 'the text {"file_id": "x"}'}}, True),
        ({"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]}, False),
        ({"headers": {"x-amzn-bedrock-guardrailidentifier": "g"}}, False),
    ],
    ids=["the-model", "a-text", "a-file", "a-guardrail"],
)
async def test_what_one_caller_may_not_have_shuts_off_nobody(
    stage: Stage, named: dict[str, Any], *, left_out: bool
) -> None:
    """A file, a guardrail, a cache of somebody else's is forbidden by the status with which a model is."""
    one = deployment()
    gateway = stage.gateway(one, transport=ScriptedTransport([refusal(403, FORBIDDEN)], stage.book.happened))
    asked = dict(named)
    made = {"headers": {"authorization": "Bearer sk-master"} | asked.pop("headers")} if "headers" in asked else {}
    done = await stage.carry(gateway=gateway, **made, **asked)
    assert done.caller.status == 502
    assert gateway.router.can_begin(one) is not left_out


@pytest.mark.parametrize("dialect", ["openai-chat", "openai-responses"])
async def test_a_request_that_never_fits_leaves_its_deployment_to_the_others(stage: Stage, dialect: str) -> None:
    text = "Request too large for gpt-x in organization o on tokens per min (TPM): Limit 30000, Requested 41000."
    large = refusal(429, {"error": {"message": text, "code": "rate_limit_exceeded"}}, retry_after="60")
    one = speaking(dialect)
    gateway = stage.gateway(one, transport=ScriptedTransport([large] * 3, stage.book.happened))
    for _ in range(3):
        done = await stage.carry(gateway=gateway, dialect="anthropic-messages")
        assert (done.caller.status, done.row.attempts) == (400, 1)
        assert "41000 tokens > 30000" in done.caller.json["error"]["message"]
    assert gateway.router.can_begin(one)

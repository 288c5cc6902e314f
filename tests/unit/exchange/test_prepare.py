from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.canonical.target import Encoded
from sekisho.config.sections import CacheMarks
from sekisho.core.errors import MalformedRequest, UnsupportedFeature
from sekisho.core.secret import Secret
from sekisho.exchange import prepare as station
from sekisho.exchange.call import Call, PathSays, read_ask
from sekisho.exchange.prepare import adds_usage
from sekisho.providers.deployment import Deployment
from sekisho.wire.dialect import Dialect
from sekisho.wire.registry import BY_NAME
from tests.support.caller import Caller
from tests.support.stations import Stage, body_of, deployment, speaking
from tests.support.wires import DIALECTS


def call_of(stage: Stage, dialect: str, body: bytes, **changes: Any) -> Call:
    call = stage.call(Caller(), dialect, body, **changes)
    call.ask = read_ask(body)
    return call


def prepare(call: Call, one: Deployment, upstream: Dialect) -> tuple[Encoded, dict[str, str]]:
    same = upstream.shares_body_with(call.dialect) or call.operation != "generate"
    return station.prepare(call, one, upstream, None if same else call.request())


def prepared(call: Call, one: Deployment, upstream: str) -> tuple[dict[str, Any], dict[str, str]]:
    encoded, headers = prepare(call, one, BY_NAME[upstream])
    return msgspec.json.decode(encoded.body), headers


@pytest.mark.parametrize("dialect", DIALECTS)
def test_in_the_same_dialect_the_callers_bytes_are_sent(stage: Stage, dialect: str) -> None:
    body = b' {"stream" : false,\n "model":"gpt-4.1-mini", "unknown": {"a":1.50}, "messages":[ ]} '
    call = call_of(stage, dialect, body)
    assert prepare(call, speaking(dialect, model="gpt-4.1-mini"), BY_NAME[dialect])[0].body is body


@pytest.mark.parametrize("dialect", DIALECTS)
def test_only_the_model_is_changed(stage: Stage, dialect: str) -> None:
    body = b'{"stream" : false, "model" : "m", "unknown": {"model":"m"} }'
    call = call_of(stage, dialect, body)
    encoded, _ = prepare(call, speaking(dialect, model='gpt "5"'), BY_NAME[dialect])
    assert encoded.body == body.replace(b'"m", "u', b'"gpt \\"5\\"", "u')


@pytest.mark.parametrize(
    ("options", "sent", "added"),
    [
        (None, {"include_usage": True}, True),
        ({"include_usage": True}, {"include_usage": True}, False),
        ({"include_usage": False, "x": 1}, {"include_usage": True, "x": 1}, True),
        ({"x": 1}, {"x": 1, "include_usage": True}, True),
    ],
)
def test_usage_is_asked_for_in_chat_streams(
    stage: Stage, options: dict[str, Any] | None, sent: dict[str, Any], *, added: bool
) -> None:
    fields: dict[str, Any] = {} if options is None else {"stream_options": options}
    call = call_of(stage, "openai-chat", body_of("openai-chat", **fields))
    assert adds_usage(call, BY_NAME["openai-chat"]) is added
    body, _ = prepared(call, deployment(), "openai-chat")
    assert body["stream_options"] == sent


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        (
            b'{"x":1e999, "y" : 12345678901234567890123}',
            b'{"x":1e999,"y":12345678901234567890123,"include_usage":true}',
        ),
        (b'"x"', b'{"include_usage":true}'),
        (b'{"include_usage":1}', b'{"include_usage":true}'),
    ],
)
def test_what_else_is_said_of_a_stream_is_not_read(stage: Stage, options: bytes, sent: bytes) -> None:
    body = b'{"model":"gpt-4.1-mini","stream":true,"messages":[],"stream_options":%b}'
    call = call_of(stage, "openai-chat", body % options)
    assert prepare(call, speaking("openai-chat", model="gpt-4.1-mini"), BY_NAME["openai-chat"])[0].body == body % sent


@pytest.mark.parametrize(
    ("dialect", "upstream", "stream"),
    [
        ("openai-chat", "openai-chat", False),
        ("anthropic-messages", "anthropic-messages", True),
        ("openai-responses", "openai-responses", True),
        ("openai-responses", "openai-chat", True),
    ],
)
def test_elsewhere_it_is_not(stage: Stage, dialect: str, upstream: str, *, stream: bool) -> None:
    assert not adds_usage(call_of(stage, dialect, body_of(dialect, stream=stream)), BY_NAME[upstream])


@pytest.mark.parametrize("upstream", DIALECTS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_two_attempts_send_the_same_bytes_whatever_came_between(stage: Stage, dialect: str, upstream: str) -> None:
    call = call_of(stage, dialect, body_of(dialect))
    one = speaking(upstream)
    first = prepare(call, one, BY_NAME[upstream])
    for other in DIALECTS:
        prepare(call, speaking(other, model="other"), BY_NAME[other])
    assert prepare(call, one, BY_NAME[upstream]) == first
    assert msgspec.json.decode(first[0].body)["model"] == one.model


def test_headers_of_the_callers_dialect_pass_and_no_others(stage: Stage) -> None:
    sent = {
        "anthropic-beta": "context-1m",
        "anthropic-version": "2024-01-01",
        "openai-beta": "assistants=v2",
        "x-api-key": "sk-caller",
        "cookie": "a=b",
        "x-forwarded-for": "10.0.0.1",
    }
    call = call_of(stage, "anthropic-messages", body_of("anthropic-messages"), headers=sent)
    _, headers = prepared(call, speaking("anthropic-messages"), "anthropic-messages")
    assert headers == {
        "content-type": "application/json",
        "accept-encoding": "identity",
        "user-agent": "sekisho",
        "anthropic-beta": "context-1m",
        "anthropic-version": "2024-01-01",
    }
    _, headers = prepared(call, deployment(), "openai-chat")
    assert "authorization" not in headers
    assert not {name for name in headers if name in sent}


#: Words of an invocation -> a model that speaks them, and what stands in their bodies.
INVOKED: dict[str, tuple[str, dict[str, Any]]] = {
    "anthropic-messages@bedrock": (
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9},
    ),
    "bedrock-converse@bedrock": ("us.amazon.nova-pro-v1:0", {"schemaVersion": "messages-v1"}),
    "openai-chat@bedrock": ("openai.gpt-oss-120b-1:0", {"max_tokens": 9}),
}
GUARDRAIL = {"x-amzn-bedrock-guardrailidentifier": "g-1", "x-amzn-bedrock-guardrailversion": "2"}


def invocation(stage: Stage, dialect: str, headers: dict[str, str]) -> Call:
    content: Any = [{"text": "Hi"}] if dialect == "bedrock-converse@bedrock" else "Hi"
    body = msgspec.json.encode(INVOKED[dialect][1] | {"messages": [{"role": "user", "content": content}]})
    says = PathSays("m", stream=False)
    call = stage.call(Caller(), dialect, body, headers=headers, path=says)
    call.ask = read_ask(body, says)
    return call


@pytest.mark.parametrize("upstream", INVOKED)
@pytest.mark.parametrize("dialect", INVOKED)
def test_a_guardrail_goes_with_an_invocation_in_whatever_words(stage: Stage, dialect: str, upstream: str) -> None:
    one = deployment(f"bedrock/{INVOKED[upstream][0]}", pinned_dialect=upstream)
    _, headers = prepared(invocation(stage, dialect, GUARDRAIL), one, upstream)
    assert GUARDRAIL.items() <= headers.items()


@pytest.mark.parametrize("upstream", ["anthropic-messages", "openai-chat", "bedrock-converse"])
@pytest.mark.parametrize("dialect", INVOKED)
def test_a_guardrail_that_would_not_hold_is_refused(stage: Stage, dialect: str, upstream: str) -> None:
    one = deployment("bedrock/us.amazon.nova-pro-v1:0") if "bedrock" in upstream else speaking(upstream)
    with pytest.raises(UnsupportedFeature, match="x-amzn-bedrock-guardrailidentifier"):
        prepare(invocation(stage, dialect, GUARDRAIL), one, BY_NAME[upstream])


@pytest.mark.parametrize("upstream", ["anthropic-messages", "openai-chat"])
@pytest.mark.parametrize("dialect", INVOKED)
def test_what_else_an_invocation_says_in_headers_is_named(stage: Stage, dialect: str, upstream: str) -> None:
    said = {f"x-amzn-bedrock-{name}": "x" for name in ("accept", "service-tier", "trace")}
    encoded, headers = prepare(invocation(stage, dialect, said), speaking(upstream), BY_NAME[upstream])
    assert [name for name in encoded.dropped if name in said] == sorted(said)[1:]
    assert not headers.keys() & said.keys()


@pytest.mark.parametrize(
    ("dialect", "name", "said", "lowered"),
    [
        ("anthropic-messages@bedrock", "anthropic/claude-sonnet-4-5", {"max_tokens": 50}, {"max_tokens": 7}),
        ("anthropic-messages@vertex", "anthropic/claude-sonnet-4-5", {"max_tokens": 50}, {"max_tokens": 7}),
        ("gemini-generate@array", "gemini/gemini-2.5-pro", {}, {"generationConfig": {"maxOutputTokens": 7}}),
        ("openai-chat@bedrock", "openai/gpt-4.1-mini", {"max_tokens": 50}, {"max_tokens": 7}),
    ],
)
def test_a_carried_body_is_edited_as_the_vendors_own(
    stage: Stage, dialect: str, name: str, said: dict[str, Any], lowered: dict[str, Any]
) -> None:
    """A shorter answer, where a budget has room for no longer one, and prompt-cache marks."""
    says = PathSays("m", stream=False)
    body = msgspec.json.encode(said | {"system": "Be terse.", "messages": [{"role": "user", "content": "Hi"}]})
    call = stage.call(Caller(), dialect, body, path=says)
    call.ask, call.output_limit = read_ask(body, says), 7
    one = deployment(name)
    encoded, _ = station.prepare(call, one, BY_NAME[one.dialects[0]], None, (CacheMarks(system=True),))
    sent = msgspec.json.decode(encoded.body)
    assert {key: sent[key] for key in lowered} == lowered
    assert ("cache_control" in str(sent["system"])) == (one.provider.name == "anthropic")


def test_anthropics_version_is_named_where_the_caller_does_not(stage: Stage) -> None:
    for dialect in DIALECTS:
        call = call_of(stage, dialect, body_of(dialect))
        _, headers = prepared(call, speaking("anthropic-messages"), "anthropic-messages")
        assert headers["anthropic-version"] == "2023-06-01"


def test_the_operators_headers_are_sent(stage: Stage) -> None:
    one = speaking("anthropic-messages", extra_headers={"anthropic-version": Secret("2022-01-01")})
    call = call_of(stage, "openai-chat", body_of("openai-chat"))
    _, headers = prepared(call, one, "anthropic-messages")
    assert headers["anthropic-version"] == "2022-01-01"


def test_betas_of_operator_and_caller_are_both_sent(stage: Stage) -> None:
    one = speaking("anthropic-messages", extra_headers={"anthropic-beta": Secret("of-operator")})
    call = call_of(
        stage, "anthropic-messages", body_of("anthropic-messages"), headers={"anthropic-beta": "of-caller,of-operator"}
    )
    _, headers = prepared(call, one, "anthropic-messages")
    assert headers["anthropic-beta"].split(",") == ["of-operator", "of-caller"]


@pytest.mark.parametrize("operation", ["embeddings", "completions", "count_tokens"])
def test_an_operation_that_the_provider_lacks_is_refused_by_name(stage: Stage, operation: str) -> None:
    upstream = "openai-chat" if operation == "count_tokens" else "anthropic-messages"
    call = call_of(stage, "openai-chat", body_of("openai-chat"), operation=operation)
    with pytest.raises(UnsupportedFeature, match=operation):
        prepare(call, speaking(upstream), BY_NAME[upstream])


#: What a header of each dialect is called that goes on to the provider.
GOES_ON = {"bedrock-converse": "x-amzn-bedrock-trace", "anthropic-messages@bedrock": "x-amzn-bedrock-trace"}
_BETA = "anthropic-beta"
GOES_ON |= {"anthropic-messages": _BETA}


@pytest.mark.parametrize("value", ["caf\xe9", "a\tb", "a\x7f"], ids=["latin", "tab", "delete"])
@pytest.mark.parametrize("dialect", GOES_ON)
def test_a_header_that_a_signature_may_not_survive_is_refused_by_name(stage: Stage, dialect: str, value: str) -> None:
    """The provider would call the gateway's own signature wrong, and the deployment would be left out for all."""
    name, says = GOES_ON[dialect], PathSays("m", stream=False)
    call = stage.call(Caller(), dialect, b'{"messages":[],"max_tokens":9}', headers={name: value}, path=says)
    call.ask = read_ask(call.body, says)
    served_by = f"bedrock/{INVOKED['anthropic-messages@bedrock'][0]}" if name != _BETA else "anthropic/claude"
    with pytest.raises(MalformedRequest, match=f"'{name}'"):
        prepared(call, deployment(served_by, pinned_dialect=dialect), dialect)

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import json
import ssl
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest
from botocore.exceptions import ClientError, EventStreamError, SSLError

from tests.support.gateway import MASTER_KEY, Gateway
from tests.support.provider import RunningProvider, provider
from tests.support.waiting import eventually

#: As callers name them: how boto3 writes the first two in a path differs from what it signs.
PROFILE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"
FOREIGN = "openai/gpt-4.1-mini"
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC")
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = {"tools": [{"toolSpec": {"name": "weather", "description": "By city.", "inputSchema": {"json": SCHEMA}}}]}
CLAUDE_BODY = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 99}
WORDS = "word1 word2 word3 "
SAY = "[fake: chunks=3]"


class Reached(msgspec.Struct, frozen=True):
    """A running gateway that speaks https with a certificate of its own, and what is behind it."""

    url: str
    bundle: Path
    provider: RunningProvider
    key: str
    narrow_key: str
    pair: dict[str, str]

    def seen(self) -> Any:
        """The body of the last request that the provider got."""
        return self.provider.app.book.requests[-1].body


def model_list(url: str) -> list[dict[str, Any]]:
    aws = {"aws_region_name": "us-east-1", "aws_access_key_id": "AKIAPROVIDER", "aws_secret_access_key": "s" * 40}
    bedrock = {"model": f"bedrock/{PROFILE}", "aws_bedrock_runtime_endpoint": url, **aws}
    anthropic = {"model": "anthropic/claude-sonnet-4-5", "api_base": url, "api_key": "sk-provider"}
    openai = {"model": FOREIGN, "api_base": f"{url}/v1", "api_key": "sk-provider"}
    served = {PROFILE: bedrock, ARN: anthropic, FOREIGN: openai}
    return [{"model_name": name, "litellm_params": params} for name, params in served.items()]


def asked(url: str, bundle: Path, body: object = None) -> Any:
    """What the gateway's administrator gets: GET, or POST of a body."""
    headers = {"authorization": f"Bearer {MASTER_KEY}", "content-type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers)
    context = ssl.create_default_context(cafile=bundle)
    with urllib.request.urlopen(request, timeout=10, context=context) as answer:
        return json.load(answer)


async def ready(running: Gateway, url: str, bundle: Path) -> None:
    """Wait until it is."""

    async def answers() -> bool:
        assert running.process.exit_code() is None, running.process.output
        try:
            return bool(asked(f"{url}/health/readiness", bundle))
        except OSError:
            return False

    await eventually(answers, "the gateway is ready", within_seconds=30)


@pytest.fixture(scope="module")
def reached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reached]:
    folder = tmp_path_factory.mktemp("https")
    with provider() as fake:
        settings = {"num_retries": 0, "disable_cooldowns": True}
        config = {"model_list": model_list(fake.url), "router_settings": settings}
        running = Gateway(folder, config, SEKISHO_ROOT_KEY="0" * 64)
        running.process.arguments.append("--dev-tls")
        url, bundle = f"https://localhost:{running.port}", running.data_dir / "dev-tls" / "ca.pem"
        running.process.start()
        try:
            asyncio.run(ready(running, url, bundle))
            key = asked(f"{url}/key/generate", bundle, {})["key"]
            narrow_key = asked(f"{url}/key/generate", bundle, {"models": ["nothing"]})["key"]
            pair = asked(f"{url}/sekisho/v1/key/aws-credentials", bundle, {"key": key})
            yield Reached(url, bundle, fake, key, narrow_key, pair)
        finally:
            running.process.stop()


@contextmanager
def client(reached: Reached, patch: pytest.MonkeyPatch, **variables: str) -> Iterator[Any]:
    """boto3's client as it makes itself from the environment alone, without tries of its own."""
    settings = {
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": reached.url,
        "AWS_CA_BUNDLE": str(reached.bundle),
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nowhere",
        "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
    }
    for name in ("AWS_BEARER_TOKEN_BEDROCK", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        patch.delenv(name, raising=False)
    for name, value in (settings | variables).items():
        patch.setenv(name, value)
    with closing(boto3.Session().client("bedrock-runtime")) as made:
        yield made


def bearer(reached: Reached) -> dict[str, str]:
    return {"AWS_BEARER_TOKEN_BEDROCK": reached.key}


def signed(reached: Reached) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": reached.pair["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": reached.pair["secret_access_key"],
    }


@pytest.fixture(scope="module", params=[bearer, signed])
def runtime(request: pytest.FixtureRequest, reached: Reached) -> Iterator[Any]:
    """The client with either kind of credentials."""
    credentials: Callable[[Reached], dict[str, str]] = request.param
    with pytest.MonkeyPatch.context() as patch, client(reached, patch, **credentials(reached)) as made:
        yield made


def turn(text: str, *more: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": [{"text": text}, *more]}


EVERY_MODEL = pytest.mark.parametrize("model", [PROFILE, ARN, FOREIGN], ids=["profile", "arn", "foreign"])


# ── what programs do ────────────────────────────────────────────────────────────────────────────
@EVERY_MODEL
def test_converse(runtime: Any, model: str) -> None:
    reply = runtime.converse(modelId=model, messages=[turn(SAY)])
    assert reply["output"]["message"] == {"role": "assistant", "content": [{"text": WORDS}]}
    assert (reply["stopReason"], reply["usage"]["outputTokens"]) == ("end_turn", 3)
    assert reply["ResponseMetadata"]["RequestId"]


@EVERY_MODEL
def test_converse_stream(runtime: Any, model: str) -> None:
    events = list(runtime.converse_stream(modelId=model, messages=[turn(SAY)])["stream"])
    deltas = [event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event]
    assert (len(deltas) > 1, "".join(deltas)) == (True, WORDS)
    assert events[-2] == {"messageStop": {"stopReason": "end_turn"}}
    assert events[-1]["metadata"]["usage"]["outputTokens"] == 3


@EVERY_MODEL
def test_invoke_model(runtime: Any, model: str) -> None:
    body = CLAUDE_BODY | {"messages": [{"role": "user", "content": SAY}]}
    answer = runtime.invoke_model(modelId=model, body=json.dumps(body))
    reply = json.load(answer["body"])
    assert (answer["contentType"], reply["content"]) == ("application/json", [{"type": "text", "text": WORDS}])
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    counts = {kind: int(headers[f"x-amzn-bedrock-{kind}-token-count"]) for kind in ("input", "output")}
    assert counts == {kind: reply["usage"][f"{kind}_tokens"] for kind in counts}


@EVERY_MODEL
def test_invoke_model_with_response_stream(runtime: Any, model: str) -> None:
    body = CLAUDE_BODY | {"messages": [{"role": "user", "content": SAY}]}
    answer = runtime.invoke_model_with_response_stream(modelId=model, body=json.dumps(body))
    assert answer["contentType"] == "application/json"
    events = [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]
    assert [events[0]["type"], events[-1]["type"]] == ["message_start", "message_stop"]
    assert "".join(event["delta"].get("text", "") for event in events if "delta" in event) == WORDS
    assert "amazon-bedrock-invocationMetrics" in events[-1]


@EVERY_MODEL
def test_tools(reached: Reached, runtime: Any, model: str) -> None:
    asking = turn("[fake: tool=weather]")
    reply = runtime.converse(modelId=model, messages=[asking], toolConfig=TOOLS)
    [used] = [block["toolUse"] for block in reply["output"]["message"]["content"] if "toolUse" in block]
    assert (reply["stopReason"], used["name"], list(used["input"])) == ("tool_use", "weather", ["city"])
    result = {"toolResult": {"toolUseId": used["toolUseId"], "content": [{"text": "21 degrees"}]}}
    turns = [asking, reply["output"]["message"], {"role": "user", "content": [result]}]
    reply = runtime.converse(modelId=model, messages=turns, toolConfig=TOOLS)
    assert reply["stopReason"] == "end_turn"
    assert "21 degrees" in json.dumps(reached.seen())


@EVERY_MODEL
def test_images(reached: Reached, runtime: Any, model: str) -> None:
    image = {"image": {"format": "png", "source": {"bytes": PNG}}}
    runtime.converse(modelId=model, messages=[turn("What is it?", image)])
    assert base64.b64encode(PNG).decode() in json.dumps(reached.seen())


@EVERY_MODEL
def test_count_tokens(runtime: Any, model: str) -> None:
    body = json.dumps(CLAUDE_BODY | {"messages": [{"role": "user", "content": SAY}]})
    for asked_for in ({"converse": {"messages": [turn(SAY)]}}, {"invokeModel": {"body": body}}):
        assert runtime.count_tokens(modelId=model, input=asked_for)["inputTokens"] > 0


def test_inference_profiles(reached: Reached, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a program asks for before it names one: another of AWS's services, at the same address."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK", reached.url)
    for credentials in (bearer, signed):
        with (
            client(reached, monkeypatch, **credentials(reached)),
            closing(boto3.Session().client("bedrock")) as bedrock,
        ):
            listed = bedrock.list_inference_profiles()["inferenceProfileSummaries"]
        assert {PROFILE, FOREIGN} <= {profile["inferenceProfileId"] for profile in listed}


# ── what they catch ─────────────────────────────────────────────────────────────────────────────
@EVERY_MODEL
def test_errors_are_typed(runtime: Any, model: str) -> None:
    for said, kind in [
        ("[fake: status=429]", runtime.exceptions.ThrottlingException),
        ("[fake: status=400]", runtime.exceptions.ValidationException),
        ("[fake: status=500]", runtime.exceptions.InternalServerException),
    ]:
        for call in (runtime.converse, runtime.converse_stream):
            with pytest.raises(kind):
                call(modelId=model, messages=[turn(said)])


def test_what_a_provider_cannot_do_is_named(runtime: Any) -> None:
    guardrail = {"guardrailIdentifier": "g", "guardrailVersion": "1"}
    with pytest.raises(runtime.exceptions.ValidationException, match="guardrailConfig"):
        runtime.converse(modelId=FOREIGN, messages=[turn(SAY)], guardrailConfig=guardrail)


@EVERY_MODEL
def test_an_error_inside_a_stream_is_typed(runtime: Any, model: str) -> None:
    said = turn("[fake: chunks=5 error_in_stream=rate_limit error_after=6]")
    stream = runtime.converse_stream(modelId=model, messages=[said])["stream"]
    with closing(stream), pytest.raises(EventStreamError) as raised:
        list(stream)
    assert raised.value.response["Error"]["Code"] == "throttlingException"


@pytest.mark.parametrize(
    ("body", "family"),
    [
        ({"inputText": SAY, "textGenerationConfig": {}}, "Amazon Titan"),
        ({"prompt": SAY, "max_gen_len": 9}, "Meta Llama"),
        ({"message": SAY, "chat_history": []}, "Cohere Command"),
    ],
    ids=["titan", "llama", "cohere"],
)
def test_a_body_that_is_not_spoken_names_its_family(runtime: Any, body: Any, family: str) -> None:
    for call in (runtime.invoke_model, runtime.invoke_model_with_response_stream):
        with pytest.raises(runtime.exceptions.ValidationException, match=f"{family}.*converse_stream"):
            call(modelId=PROFILE, body=json.dumps(body))


def test_a_model_that_is_not_there(runtime: Any) -> None:
    with pytest.raises(runtime.exceptions.ResourceNotFoundException):
        runtime.converse(modelId="nobody.knows-it-v1:0", messages=[turn(SAY)])


def test_a_model_that_a_key_may_not_use(reached: Reached, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        client(reached, monkeypatch, AWS_BEARER_TOKEN_BEDROCK=reached.narrow_key) as runtime,
        pytest.raises(runtime.exceptions.AccessDeniedException),
    ):
        runtime.converse(modelId=PROFILE, messages=[turn(SAY)])


# ── what must not pass ──────────────────────────────────────────────────────────────────────────
def refused(runtime: Any, model: str = PROFILE) -> tuple[int, str]:
    """(status, code) of a call that is refused."""
    with pytest.raises(ClientError) as raised:
        runtime.converse(modelId=model, messages=[turn(SAY)])
    response = raised.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "x" * 40}, "InvalidSignatureException"),
        ({"AWS_ACCESS_KEY_ID": "AKIANOBODY"}, "UnrecognizedClientException"),
        ({"AWS_SESSION_TOKEN": "from AWS itself"}, "UnrecognizedClientException"),
        ({"AWS_BEARER_TOKEN_BEDROCK": "sk-nobody"}, "UnrecognizedClientException"),
    ],
    ids=["secret", "id", "token", "bearer"],
)
def test_wrong_credentials(
    reached: Reached, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], code: str
) -> None:
    with client(reached, monkeypatch, **(signed(reached) | changes)) as runtime:
        assert refused(runtime) == (403, code)


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_clock_that_is_wrong(reached: Reached, monkeypatch: pytest.MonkeyPatch, minutes: int) -> None:
    then = dt.datetime.now(dt.UTC).replace(tzinfo=None) + dt.timedelta(minutes=minutes)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_: then)
    with client(reached, monkeypatch, **signed(reached)) as runtime:
        assert refused(runtime) == (403, "InvalidSignatureException")


@pytest.mark.parametrize("part", ["body", "path", "query", "header"])
def test_what_was_changed_on_the_way(reached: Reached, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    """A signature that was seen is no leave to ask for something else."""

    def change(request: Any, **_: Any) -> None:
        if part == "body":
            request.body = request.body.replace(b"chunks=3", b"chunks=4")
        elif part == "path":
            request.url = request.url.replace("/converse", "/converse-stream")
        elif part == "query":
            request.url += "?a=b"
        else:
            request.headers["x-amzn-bedrock-trace"] = "ENABLED"

    count = len(reached.provider.app.book.requests)
    with client(reached, monkeypatch, **signed(reached)) as runtime:
        runtime.meta.events.register("before-send.bedrock-runtime.Converse", change)
        assert refused(runtime) == (403, "InvalidSignatureException")
    assert len(reached.provider.app.book.requests) == count


@pytest.mark.parametrize("model", [PROFILE.replace(":", "%3A"), ARN.replace("/", "%2F"), "../../key/list", "a//b"])
def test_names_that_are_encoded_twice_or_lead_elsewhere(runtime: Any, model: str) -> None:
    status, code = refused(runtime, model)
    assert (status, code) in {(404, "ResourceNotFoundException"), (403, "InvalidSignatureException")}


def test_who_does_not_trust_the_certificate(reached: Reached, monkeypatch: pytest.MonkeyPatch) -> None:
    with client(reached, monkeypatch, **bearer(reached)) as runtime:
        assert runtime.converse(modelId=PROFILE, messages=[turn(SAY)])
    monkeypatch.delenv("AWS_CA_BUNDLE")
    stranger: Any = boto3.Session().client("bedrock-runtime")
    with closing(stranger), pytest.raises(SSLError):
        stranger.converse(modelId=PROFILE, messages=[turn(SAY)])

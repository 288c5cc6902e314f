"""Requests of the real clients, over a socket, verified as they arrive."""

from __future__ import annotations

import time
from collections.abc import Iterator

import boto3
import pytest
from anthropic import AnthropicBedrock
from botocore.config import Config

from sekisho.core.secret import Secret
from sekisho.identity.sigv4 import verify
from sekisho.providers.auth.sigv4 import AwsKeys, Unsigned, sign
from sekisho.upstream.client import ReqwestTransport
from sekisho.upstream.http import HttpRequest
from tests.support.capture import Capture, capturing

KEY_ID = "AKIASEKISHO234567"
SECRET = "secret/+ of forty characters .........."
MODELS = [
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123",
    "my model~1",
]


@pytest.fixture
def capture() -> Iterator[Capture]:
    with capturing() as server:
        yield server


def signer_of(capture: Capture) -> str:
    """Who signed the one request that came."""
    (request,) = capture.requests
    return verify(request, {KEY_ID: Secret(SECRET)}.__getitem__, time.time_ns() // 1000)


@pytest.mark.parametrize("prefix", ["", "/bedrock"])
@pytest.mark.parametrize("model", MODELS)
def test_boto3(capture: Capture, model: str, prefix: str) -> None:
    client = boto3.client(
        "bedrock-runtime",
        region_name="ap-northeast-1",
        endpoint_url=f"{capture.url}{prefix}",
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )
    client.converse(modelId=model, messages=[{"role": "user", "content": [{"text": "日本"}]}])
    client.close()
    assert signer_of(capture) == KEY_ID


@pytest.mark.parametrize("model", MODELS[:2])
def test_anthropics_sdk(capture: Capture, model: str) -> None:
    client = AnthropicBedrock(
        aws_access_key=KEY_ID, aws_secret_key=SECRET, aws_region="us-east-1", base_url=capture.url, max_retries=0
    )
    client.messages.create(model=model, max_tokens=1, messages=[{"role": "user", "content": "日本"}])
    client.close()
    assert signer_of(capture) == KEY_ID


@pytest.mark.parametrize(
    "path", ["us.a-v1%3A0", "us.a-v1:0", "arn%3Aaws%3Abedrock%3A%3A1%3Ax%2Fy", "a%20b~c@d%2B%C3%A9"]
)
async def test_what_we_send_is_what_we_signed(capture: Capture, path: str) -> None:
    url = f"{capture.url}/model/{path}/converse-stream?a=%2F&b"
    headers = {"content-type": "application/json", "accept-encoding": "identity", "user-agent": "sekisho"}
    keys = AwsKeys(access_key_id=KEY_ID, secret=Secret(SECRET))
    proof = sign(Unsigned("POST", url, b"{}", headers), keys, "us-east-1", time.time_ns() // 1000)
    transport = ReqwestTransport(5)
    async with transport.open_stream(HttpRequest("POST", url, {**headers, **proof}, b"{}")) as reply:
        assert reply.status == 200
    await transport.close()
    assert signer_of(capture) == KEY_ID

"""Secrets of access keys and tokens in URLs stay where they belong: in no log, no error, no file of the gateway."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.faults.dialects import SHORT
from tests.support.gateway import MASTER_KEY, Gateway, gateway
from tests.support.media_server import PDF, PNG, answer, media_server
from tests.support.provider import provider
from tests.support.sse_client import call, post_json

URL_TOKEN = "CANARY-url-3e77"
PROVIDER_KEY = "sk-CANARY-provider-91bc"
ROOT, OTHER_ROOT = "ab" * 32, "cd" * 32
PAIRS = "/sekisho/v1/key/aws-credentials"


@dataclass
class Aftermath:
    """What was said, by whom, and where it all lies."""

    folder: Path
    logs: list[str] = field(default_factory=list)
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    pair: dict[str, Any] = field(default_factory=dict)
    prompts: bytes = b""

    @property
    def secrets(self) -> tuple[str, ...]:
        return (str(self.pair["secret_access_key"]), ROOT, OTHER_ROOT, PROVIDER_KEY, MASTER_KEY)


def config(provider_url: str) -> dict[str, Any]:
    """Two models whose providers take no documents, or nothing at all, by URL."""
    key = {"api_key": PROVIDER_KEY}
    chat = {"model": "openai/gpt-4.1-mini", "api_base": f"{provider_url}/v1", "use_chat_completions_api": True}
    gemini = {"model": "gemini/gemini-2.5-flash", "api_base": provider_url}
    models = [
        {"model_name": "docs", "litellm_params": chat | key},
        {"model_name": "pictures", "litellm_params": gemini | key},
    ]
    media = {"media": {"allowed_hosts": ["127.0.0.1"], "timeout_seconds": 2, "max_mb": 0.01}}
    return {"model_list": models, **SHORT, "sekisho": SHORT["sekisho"] | media}


def by_url(kind: str, url: str) -> dict[str, Any]:
    """A request in Anthropic's dialect that names one file by URL."""
    part = {"type": kind, "source": {"type": "url", "url": url}}
    said = [part, {"type": "text", "text": "What is it?"}]
    model = "docs" if kind == "document" else "pictures"
    return {"model": model, "max_tokens": 50, "messages": [{"role": "user", "content": said}]}


def urls(port: int) -> list[str]:
    """URLs with a token in them that fail in every way, and one that does not."""
    own = f"http://127.0.0.1:{port}"
    return [
        f"{own}/there?sig={URL_TOKEN}",
        *(f"{own}/{path}?sig={URL_TOKEN}" for path in ("missing", "loop", "away", "html", "large", "cut", "packed")),
        f"http://127.0.0.1:1/?sig={URL_TOKEN}",
        f"https://127.0.0.1:{port}/?sig={URL_TOKEN}",
        f"https://169.254.169.254/?sig={URL_TOKEN}",
        f"https://user:{URL_TOKEN}@example.com/",
        f"https://{URL_TOKEN.lower()}.invalid/",
        f"https://[{URL_TOKEN}]/",
        f"http://example.com/?sig={URL_TOKEN}",
    ]


def files() -> dict[str, bytes]:
    return {
        "/there": answer(PDF),
        "/loop": answer(status=302, location=f"/loop?sig={URL_TOKEN}"),
        "/away": answer(status=302, location=f"https://10.0.0.1/?sig={URL_TOKEN}"),
        "/html": answer(f"<p>{URL_TOKEN}</p>\xff".encode("latin-1"), content_type="text/html"),
        "/large": answer(PNG * 1000),
        "/cut": answer(PNG, content_length="5000"),
        "/packed": answer(PNG, content_encoding=URL_TOKEN),
    }


def signed(gate: Gateway, access_key_id: str, secret: str, body: bytes) -> tuple[str, dict[str, str]]:
    """(URL, headers) as AWS's SDKs make them for Converse."""
    url = f"{gate.url}/model/docs/converse"
    request = AWSRequest("POST", url, {"content-type": "application/json"}, body)
    SigV4Auth(Credentials(access_key_id, secret), "bedrock", "us-east-1").add_auth(request)
    return url, {name.lower(): str(value) for name, value in request.headers.items()}


async def fetch_all(gate: Gateway, key: str, seen: Aftermath) -> None:
    """Files by URL, whole and streamed."""
    async with media_server(files()) as server:
        for kind in ("document", "image"):
            for url in urls(server.port):
                body = by_url(kind, url) | {"stream": url.startswith("https")}
                async with call("POST", f"{gate.url}/v1/messages", body, {"x-api-key": key}) as reply:
                    seen.answers.append((reply.status, await reply.body()))


async def sign_all(gate: Gateway, seen: Aftermath) -> None:
    """Good and bad signatures of the pair."""
    body = json.dumps({"messages": [{"role": "user", "content": [{"text": "Hello."}]}]}).encode()
    name, secret = seen.pair["access_key_id"], seen.pair["secret_access_key"]
    for access_key_id, with_secret, sent in (
        (name, secret, body),
        (name, secret, body.replace(b"Hello", b"Hallo")),
        (name, secret + "x", body),
        ("SKSH" + "A" * 16, secret, body),
    ):
        url, headers = signed(gate, access_key_id, with_secret, body)
        async with call("POST", url, json.loads(sent) if sent != body else body, headers) as reply:
            seen.answers.append((reply.status, await reply.body()))


async def provoke(gate: Gateway, seen: Aftermath) -> None:
    key = await gate.make_key(key_alias="canary")
    master = {"authorization": f"Bearer {MASTER_KEY}"}
    status, seen.pair = await post_json(gate.url + PAIRS, {"key": key}, master)
    assert status == 200, seen.pair
    await fetch_all(gate, key, seen)
    await sign_all(gate, seen)
    for method, path in (("GET", PAIRS), ("POST", f"{PAIRS}/{seen.pair['access_key_id']}/block")):
        async with call(method, gate.url + path, None, master) as reply:
            seen.answers.append((reply.status, await reply.body()))


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Aftermath:
    """A gateway that has seen it all, and a second one over the same data with another root key."""
    seen = Aftermath(tmp_path_factory.mktemp("secrets"))
    with provider() as fake:
        for root in (ROOT, OTHER_ROOT):
            with gateway(seen.folder, config(fake.url), SEKISHO_ROOT_KEY=root) as gate:
                asyncio.run(provoke(gate, seen) if root is ROOT else sign_all(gate, seen))
            seen.logs.append(gate.process.output)
        seen.prompts = repr(fake.app.book.requests).encode()
    return seen


def test_what_should_work_did(aftermath: Aftermath) -> None:
    count = len(urls(0))
    documents, images, rest = (
        aftermath.answers[:count],
        aftermath.answers[count : 2 * count],
        aftermath.answers[2 * count :],
    )
    assert [status for status, _ in documents] == [200] + [400] * (count - 1)
    assert {status for status, _ in images} == {400}
    assert [status for status, _ in rest[:6]] == [200, 403, 403, 403, 200, 200], rest
    assert "1 access keys do not work" in aftermath.logs[1]


def test_nothing_stands_in_a_log(aftermath: Aftermath) -> None:
    for log in aftermath.logs:
        assert [word for word in (*aftermath.secrets, URL_TOKEN, URL_TOKEN.lower()) if word in log] == []
        assert "Traceback" not in log


def test_nothing_stands_in_the_data_directory(aftermath: Aftermath) -> None:
    files = [path for path in (aftermath.folder / "data").rglob("*") if path.is_file()]
    assert files
    for word in (*aftermath.secrets, URL_TOKEN, URL_TOKEN.lower()):
        assert [path for path in files if word.encode() in path.read_bytes()] == [], word


def test_no_answer_repeats_a_secret_or_a_url(aftermath: Aftermath) -> None:
    hidden = [word.encode() for word in (*aftermath.secrets, URL_TOKEN, URL_TOKEN.lower(), "169.254", 'File "')]
    assert len(aftermath.answers) > 30
    assert [(word, body[:300]) for _, body in aftermath.answers for word in hidden if word in body] == []


def test_no_provider_is_told_where_a_file_came_from(aftermath: Aftermath) -> None:
    assert b"JVBERi0xLjcK" in aftermath.prompts, "the document's data reached its provider"
    assert URL_TOKEN.encode() not in aftermath.prompts

"""A real server that imitates OpenAI, llama.cpp's, behind the gateway: by each API that it has, from every SDK."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sdks.client import Client, Made
from tests.sdks.clients import CLIENTS
from tests.sdks.made import made_at
from tests.support.gateway import Gateway, gateway
from tests.support.own_python import python_with

HERE = Path(__file__).parent / "openai_server"
REQUIREMENTS = HERE / "requirements.txt"
CACHE = Path(os.environ.get("SEKISHO_SERVER_DIR", Path.home() / ".cache" / "sekisho-openai-server"))
#: What its model says to everything, and how many tokens that is, with the end.
SAYS, TOKENS = "abcdefghijkl", 13
TOO_LONG = "word " * 2_000

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("model")
    command = [str(python_with(REQUIREMENTS, CACHE)), str(HERE / "serve.py"), str(folder)]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://"), (folder / "log").read_text()
        yield url
        process.stdin.close()


@pytest.fixture(scope="module")
def running(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    free = {"input_cost_per_token": 0, "output_cost_per_token": 0}
    chat = {"model": "hosted_vllm/tiny", "api_base": f"{server_url}/v1", "use_chat_completions_api": True, **free}
    responses = {"model": "openai/responses/tiny", "api_base": f"{server_url}/v1", "api_key": "none", **free}
    messages = {"model": "anthropic/tiny", "api_base": server_url, "api_key": "none", **free}
    entries = {"chat": chat, "responses": responses, "messages": messages}
    models = [{"model_name": name, "litellm_params": params} for name, params in entries.items()]
    config = {"model_list": models, "router_settings": {"num_retries": 0, "disable_cooldowns": True}}
    with gateway(tmp_path_factory.mktemp("gateway"), config, SEKISHO_ROOT_KEY="0" * 64) as started:
        yield started


@pytest.fixture(scope="module")
def made(running: Gateway) -> Made:
    return made_at(running)


@pytest.fixture
def client(request: pytest.FixtureRequest, made: Made) -> Iterator[Client]:
    one = CLIENTS[request.param](made)
    yield one
    one.close()


@pytest.mark.parametrize("model", ["chat", "responses", "messages"])
@pytest.mark.parametrize("client", CLIENTS, indirect=True)
def test_an_sdk_hears_the_model(client: Client, model: str) -> None:
    assert client.say(model, "Hello, 世界") == SAYS
    pieces = client.stream(model, "Hello, 世界")
    assert "".join(pieces) == SAYS
    assert len(pieces) > 5
    with pytest.raises(client.raised) as caught:
        client.say(model, TOO_LONG)
    assert client.kind_of(caught.value) == client.errors["refused"]


def test_every_call_was_booked_as_the_server_counted(running: Gateway) -> None:
    rows = asyncio.run(running.rows())
    answered = [row for row in rows if row.status == "success"]
    assert len(answered) == len(CLIENTS) * 3 * 2
    assert {(row.usage_complete, row.completion_tokens, row.cost_nano_usd) for row in answered} == {(True, TOKENS, 0)}
    assert all(row.prompt_tokens > TOKENS for row in answered)
    assert {row.error_class for row in rows if row.status != "success"} == {"context_too_long"}

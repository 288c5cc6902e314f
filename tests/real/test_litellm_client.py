"""LiteLLM's own SDK, management client and command line, unmodified, at our gateway.

Each step of tests/real/litellm_client/drive.py gives what LiteLLM's gateway would give. What they ask and this version
does not serve is in NOT_SERVED, and in the table of docs/coming-from-litellm.md.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import MASTER_KEY, Gateway, config_for, gateway
from tests.support.own_python import python_with
from tests.support.provider import RunningProvider, provider

HERE = Path(__file__).parent / "litellm_client"
CACHE = Path(os.environ.get("SEKISHO_LITELLM_DIR", Path.home() / ".cache" / "sekisho-litellm"))
PAGE = Path(__file__).resolve().parents[2] / "docs" / "coming-from-litellm.md"
SAID, COUNTED = "Grüße, 世界", "word1 word2 word3 word4 word5"
MODELS = ("gpt-test", "claude-test")
#: What is refused as LiteLLM's own programs expect it: the exception they raise.
REFUSED = {
    "unknown model": "NotFoundError",
    "unknown key": "AuthenticationError",
    "status=400 error=context_too_long": "BadRequestError",
    "status=429": "RateLimitError",
    "status=500": "InternalServerError",
    "keys.generate a second time": "HTTPError",
    "keys.info of none": "HTTPError",
    "users.get_user of none": "NotFoundError",
}
#: The step -> what it asks for. There is nothing to migrate: all that is secret is sealed in one way.
NOT_SERVED = {"encryption migrate": "/credentials/migrate-encryption"}

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def fake() -> Iterator[RunningProvider]:
    with provider() as running:
        yield running


@pytest.fixture
def running(fake: RunningProvider, tmp_path: Path) -> Iterator[Gateway]:
    config = config_for(fake.url, general_settings={"store_model_in_db": True}, router_settings={"num_retries": 0})
    config["router_settings"]["disable_cooldowns"] = True
    with gateway(tmp_path, config, SEKISHO_ROOT_KEY="0" * 64) as started:
        yield started


def drive(part: str, running: Gateway, fake: RunningProvider) -> dict[str, Any]:
    """What each step of this part gave."""
    python = python_with(HERE / "requirements.txt", CACHE)
    home = running.folder / "home"
    home.mkdir()
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONWARNINGS": "ignore",
        "NO_COLOR": "1",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "GATEWAY_URL": running.url,
        "GATEWAY_MASTER": MASTER_KEY,
        "GATEWAY_KEY": asyncio.run(running.make_key(key_alias="a developer")),
        "PROVIDER_URL": fake.url,
    }
    command = [str(python), str(HERE / "drive.py"), part]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environ)
    assert done.returncode == 0, done.stderr[-4_000:]
    steps: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return steps


def failed(steps: dict[str, Any]) -> dict[str, str]:
    """Those that raised -> what."""
    return {name: given["raised"] for name, given in steps.items() if isinstance(given, dict) and "raised" in given}


def check_failures(steps: dict[str, Any]) -> None:
    """What is refused is refused as LiteLLM does; and only what we say is not served is not."""
    told = failed(steps)
    assert {name: kind for name, kind in told.items() if name not in NOT_SERVED} == {
        name: kind for name, kind in REFUSED.items() if name in steps
    }, {name: steps[name] for name in told}
    assert told.keys() - REFUSED.keys() == NOT_SERVED.keys() & steps.keys()


def test_the_sdk_with_models_named_litellm_proxy(running: Gateway, fake: RunningProvider) -> None:
    steps = drive("sdk", running, fake)
    check_failures(steps)
    for model in MODELS:
        of = {name.removesuffix(f" ({model})"): given for name, given in steps.items() if name.endswith(f" ({model})")}
        for step in ("completion", "acompletion", "text_completion", "responses", "messages"):
            assert of.pop(step) == SAID, step
        for step in ("completion, streamed", "responses, streamed", "messages, streamed"):
            assert len(of[step]) > 3
            assert "".join(of.pop(step)).strip() == COUNTED, step
        for step in ("tools", "tools, streamed"):
            assert of.pop(step) == ["get_weather", "東京", "Done"], step
        assert of.pop("usage of a stream") == [11, 7]
        call_id, cost = of.pop("cost")
        assert asyncio.run(running.row(call_id)).cost_nano_usd == round(cost * 1e9)
        assert of == {}
    assert (steps["embedding"], steps["Router"]) == (2, SAID)
    assert steps["get_valid_models"] == [f"litellm_proxy/{name}" for name in sorted(MODELS)]


def test_the_management_client(running: Gateway, fake: RunningProvider) -> None:
    steps = drive("client", running, fake)
    check_failures(steps)
    made = steps.pop("keys.generate")
    assert (made["key_alias"], made["models"], made["spend"]) == ("kay", ["gpt-test"], 1.5)
    team, user, model = (steps.pop(name) for name in ("http.request /team/new", "users.create_user", "models.new"))
    assert all(isinstance(name, str) and name for name in (team, user, model))
    wanted = {
        "keys.generate, read": True,
        "keys.generate for a user": "u",
        "keys.list": ["kay"],
        "keys.info": "kay",
        "keys.update": True,
        "keys.delete": True,
        "keys.delete by alias": ["l"],
        "models.list": sorted([*MODELS, "mine"]),
        "models.info": sorted([*MODELS, "mine"]),
        "models.get": "mine",
        "models.get by name": True,
        "a new model answers": "chat.completion",
        "models.update": 7,
        "models.delete": True,
        "teams.list": True,
        "teams.list_v2": True,
        "users.list_users": ["a@example.com"],
        "users.get_user": 3.0,
        "users.get_user_v2": "A",
        "users.delete_user": 1,
        "health.get_readiness": "healthy",
        "chat.completions": SAID,
        "chat.completions_stream": True,
        "teams.get_available": [],
        "model_groups.info": sorted([*MODELS, "mine"]),
        "credentials.create": "made",
        "credentials.list": ["c"],
        "credentials.get": "c",
        "credentials.update_display_name": "C",
        "credentials.delete": "deleted",
    }
    assert {name: value for name, value in steps.items() if name not in failed(steps)} == wanted


#: The command -> what stands in what it prints.
PRINTED = {
    "version": "LiteLLM Proxy Server URL: http://127.0.0.1",
    "keys generate": '"key_alias": "typed"',
    "keys list": "typed",
    "keys list --format json": '"key_alias": "typed"',
    "keys import --dry-run": "Keys that would be imported",
    "keys delete": "typed",
    "models list": "claude-test",
    "models info": "anthropic/claude-sonnet-4-5",
    "models add": '"model_id": "typed"',
    "models get": '"db_model": true',
    "models update": "openai/gpt-4.1-mini",
    "models delete": "deleted successfully",
    "models import": "imported",
    "users create": '"user_email": "typed@example.com"',
    "users list": "typed@example.com",
    "users get": '"user_id": "crew"',
    "teams list": "Crew",
    "teams assign-key": "Successfully assigned key to team: crew",
    "http request": '"team_alias": "Crew"',
    "debug claude": "- turns: 1, failed: 0",
    "chat": SAID,
    "teams available": "No available teams to join",
    "model-groups list": "gpt-test",
    "credentials create": "created successfully",
    "credentials list": "db",
    "credentials get": '"credential_name": "t"',
    "credentials update": '"display_name": "T"',
    "credentials delete": "deleted successfully",
    # There is no single sign-on to log in by: it says so, and ends.
    "login": "Authentication failed",
}


def test_the_page_says_what_is_not_served() -> None:
    assert [path for path in sorted(set(NOT_SERVED.values())) if f"`{path}`" not in PAGE.read_text()] == []


def test_the_command_line(running: Gateway, fake: RunningProvider) -> None:
    steps = drive("cli", running, fake)
    check_failures(steps)
    assert steps.keys() - failed(steps) == PRINTED.keys()
    assert {name: steps[name] for name, text in PRINTED.items() if text not in steps[name]} == {}

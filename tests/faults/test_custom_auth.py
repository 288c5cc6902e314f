"""A company's own function says who calls: a file as LiteLLM's users have it, beside config.yaml of a real gateway."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import MASTER_KEY, Gateway, config_for
from tests.support.provider import RunningProvider
from tests.support.sse_client import call, get_json, post_json
from tests.support.waiting import eventually

# As LiteLLM's documentation shows it, with a company's rules in it.
FUNCTION = """
import asyncio
import time
from typing import Union

import company
from fastapi import HTTPException, Request
from litellm.proxy._types import LitellmUserRoles, ProxyException, UserAPIKeyAuth


async def user_api_key_auth(request: Request, api_key: str) -> Union[UserAPIKeyAuth, str]:
    if api_key == "hangs":
        await asyncio.sleep(3600)
    if api_key == "blocks":
        time.sleep(3600)
    if api_key == "told":
        raise ProxyException(message="Your badge has run out.", type="auth", param="api_key", code=403)
    if api_key == "told by fastapi":
        raise HTTPException(status_code=401, detail="Ask the help desk.")
    if api_key.startswith("virtual "):
        return api_key.removeprefix("virtual ")
    if api_key == "odd":
        return UserAPIKeyAuth(api_key=api_key, max_budget="CANARY much")
    if api_key == "by the request":
        body = await request.json()
        assert request.url.path == "/v1/messages" and request.method == "POST", "CANARY"
        assert request.headers["x-badge"] == "42" and request.client.host == "127.0.0.1"
        return UserAPIKeyAuth(user_id=body["messages"][0]["content"].split()[0])
    if api_key == "chief":
        return UserAPIKeyAuth(user_id="chief", user_role=LitellmUserRoles.PROXY_ADMIN)
    if api_key in company.PEOPLE:
        return UserAPIKeyAuth(user_id=api_key, team_id="crew", **company.PEOPLE[api_key])
    raise Exception(f"CANARY {api_key} is nobody")
"""
COMPANY = """
PEOPLE = {
    "alice": {"models": ["claude-test"], "key_alias": "badge-1", "metadata": {"tags": ["red"]}},
    "bob": {"max_budget": 0.01},
    "carol": {"rpm_limit": 1},
    "dora": {"blocked": True},
    "eve": {"expires": "2001-01-01T00:00:00"},
    "fred": {"team_blocked": True},
}
"""


def configured(fake: RunningProvider, seconds: float = 5, **settings: Any) -> dict[str, Any]:
    general = {"custom_auth": "company_auth.user_api_key_auth"} | settings
    return config_for(fake.url, general_settings=general, sekisho={"authentication": {"timeout_seconds": seconds}})


def gateway_in(folder: Path, config: dict[str, Any]) -> Gateway:
    (folder / "company_auth.py").write_text(FUNCTION)
    (folder / "company.py").write_text(COMPANY)
    return Gateway(folder, config)


@pytest.fixture(scope="module", params=["on", "auto"])
def gate(
    fake: RunningProvider, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Gateway]:
    mode: dict[str, Any] = {"custom_auth_settings": {"mode": request.param}}
    running = gateway_in(tmp_path_factory.mktemp("custom"), configured(fake, **mode))
    running.start()
    yield running
    running.process.stop()
    assert "CANARY" not in running.process.output
    assert "Traceback" not in running.process.output


@pytest.fixture
def mode(gate: Gateway) -> str:
    return "auto" if '"auto"' in gate.config.read_text() else "on"


async def ask(gate: Gateway, key: str, model: str = "claude-test", **headers: str) -> tuple[int, dict[str, Any], str]:
    """(status, answer, id) of a call by whoever shows `key`."""
    body = {"model": model, "max_tokens": 50, "messages": [{"role": "user", "content": "hello [fake: chunks=2]"}]}
    shown = {"x-api-key": key, "anthropic-version": "2023-06-01"} | headers
    async with call("POST", f"{gate.url}/v1/messages", body, shown) as answer:
        said = await answer.json()
        return answer.status, said, answer.headers["x-sekisho-request-id"]


async def test_whom_the_function_knows_is_booked_by_name(gate: Gateway) -> None:
    status, _, request_id = await ask(gate, "alice")
    assert status == 200
    master = {"authorization": f"Bearer {MASTER_KEY}"}
    await gate.row(request_id)
    [row] = await get_json(f"{gate.url}/spend/logs?request_id={request_id}", master)
    assert (row["user"], row["team_id"], row["request_tags"]) == ("alice", "crew", ["red"])
    status, said, _ = await ask(gate, "alice", "gpt-test")
    assert (status, said["type"]) == (403, "error"), "her list of models holds"


@pytest.mark.parametrize(
    "key", ["nobody", "odd", "", "dora", "eve", "fred", "virtual sk-none", f"virtual {MASTER_KEY}"]
)
async def test_whom_it_does_not_let_in_hears_no_detail(gate: Gateway, key: str) -> None:
    status, said, _ = await ask(gate, key)
    assert (status, said["error"]["type"]) == (401, "authentication_error")
    assert "CANARY" not in str(said)
    assert "company" not in str(said)


@pytest.mark.parametrize(
    ("key", "status", "told"),
    [("told", 403, "Your badge has run out."), ("told by fastapi", 401, "Ask the help desk.")],
)
async def test_words_that_are_meant_for_the_caller_reach_them(gate: Gateway, key: str, status: int, told: str) -> None:
    found, said, _ = await ask(gate, key)
    assert (found, said["error"]["message"]) == (status, told)


async def test_a_budget_and_a_rate_bind_whom_it_names(gate: Gateway) -> None:
    statuses = [(await ask(gate, "carol"))[0] for _ in range(3)]
    assert statuses.count(200) in {1, 2}, "one in each minute of the clock; three calls may lie in two of them"
    asked = 0
    while (answer := await ask(gate, "bob"))[0] == 200:
        asked += 1
        assert asked < 500, "the budget never ends"
    assert asked > 0
    assert "Budget has been exceeded" in answer[1]["error"]["message"]


async def test_it_sees_the_whole_request_and_the_call_goes_on_with_it(gate: Gateway) -> None:
    status, _, request_id = await ask(gate, "by the request", **{"x-badge": "42"})
    assert status == 200
    master = {"authorization": f"Bearer {MASTER_KEY}"}
    await gate.row(request_id)
    [row] = await get_json(f"{gate.url}/spend/logs?request_id={request_id}", master)
    assert row["user"] == "hello"


async def test_virtual_keys_are_good_where_the_function_says_so(gate: Gateway, mode: str) -> None:
    key = await gate.make_key()
    assert (await ask(gate, f"virtual {key}"))[0] == 200
    assert (await ask(gate, key))[0] == (200 if mode == "auto" else 401)


async def test_the_management_api_is_open_to_the_role_alone(gate: Gateway) -> None:
    made = {"key_alias": None}
    for key, expected in (("chief", 200), ("alice", 403), ("nobody", 401), (MASTER_KEY, 200)):
        status, said = await post_json(f"{gate.url}/key/generate", made, {"authorization": f"Bearer {key}"})
        assert status == expected, said
    about = await get_json(f"{gate.url}/sekisho/v1/me", {"authorization": "Bearer alice"})
    assert about["user_id"] == "alice"


async def test_a_function_that_hangs_or_blocks_holds_up_nobody_else(gate: Gateway) -> None:
    hanging = asyncio.create_task(ask(gate, "hangs"))
    assert (await ask(gate, "alice"))[0] == 200
    status, said, _ = await hanging
    assert (status, said["error"]["type"]) == (529, "overloaded_error")


async def test_a_blocked_function_stops_authentication_and_not_the_gateway(
    fake: RunningProvider, tmp_path: Path
) -> None:
    gate = gateway_in(tmp_path, configured(fake, seconds=0.5))
    gate.process.start()
    try:
        await gate.ready()
        for key in ("blocks", "alice"):
            assert (await ask(gate, key))[0] == 529
        assert (await ask(gate, MASTER_KEY))[0] == 200, "the master key is not the function's"
        assert (await get_json(f"{gate.url}/health/readiness"))["status"] == "healthy"
        os.kill(gate.process.pid, signal.SIGHUP)

        async def renewed() -> bool:
            return (await ask(gate, "alice"))[0] == 200

        assert await eventually(renewed, "a reload begins anew", within_seconds=30)
    finally:
        assert gate.process.stop() in (0, -signal.SIGTERM), "what hangs keeps no process alive"


@pytest.mark.parametrize(
    ("dotted", "told"),
    [
        ("nowhere.f", "there is no nowhere.py"),
        ("company.f", "company.f is not there"),
        ("needs.f", "'completion' of litellm is not here"),
        ("also.f", "needs the module 'no_such_package'"),
        ("breaks.f", "ZeroDivisionError in breaks.py:1"),
        ("f", "write module.function"),
    ],
)
def test_a_function_that_cannot_be_had_ends_the_start(
    fake: RunningProvider, tmp_path: Path, dotted: str, told: str
) -> None:
    (tmp_path / "needs.py").write_text("from litellm import completion\n")
    (tmp_path / "also.py").write_text("import no_such_package\n")
    (tmp_path / "breaks.py").write_text("1 / 0  # CANARY\n")
    gate = gateway_in(tmp_path, configured(fake, custom_auth=dotted))
    gate.process.start()
    assert gate.process.wait(60) == 1
    assert told in gate.process.output
    assert "Traceback" not in gate.process.output

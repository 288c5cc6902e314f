"""More than a hundred calls of LiteLLM's management API and the answers its programs expect, on both stores."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sekisho.app import Application
from tests.litellm.call import Call
from tests.litellm.keys_and_users import KEYS, USERS
from tests.litellm.others import OTHERS
from tests.litellm.shapes import differences
from tests.litellm.spend import END, SPEND
from tests.litellm.teams import ORGANIZATIONS, TEAMS
from tests.support.application import MASTER, ask, running
from tests.support.postgres import PostgresServer
from tests.support.provider import provider

CONFIG = """
general_settings: {{store_model_in_db: true}}
model_list:
  - {{model_name: gpt, litellm_params: {{model: openai/gpt-4.1-mini, api_base: "{url}/v1", api_key: sk-p}}}}
  - {{model_name: claude, litellm_params: {{model: anthropic/claude-sonnet-4-5, api_base: "{url}", api_key: sk-p}}}}
"""
#: In this order; each follows from those before it.
BEFORE_A_CALL = [*KEYS, *USERS, *ORGANIZATIONS, *TEAMS, *OTHERS]
AFTER_A_CALL = [*SPEND, *END]
CHAT = {"model": "gpt", "messages": [{"role": "user", "content": "Hello"}], "metadata": {"tags": ["ci"]}}
_KEPT = re.compile(r"\$(\w+)")


class Client:
    """A program that was written for LiteLLM."""

    def __init__(self, app: Application) -> None:
        day = dt.datetime.now(dt.UTC).date()
        self._app = app
        self._kept = {"nobody": "", "": MASTER, "day": f"{day}", "tomorrow": f"{day + dt.timedelta(days=1)}"}

    async def differs(self, call: Call) -> list[str]:
        """Make the call; what is not as the line says."""
        method, path = self._put(call.request).split(" ", 1)
        token = self._kept[call.by]
        headers = {"authorization": f"Bearer {token}"} if token else {}
        headers["content-type"] = "application/json"
        body = b"" if call.body is None else msgspec.json.encode(self._put(call.body))
        got = await ask(self._app, method, path, headers, body)
        if got.status != call.status:
            return [f"status {got.status}, not {call.status}: {got.body.decode()[:300]}"]
        for name, where in call.keep.items():
            self._kept[name] = _at(got.json, where)
        return differences(self._put(call.shape), got.json)

    async def calls_a_model(self) -> int:
        """By the key that the first lines made."""
        headers = {"authorization": f"Bearer {self._kept['key']}"}
        return (await ask(self._app, "POST", "/v1/chat/completions", headers, msgspec.json.encode(CHAT))).status

    def _put(self, value: Any) -> Any:
        """The same with what was kept in the place of its name."""
        if isinstance(value, str):
            return _KEPT.sub(lambda match: self._kept[match[1]], value)
        if isinstance(value, list):
            return [self._put(one) for one in value]
        if isinstance(value, dict):
            return {self._put(name): self._put(one) for name, one in value.items()}
        return value


def _at(value: Any, where: str) -> str:
    """What stands at a path, by dots, in an answer."""
    for part in where.split("."):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return str(value)


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
async def test_each_call_is_answered_as_by_litellm(store: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    variables = {"SEKISHO_ROOT_KEY": "0" * 64}
    if store == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        server.sql("CREATE DATABASE litellm_calls")
        variables["DATABASE_URL"] = server.url("litellm_calls")
    found: dict[str, list[str]] = {}
    with provider() as answering:
        async with running(tmp_path, CONFIG.format(url=answering.url), **variables) as app:
            client = Client(app)
            for number, call in enumerate(BEFORE_A_CALL):
                found[f"{number} {call.request}"] = await client.differs(call)
            assert await client.calls_a_model() == 200
            for number, call in enumerate(AFTER_A_CALL, len(BEFORE_A_CALL)):
                found[f"{number} {call.request}"] = await client.differs(call)
    assert {line: differing for line, differing in found.items() if differing} == {}
    assert len(found) >= 150

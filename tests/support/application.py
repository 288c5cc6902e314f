"""The whole application in process: a configuration, a data folder, and an ASGI caller.

In: the text of a configuration. Out: status, headers and body of each answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from sekisho.app import Application
from tests.support.ledger import lay_database

MASTER = "sk-master-of-tests"
CONFIG = """
model_list:
  - model_name: claude
    litellm_params: {model: anthropic/claude-sonnet-4-5, api_base: "http://127.0.0.1:9", api_key: sk-canary}
  - {model_name: gpt-*, litellm_params: {model: openai/gpt-*, api_base: "http://127.0.0.1:9/v1", api_key: sk-canary}}
router_settings: {num_retries: 0, model_group_alias: {nick: claude, secret: {model: claude, hidden: true}}}
"""


class Got(msgspec.Struct):
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)


def environment() -> dict[str, str]:
    """What the application sees of its environment."""
    return {"LITELLM_MASTER_KEY": MASTER}


def write_config(folder: Path, text: str = CONFIG) -> Path:
    """A configuration file with `text`."""
    path = folder / "config.yaml"
    path.write_text(text)
    return path


@asynccontextmanager
async def running(folder: Path, text: str = CONFIG, **variables: str) -> AsyncIterator[Application]:
    """The application between its start and its stop, with further environment variables."""
    lay_database(folder / "data")
    app = Application(write_config(folder, text), environment() | variables, folder / "data")
    asked: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
    said: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
    living = asyncio.create_task(app({"type": "lifespan"}, asked.get, said.put))
    asked.put_nowait({"type": "lifespan.startup"})
    assert (await said.get())["type"] == "lifespan.startup.complete"
    try:
        yield app
    finally:
        asked.put_nowait({"type": "lifespan.shutdown"})
        await living


async def ask(
    app: Application, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> Got:
    """One request; the key is the master key unless `headers` say otherwise."""
    sent = {"authorization": f"Bearer {MASTER}"} if headers is None else dict(headers)
    told: list[MutableMapping[str, Any]] = []
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> MutableMapping[str, Any]:
        return waiting.pop() if waiting else await asyncio.get_running_loop().create_future()

    async def send(message: MutableMapping[str, Any]) -> None:
        told.append(message)

    pairs = [(name.encode(), value.encode()) for name, value in sent.items()]
    path, _, query = path.partition("?")
    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode()}
    await app(scope | {"headers": pairs, "http_version": "1.1", "scheme": "http"}, receive, send)
    head, *pieces = told
    return Got(
        head["status"],
        {name.decode(): value.decode() for name, value in head["headers"]},
        b"".join(piece.get("body", b"") for piece in pieces),
    )

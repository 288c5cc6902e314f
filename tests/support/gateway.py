"""`sekisho serve` as a process of its own, in front of a provider that a test controls.

In: the provider's address and what config.yaml should say besides. Out: a handle with calls of the management API,
the ledger's rows, and ways to stop, kill and restart it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.ports import free_port
from tests.support.processes import Process
from tests.support.sse_client import Cut, call, get_json, post_json
from tests.support.waiting import eventually

MASTER_KEY = "sk-master-of-the-tests"
PROVIDER_KEY = "sk-provider-of-the-tests"
#: Model names of the tests and who serves them; each is called by callers of every dialect.
MODELS = {"claude-test": "anthropic/claude-sonnet-4-5", "gpt-test": "openai/gpt-4.1-mini"}


@dataclass(frozen=True)
class Row:
    """A call in the ledger. `status` is success, failure or incomplete; `name` is what the caller called it in the
    metadata of its own; `cost_nano_usd` is None where the price is unknown.
    """

    request_id: str
    name: str | None
    status: str
    usage_complete: bool
    error_class: str | None
    prompt_tokens: int
    completion_tokens: int
    cost_nano_usd: int | None


def read_row(shown: dict[str, Any]) -> Row:
    """A row as /spend/logs shows it."""
    own, metadata = shown["metadata"]["sekisho"], shown["metadata"]["spend_logs_metadata"] or {}
    return Row(
        request_id=shown["request_id"],
        name=metadata.get("call"),
        status=own["status"],
        usage_complete=own["usage_complete"],
        error_class=own["error_class"],
        prompt_tokens=shown["prompt_tokens"],
        completion_tokens=shown["completion_tokens"],
        cost_nano_usd=own["cost_nano_usd"],
    )


class Gateway:
    """A gateway; `url` is where it listens."""

    def __init__(self, folder: Path, config: dict[str, Any], **variables: str) -> None:
        self.folder = folder
        self.data_dir = folder / "data"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = folder / "config.yaml"
        self.config.write_text(json.dumps(config))
        serve = ["-m", "sekisho", "serve", "--config", str(self.config), "--data-dir", str(self.data_dir)]
        environ = {"LITELLM_MASTER_KEY": MASTER_KEY} | variables
        self.process = Process([*serve, "--port", str(self.port)], folder / "gateway.log", environ)

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.process.start()
        asyncio.run(self.ready())

    async def ready(self) -> None:
        """Wait until it says that it is. Fails the test with what it printed when it ended instead."""

        async def answers() -> bool:
            assert self.process.exit_code() is None, self.process.output
            try:
                async with call("GET", f"{self.url}/health/readiness") as answer:
                    return answer.status == 200
            except (ConnectionError, Cut):
                return False

        await eventually(answers, "the gateway is ready", within_seconds=30)

    async def make_key(self, **fields: object) -> str:
        """A new virtual key."""
        headers = {"authorization": f"Bearer {MASTER_KEY}"}
        status, made = await post_json(f"{self.url}/key/generate", fields, headers)
        assert status == 200, made
        return str(made["key"])

    async def rows(self, **query: str) -> list[Row]:
        """The ledger's rows."""
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        rows = await get_json(f"{self.url}/spend/logs?{asked}", {"authorization": f"Bearer {MASTER_KEY}"})
        assert isinstance(rows, list), rows
        return [read_row(row) for row in rows]

    async def row(self, request_id: str) -> Row:
        """The one row of a call, as soon as it is there."""
        rows = await eventually(lambda: self.rows(request_id=request_id), f"a row of call {request_id}")
        assert len(rows) == 1, rows
        return rows[0]


def config_for(provider_url: str, **more: Any) -> dict[str, Any]:
    """A configuration whose models are all served by the provider at `provider_url`."""
    entries = []
    for name, model in MODELS.items():
        base = provider_url if model.startswith("anthropic/") else f"{provider_url}/v1"
        params = {"model": model, "api_base": base, "api_key": PROVIDER_KEY}
        entries.append({"model_name": name, "litellm_params": params})
    return {"model_list": entries} | more


@contextmanager
def gateway(folder: Path, config: dict[str, Any], **variables: str) -> Iterator[Gateway]:
    """A running gateway, with further environment variables."""
    running = Gateway(folder, config, **variables)
    running.start()
    try:
        yield running
    finally:
        running.process.stop()

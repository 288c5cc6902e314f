"""One provider and one gateway for each file of fault tests; timeouts are short, retries off."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.faults.dialects import SHORT
from tests.support.gateway import Gateway, config_for, gateway
from tests.support.ports import free_port
from tests.support.provider import RunningProvider, provider


@pytest.fixture(scope="module")
def fake() -> Iterator[RunningProvider]:
    with provider() as running:
        yield running


@pytest.fixture(scope="module")
def gate(fake: RunningProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    config = config_for(fake.url, **SHORT)
    nowhere = f"http://127.0.0.1:{free_port()}"
    for name, model in (("claude-nowhere", "anthropic/claude"), ("gpt-nowhere", "openai/gpt")):
        params = {"model": model, "api_base": nowhere, "api_key": "none"}
        config["model_list"].append({"model_name": name, "litellm_params": params})
    with gateway(tmp_path_factory.mktemp("gateway"), config) as running:
        yield running
    assert "unexpected" not in running.process.output, "a defect of the gateway, whatever the caller saw"
    assert "Traceback" not in running.process.output


@pytest.fixture(scope="module")
def key(gate: Gateway) -> str:
    return asyncio.run(gate.make_key(key_alias="faults"))

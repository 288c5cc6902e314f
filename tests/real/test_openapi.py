"""Requests that nobody would write, at a running gateway: not one is answered by a server error.

Schemathesis makes them from the management API's own description, for each kind of caller, and from the table of what
agents call. The same seed makes the same requests; a longer search: `SEKISHO_FUZZ_EXAMPLES=200`.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.real.openapi.agents import document
from tests.real.openapi.filled import MEMBER_KEY, WORLD, filled
from tests.sdks.providers import PROVIDERS, model_list
from tests.support.gateway import MASTER_KEY, Gateway, config_for, gateway
from tests.support.own_python import python_with
from tests.support.provider import RunningProvider, provider
from tests.support.sse_client import get_json, post_json
from tests.support.token_server import serving

REQUIREMENTS = Path(__file__).parent / "openapi" / "requirements.txt"
CACHE = Path(os.environ.get("SEKISHO_FUZZER_DIR", Path.home() / ".cache" / "sekisho-fuzzer"))
#: For each path; more by hand.
EXAMPLES = os.environ.get("SEKISHO_FUZZ_EXAMPLES")
SEED = os.environ.get("SEKISHO_FUZZ_SEED", "1")
ROOT_KEY = {"SEKISHO_ROOT_KEY": "0" * 64}

pytestmark = [pytest.mark.real, pytest.mark.timeout(3_600)]


@pytest.fixture
def fake() -> Iterator[RunningProvider]:
    with provider() as running:
        yield running


@pytest.fixture
def managed(fake: RunningProvider, tmp_path: Path) -> Iterator[Gateway]:
    """One with something in it to name."""
    config = config_for(fake.url, general_settings={"store_model_in_db": True})
    with gateway(tmp_path, config, **ROOT_KEY) as running:
        for path, body in WORLD:
            status, answer = asyncio.run(post_json(f"{running.url}{path}", body, bearer(MASTER_KEY)))
            assert status == 200, answer
        yield running


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def fuzz(running: Gateway, described: dict[str, Any], key: str | None, examples: int) -> int:
    """How many requests were made. Fails the test with those that were answered by a server error."""
    described_at = running.folder / "openapi.json"
    described_at.write_text(json.dumps(described))
    program = python_with(REQUIREMENTS, CACHE).parent / "schemathesis"
    command = [str(program), "run", str(described_at), "--url", running.url, "--phases", "fuzzing", "--seed", SEED]
    command += [
        "--max-examples",
        EXAMPLES or str(examples),
        "--checks",
        "not_a_server_error,response_schema_conformance",
    ]
    command += ["--continue-on-failure", "--no-color", "--warnings", "off", "--workers", "1", "--request-timeout", "60"]
    if key is not None:
        command += ["--header", f"Authorization: Bearer {key}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=running.folder)
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
    assert "Traceback" not in running.process.output
    made = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert made, done.stdout
    assert made[1] == made[2]
    asyncio.run(running.ready())
    return int(made[1])


@pytest.mark.parametrize(("key", "examples"), [(MASTER_KEY, 6), (MEMBER_KEY, 2), (None, 1)])
def test_the_management_api(managed: Gateway, key: str | None, examples: int) -> None:
    described = asyncio.run(get_json(f"{managed.url}/openapi.json", bearer(MASTER_KEY)))
    paths = len(described["paths"])
    assert fuzz(managed, filled(described), key, examples) >= paths


def test_what_agents_call(fake: RunningProvider, tmp_path: Path) -> None:
    with serving() as tokens:
        settings = {"num_retries": 0, "disable_cooldowns": True}
        config = {"model_list": model_list(fake.url, tokens.url), "router_settings": settings}
        with gateway(tmp_path, config, **ROOT_KEY) as running:
            key = asyncio.run(running.make_key())
            described = document(list(PROVIDERS))
            assert fuzz(running, described, key, 2) >= len(described["paths"])

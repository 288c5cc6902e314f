"""Secrets and prompts stay where they belong: never in a log; a prompt and a key never in the data directory."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.faults.dialects import SHORT, WAYS, Way
from tests.support.gateway import MASTER_KEY, Gateway, config_for, gateway
from tests.support.provider import provider
from tests.support.sse_client import Cut, call

PROMPT = "CANARY-prompt-7f3a"
PROVIDER_KEY = "sk-CANARY-provider-91bc"
WRONG_KEY = "sk-CANARY-caller-55de"
ERROR_TEXT = "CANARY-error-0c1d"
CANARIES = (PROMPT, PROVIDER_KEY, WRONG_KEY, ERROR_TEXT)
FAULTS = (
    "",
    f'status=400 message="you said {ERROR_TEXT}"',
    f'status=401 message="wrong key {PROVIDER_KEY} {ERROR_TEXT}"',
    f'status=500 message="{ERROR_TEXT}"',
    "status=429",
    "cut_after=3",
    "reset_after=0",
    "garbage_after=2",
    "stall_after=2",
    "html",
    "error_in_stream=overloaded error_after=3",
)


def spoiled(way: Way) -> list[bytes]:
    """Requests with the canary that no codec can read."""
    body = way.body("", text=PROMPT)
    wrong = json.dumps(body | {"stream": PROMPT, "max_tokens": PROMPT, "temperature": PROMPT, "tools": PROMPT}).encode()
    messages = json.dumps({"model": way.model, "messages": {PROMPT: PROMPT}, "input": {PROMPT: 1}}).encode()
    return [
        f'{{"model": "{way.model}", "messages": [ {PROMPT}'.encode(),
        f'{{"model": "{way.model}", "messages": [], "x": "{PROMPT} '.encode() + b'\xff\xfe"}',
        f'["{PROMPT}"]'.encode(),
        wrong,
        messages,
    ]


async def provoke(gate: Gateway) -> tuple[str, list[bytes]]:
    """Calls that succeed and fail in every way, all with canaries; (the key, every answer)."""
    key = await gate.make_key(key_alias="canary")
    answers: list[bytes] = []

    async def one(way: Way, body: Any, headers: dict[str, str]) -> None:
        try:
            async with call("POST", gate.url + way.path, body, headers) as answer:
                answers.append(await answer.body())
        except Cut as cut:
            answers.append(cut.got)

    mine, wrong = {"authorization": f"Bearer {key}"}, {"x-api-key": WRONG_KEY}
    asked = [
        one(way, way.body(fault, text=PROMPT, stream=s), mine)
        for way in WAYS
        for fault in FAULTS
        for s in (False, True)
    ]
    asked += [one(way, body, mine) for way in WAYS for body in spoiled(way)]
    asked += [one(way, way.body("", text=PROMPT), wrong) for way in WAYS]
    squeezed = {"content-encoding": "gzip"}
    asked += [one(way, gzip.compress(PROMPT.encode())[:-4] + b"x", mine | squeezed) for way in WAYS]
    for start in range(0, len(asked), 20):
        await asyncio.gather(*asked[start : start + 20])
    return key, answers


def places(folder: Path, needle: str) -> list[str]:
    """Files below `folder` that hold `needle`."""
    return [str(path) for path in folder.rglob("*") if path.is_file() and needle.encode() in path.read_bytes()]


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> tuple[Gateway, str, list[bytes]]:
    """A gateway that has seen it all and was stopped; its data directory lies there."""
    folder = tmp_path_factory.mktemp("canary")
    with provider() as fake:
        config = config_for(fake.url, **SHORT)
        for entry in config["model_list"]:
            entry["litellm_params"]["api_key"] = PROVIDER_KEY
        with gateway(folder, config) as gate:
            key, answers = asyncio.run(provoke(gate))
            assert fake.app.book.requests
    return gate, key, answers


def test_nothing_stands_in_the_log(aftermath: tuple[Gateway, str, list[bytes]]) -> None:
    gate, key, _ = aftermath
    assert [word for word in (*CANARIES, key, MASTER_KEY) if word in gate.process.output] == []
    assert "Traceback" not in gate.process.output


def test_nothing_stands_in_the_data_directory(aftermath: tuple[Gateway, str, list[bytes]]) -> None:
    gate, key, _ = aftermath
    assert list(gate.data_dir.rglob("*")), "there is a data directory"
    assert {word: found for word in (*CANARIES, key, MASTER_KEY) if (found := places(gate.data_dir, word))} == {}


def test_no_answer_shows_a_key_or_a_stack(aftermath: tuple[Gateway, str, list[bytes]]) -> None:
    _, key, answers = aftermath
    assert len(answers) > 100
    hidden = [word.encode() for word in (PROVIDER_KEY, WRONG_KEY, MASTER_KEY, key, "Traceback", 'File "')]
    assert [(word, answer[:300]) for answer in answers for word in hidden if word in answer] == []

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from sekisho.cli.fake_provider import fake_provider
from tests.support.ports import free_port
from tests.support.processes import Process
from tests.support.sse_client import call
from tests.support.waiting import eventually


def test_a_script_that_nobody_can_follow_is_refused() -> None:
    with pytest.raises(typer.BadParameter, match="nonsense"):
        fake_provider(port=1, script="nonsense=1")


async def test_it_answers_as_its_default_script_says(tmp_path: Path) -> None:
    port = free_port()
    program = ["-m", "sekisho", "fake-provider", "--port", str(port), "--script", "chunks=2"]
    asked = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}

    async def answer() -> str | None:
        try:
            async with call("POST", f"http://127.0.0.1:{port}/v1/chat/completions", asked) as got:
                return str((await got.json())["choices"][0]["message"]["content"])
        except ConnectionError:
            return None

    process = Process(program, tmp_path / "log")
    process.start()
    try:
        assert await eventually(answer, "the provider answers") == "word1 word2 "
    finally:
        process.stop()

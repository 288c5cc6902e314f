from __future__ import annotations

import io
import json
import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from sekisho.cli.demo import choose_port, config_text, gateway, ledger_table, scripted_provider
from sekisho.cli.demo_calls import ask_json, is_ready
from sekisho.core.errors import OperatorError
from sekisho.providers.fake.script import Script
from tests.support.ports import free_port
from tests.support.processes import Process
from tests.support.waiting import eventually


def row(**own: object) -> dict[str, Any]:
    return {
        "startTime": "2026-01-01T00:00:00.000Z",
        "completionStartTime": "2026-01-01T00:00:00.250Z",
        "custom_llm_provider": "anthropic",
        "metadata": {
            "usage_object": {
                "prompt_tokens": 1_240,
                "completion_tokens": 20,
                "prompt_tokens_details": {"cached_tokens": 1_200},
            },
            "sekisho": {
                "dialect": "anthropic-messages",
                "requested_model": "asked",
                "served_model": "claude-sonnet-4-5",
                "cost_nano_usd": 780_000,
                "status": "success",
            }
            | own,
        },
    }


def shown(rows: list[dict[str, Any]]) -> str:
    printed = io.StringIO()
    Console(width=110, file=printed).print(ledger_table(rows))
    return printed.getvalue()


def test_a_row_of_the_ledger() -> None:
    line = shown([row()]).splitlines()[-2]
    expected = ["messages", "claude-sonnet-4-5", "anthropic", "40", "1,200", "20", "0.00078", "250", "ms", "success"]
    assert line.split() == expected


def test_an_unknown_price_is_not_zero() -> None:
    assert "unknown" in shown([row(cost_nano_usd=None, served_model=None) | {"completionStartTime": None}])


def test_without_a_key_every_model_is_scripted() -> None:
    entries = json.loads(config_text({}, "http://fake"))["model_list"]
    assert [entry["litellm_params"]["api_base"] for entry in entries] == ["http://fake", "http://fake/v1"]


def test_a_key_in_the_environment_makes_its_vendor_real_and_stays_there() -> None:
    text = config_text({"ANTHROPIC_API_KEY": "sk-ant-real"}, "http://fake")
    claude, gpt = json.loads(text)["model_list"]
    assert claude["litellm_params"] == {"model": "anthropic/claude-*", "api_key": "os.environ/ANTHROPIC_API_KEY"}
    assert gpt["litellm_params"]["api_base"] == "http://fake/v1"
    assert b"sk-ant-real" not in text


def test_a_taken_port_is_refused_by_number() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(OperatorError, match=str(port)):
            choose_port(port)
        assert choose_port(None) not in (0, port)


def test_the_scripted_provider_is_gone_afterwards() -> None:
    with scripted_provider(Script()) as url:
        assert ask_json(url, "k", "GET", "/__count") == {"calls": {}}
    assert not is_ready(url)


def start_demo(tmp_path: Path, *arguments: str, **environ: str) -> Process:
    (tmp_path / "tmp").mkdir()
    environ["TMPDIR"] = str(tmp_path / "tmp")
    process = Process(["-m", "sekisho", "demo", *arguments], tmp_path / "log", environ)
    process.start()
    return process


def left_behind(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "tmp").iterdir())


def test_once_shows_everything_and_leaves_nothing(tmp_path: Path) -> None:
    port = free_port()
    process = start_demo(tmp_path, "--once", "--port", str(port))
    assert process.wait(within_seconds=90) == 0, process.output
    for expected in ("Anthropic Messages", "chat completions", "Responses", "The ledger", "ANTHROPIC_BASE_URL"):
        assert expected in process.output
    assert process.output.count("Scripted: no model was asked.") == 3
    assert process.output.count("success") == 3
    assert left_behind(tmp_path) == []
    assert not is_ready(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_it_stays_up_until_interrupted_and_leaves_nothing(tmp_path: Path, how: signal.Signals) -> None:
    port = free_port()
    process = start_demo(tmp_path, "--port", str(port))

    async def settled() -> bool:
        return "stays up" in process.output

    await eventually(settled, "the demo stays up", within_seconds=60)
    assert is_ready(f"http://127.0.0.1:{port}")
    process.signal(how)
    assert process.wait(within_seconds=20) == 0, process.output
    assert left_behind(tmp_path) == []
    assert not is_ready(f"http://127.0.0.1:{port}")


def test_a_gateway_that_does_not_start_says_why(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("model_list: [{}]")
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(OperatorError, match="model_name"), gateway(config, tmp_path, url, "sk-master"):
        pass


def test_a_taken_port_ends_the_demo_and_leaves_nothing(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        process = start_demo(tmp_path, "--once", "--port", str(taken.getsockname()[1]))
        assert process.wait(within_seconds=30) == 1
    assert "is taken" in process.output
    assert left_behind(tmp_path) == []

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shared import SHARED

ROOT = Path(__file__).resolve().parents[2]
# One of each family and each way of calling; `make agents` runs all of them.
SAME_DIALECT = (
    *("claude", "codex", "codex-codemode", "cline-openai", "cline-anthropic", "cline-litellm"),
    *("sdk-openai-chat", "sdk-openai-responses", "sdk-anthropic", "sdk-litellm"),
)
FOREIGN = ("claude", "codex", "codex-codemode", "cline-openai", "sdk-openai-responses", "sdk-anthropic")

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(1_200),
    pytest.mark.skipif(
        not (SHARED / "agents" / "harness.py").is_file(),
        reason="../shared (the agents' harness) is not beside this checkout",
    ),
]


@pytest.mark.parametrize(
    ("options", "agents"), [((), SAME_DIALECT), (("--foreign",), FOREIGN)], ids=["same", "foreign"]
)
def test_agents_finish_their_task(options: tuple[str, ...], agents: tuple[str, ...], tmp_path: Path) -> None:
    report = tmp_path / "agents.json"
    script = [sys.executable, str(ROOT / "scripts" / "run_agents.py"), *options, "--json", str(report)]
    done = subprocess.run([*script, *agents], check=False, capture_output=True, text=True)
    assert report.is_file(), done.stdout + done.stderr
    outcomes = {row["agent"]: row["status"] for row in json.loads(report.read_text())}
    assert outcomes == dict.fromkeys(agents, "completed"), done.stdout

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not (shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")),
        reason="nginx, the floor of every figure, is not installed (on Debian: nginx-light)",
    ),
]


@pytest.mark.parametrize("case", ["small chat, 1 connection", "stream messages from chat"])
def test_the_bench_measures(case: str) -> None:
    """That it runs and nothing fails; a busy machine may well miss a limit, so exit 1 is no fault here."""
    argv = [sys.executable, "-m", "bench", "--only", case, "--rounds", "1", "--seconds", "1"]
    done = subprocess.run(argv, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode in {0, 1}, done.stderr
    assert "Traceback" not in done.stderr
    assert case in done.stdout

"""A short run of the fuzzer: it works, and finds nothing. `make soak ARGS="--fuzz --minutes 10"` runs on."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.fuzz import Fuzz, run
from sekisho.wire.registry import DIALECTS

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


def test_spoiled_bodies_raise_only_declared_errors(tmp_path: Path) -> None:
    done = run(0.3, 7, tmp_path)
    assert done.found == {}, "see the inputs in the test's folder"
    assert set(done.tried) == {"request", "reply", "stream", "anything", "made"}
    assert done.tried["stream"] >= 10 * len(DIALECTS)


def test_what_is_raised_is_found_once_with_its_input(tmp_path: Path) -> None:
    fuzz = Fuzz(1, tmp_path / "found")

    def fail() -> None:
        raise ZeroDivisionError

    for _ in range(3):
        fuzz._try("reply x", b"input", fail)
    assert list(fuzz.found.values()) == [3]
    assert [path.read_bytes() for path in (tmp_path / "found").iterdir()] == [b"input"]

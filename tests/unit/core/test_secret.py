from __future__ import annotations

import copy
import pickle

import pytest

from sekisho.core.secret import Secret


def test_it_never_prints() -> None:
    secret = Secret("sk-canary")
    assert "canary" not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == "sk-canary"


def test_it_compares_and_hashes_by_value() -> None:
    assert Secret("a") == Secret("a")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"


@pytest.mark.parametrize("leak", [pickle.dumps, copy.deepcopy])
def test_it_is_not_copied_into_bytes(leak: object) -> None:
    with pytest.raises(TypeError):
        leak(Secret("a"))  # type: ignore[operator]

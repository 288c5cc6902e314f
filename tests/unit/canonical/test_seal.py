from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.seal import PREFIX, Sealed, seal, unseal

sealed = st.builds(
    Sealed,
    origin=st.sampled_from(["anthropic", "openai"]),
    signature=st.text(),
    item_id=st.none() | st.text(),
    redacted=st.booleans(),
)


@given(sealed)
def test_what_is_sealed_comes_back(thought: Sealed) -> None:
    assert unseal(seal(thought)) == thought


@given(st.text())
def test_what_nobody_sealed_is_nobody_s(text: str) -> None:
    assert text.startswith(PREFIX) or unseal(text) is None


@pytest.mark.parametrize("rest", ["", "!!!", "e30=", "bnVsbA==", "eyJvcmlnaW4iOjF9", "é"])
def test_a_broken_seal_is_none(rest: str) -> None:
    assert unseal(PREFIX + rest) is None

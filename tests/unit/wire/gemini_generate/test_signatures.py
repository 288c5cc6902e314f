from __future__ import annotations

from base64 import b64decode, b64encode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.request import RedactedThinking, Thinking
from sekisho.wire.gemini_generate.signatures import CARRIED_PREFIX, SENTINEL, read_signature, signature_for_caller

GEMINIS = b64encode(b"\xff\xfe thought").decode()


def test_geminis_own_passes_in_either_alphabet() -> None:
    thought = Thinking(text="", signature=GEMINIS, origin="gemini")
    assert read_signature(GEMINIS) == thought
    assert read_signature(urlsafe_b64encode(b64decode(GEMINIS)).decode()) == thought
    assert signature_for_caller(thought) == GEMINIS


@pytest.mark.parametrize("nothing", ["", SENTINEL, "skip_thought_signature_validator", b64decode(SENTINEL).decode()])
def test_the_word_for_no_signature_is_none(nothing: str) -> None:
    assert read_signature(nothing) is None


@given(st.text(), st.text(min_size=1), st.none() | st.text(), st.sampled_from(("anthropic", "openai")))
def test_another_providers_thought_travels_as_bytes(text: str, signature: str, item: str | None, origin: str) -> None:
    thought = Thinking(text=text, signature=signature, origin=origin, item_id=item)
    carried = signature_for_caller(thought)
    assert carried.startswith(CARRIED_PREFIX)
    assert read_signature(carried) == thought
    assert read_signature(urlsafe_b64encode(b64decode(carried, validate=True)).decode()) == thought


@given(st.text(min_size=1))
def test_a_redacted_thought_travels_too(data: str) -> None:
    assert read_signature(signature_for_caller(RedactedThinking(data))) == RedactedThinking(data)


@given(st.integers(0, 60))
def test_what_was_cut_on_its_way_is_no_thought(cut: int) -> None:
    carried = signature_for_caller(Thinking(text="", signature="s", origin="anthropic"))
    found = read_signature(carried[: len(carried) - 4 - cut])
    assert found is None or (isinstance(found, Thinking) and found.origin in ("gemini", "anthropic"))

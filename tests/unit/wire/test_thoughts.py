from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.request import RedactedThinking, Thinking
from sekisho.canonical.seal import PREFIX, Sealed, seal
from sekisho.wire.thoughts import is_claudes, read_redacted, read_thinking, signature_for_caller


def test_claudes_signature_stays_as_it_is() -> None:
    assert read_thinking("Hm.", "EqQBsig==") == Thinking(text="Hm.", signature="EqQBsig==", origin="anthropic")
    assert signature_for_caller("EqQBsig==", "anthropic", None) == "EqQBsig=="


def test_a_thought_without_signature_is_nobodys() -> None:
    assert read_thinking("Hm.", "") == read_thinking("Hm.", None) == Thinking(text="Hm.")


@given(st.text(), st.text(min_size=1), st.none() | st.text())
def test_a_foreign_thought_comes_back_whole(text: str, signature: str, item_id: str | None) -> None:
    carried = signature_for_caller(signature, "openai", item_id)
    assert carried.startswith(PREFIX)
    expected = Thinking(text=text, signature=signature, origin="openai", item_id=item_id)
    assert read_thinking(text, carried) == expected
    assert read_redacted(carried) == Thinking(text="", signature=signature, origin="openai", item_id=item_id)


def test_redacted_thoughts_of_both_kinds() -> None:
    assert read_redacted("EmwKAhgB") == RedactedThinking("EmwKAhgB")
    sealed = seal(Sealed(origin="anthropic", signature="EmwKAhgB", redacted=True))
    assert read_redacted(sealed) == read_thinking("", sealed) == RedactedThinking("EmwKAhgB")


def test_a_broken_seal_vouches_for_nothing() -> None:
    assert read_thinking("Hm.", PREFIX + "!!") == Thinking(text="Hm.")
    assert read_redacted(PREFIX) == Thinking(text="")


def test_only_claudes_own_thoughts_go_to_claude() -> None:
    assert is_claudes(Thinking(text="", signature="s", origin="anthropic"))
    assert not is_claudes(Thinking(text="t", signature="s", origin="openai"))
    assert is_claudes(RedactedThinking("d"))
    assert not is_claudes(Thinking(text="t"))

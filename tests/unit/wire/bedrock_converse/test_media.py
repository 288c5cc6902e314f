from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.request import RedactedThinking, Thinking
from sekisho.canonical.seal import Sealed, seal
from sekisho.wire.bedrock_converse.media import (
    document_name,
    read_redacted_content,
    redacted_content,
    sealed_content,
)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("Q3 report (final) [2]", "Q3 report (final) [2]"),
        ("report_v2.pdf", "report-v2-pdf"),
        ("a  \n b", "a b"),
        ("x" * 300, "x" * 200),
    ],
)
def test_a_name_of_letters_that_the_api_takes(given: str, name: str) -> None:
    assert document_name(given, "contents") == name


@given(st.none() | st.text(max_size=30), st.text(max_size=30))
def test_every_name_is_legal_and_that_of_its_document(given: str | None, contents: str) -> None:
    name = document_name(given, contents)
    assert re.fullmatch(r"(?!.*\s\s)[a-zA-Z0-9()\[\]\s-]{1,200}", name)
    assert document_name(given, contents) == name


def test_without_a_name_the_contents_give_one() -> None:
    assert document_name("報告書", "a") == document_name(None, "a") != document_name(None, "b")


def test_claudes_redacted_thought_passes_as_it_is() -> None:
    assert redacted_content("EmwKAhgB") == "EmwKAhgB"
    assert read_redacted_content("EmwKAhgB") == RedactedThinking("EmwKAhgB")


@given(st.text(max_size=30))
def test_any_redacted_thought_comes_back_as_a_blob(data: str) -> None:
    blob = redacted_content(data)
    base64.b64decode(blob, validate=True)
    assert read_redacted_content(blob) == RedactedThinking(data)


@given(st.text(max_size=30))
def test_a_foreign_thought_comes_back_whole(signature: str) -> None:
    blob = sealed_content(seal(Sealed(origin="gemini", signature=signature, item_id="i")))
    assert read_redacted_content(blob) == Thinking(text="", signature=signature, origin="gemini", item_id="i")

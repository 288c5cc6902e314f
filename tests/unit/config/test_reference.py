from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sekisho.config import keys
from sekisho.config.reference import NESTED, field_docs, reference_page

PAGE = Path(__file__).resolve().parents[3] / "docs" / "configuration.md"


def test_the_committed_page_is_current() -> None:
    assert PAGE.read_text() == reference_page(), (
        "run: .venv/bin/python -m sekisho.config.reference > docs/configuration.md"
    )


@pytest.mark.parametrize("struct", [*keys.SECTIONS.values(), *NESTED.values()])
def test_every_key_has_a_text(struct: type[msgspec.Struct]) -> None:
    docs = field_docs(struct)
    for field in msgspec.structs.fields(struct):
        assert docs[field.name].endswith((".", "…", ")")), field.name


def test_the_page_names_every_key() -> None:
    page = reference_page()
    for section in keys.SECTIONS:
        for key in keys.known_keys(section):
            assert f"`{key}`" in page or f"`{key}:`" in page, (section, key)

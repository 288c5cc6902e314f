from __future__ import annotations

import pytest

from sekisho.api.llm.routes import SURFACES, index
from sekisho.core.errors import OperatorError


def test_each_path_stands_with_and_without_its_prefix() -> None:
    table = index(SURFACES)
    for surface in SURFACES:
        assert table[surface.path][surface.method] is surface
        assert table[surface.path.removeprefix("/v1")][surface.method] is surface


def test_a_line_that_stands_twice_is_refused() -> None:
    with pytest.raises(OperatorError, match="twice"):
        index((*SURFACES, SURFACES[0]))

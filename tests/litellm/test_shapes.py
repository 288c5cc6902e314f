from __future__ import annotations

from typing import Any

import pytest

from tests.litellm.shapes import differences


@pytest.mark.parametrize(
    ("shape", "value"),
    [
        (str | None, None),
        (float, 1),
        (0.0, 0.0),
        ([], []),
        ([{"a": int}], [{"a": 1, "more": 2}, {"a": 2}]),
        (["a", "b"], ["a", "b"]),
        ({str: float}, {"x": 0.5}),
        (Any, object()),
    ],
)
def test_what_is_of_the_shape(shape: Any, value: Any) -> None:
    assert differences(shape, value) == []


@pytest.mark.parametrize(
    ("shape", "value", "told"),
    [
        (str, None, "answer is None"),
        (int, True, "answer is True"),
        (0.0, 0, "answer is 0, not 0.0"),
        ([int], [], "with anything in it"),
        ([int], [1, "2"], "answer[1] is '2'"),
        (["a", "b"], ["b", "a"], "not ['a', 'b']"),
        ({"a": {"b": int}}, {"a": {}}, "answer.a.b is missing"),
        ({"a": int}, [], "no object"),
        ({str: float}, {"x": "y"}, "answer.x is 'y'"),
    ],
)
def test_what_is_not_is_told(shape: Any, value: Any, told: str) -> None:
    assert len(differences(shape, value)) == 1
    assert told in differences(shape, value)[0]

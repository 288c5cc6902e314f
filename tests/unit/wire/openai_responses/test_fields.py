from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sekisho.core.errors import MalformedRequest
from sekisho.wire.openai_responses.fields import Node, load


def test_null_counts_as_absent() -> None:
    node = Node({"a": None})
    assert (node.has("a"), node.text("a"), node.integer("a"), node.number("a")) == (False, None, None, None)
    assert (node.flag("a"), node.child("a"), node.children("a"), node.texts("a")) == (None, None, [], [])


def test_values_come_as_they_are() -> None:
    node = Node({"s": "", "i": 0, "n": 0.0, "f": False, "o": {"k": 1}, "l": [{}], "t": ["x"]})
    assert (node.text("s"), node.integer("i"), node.number("n"), node.flag("f")) == ("", 0, 0.0, False)
    assert [child.path for child in node.children("l")] == ["l.0"]
    assert node.texts("t") == ["x"]
    child = node.child("o")
    assert child is not None
    assert child.integer("k") == 1


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (Node.text, 1),
        (Node.need_text, None),
        (Node.integer, True),
        (Node.integer, 1.5),
        (Node.number, "1"),
        (Node.flag, 1),
        (Node.child, []),
        (Node.children, {}),
        (Node.texts, [1]),
    ],
)
def test_a_wrong_type_is_named_by_its_path_and_never_shown(read: Callable[[Node, str], Any], value: Any) -> None:
    with pytest.raises(MalformedRequest) as caught:
        read(Node({"content": value}, "input.3"), "content")
    assert caught.value.info.param == "input.3.content"
    assert repr(value) not in caught.value.info.message or value is None


def test_a_wrong_element_is_named_by_its_place() -> None:
    with pytest.raises(MalformedRequest) as caught:
        Node({"content": [{}, 7]}, "input.3").children("content")
    assert caught.value.info.param == "input.3.content.1"


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b'"text"', b"\xff", b"[" * 100_000])
def test_what_is_no_object_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        load(body)

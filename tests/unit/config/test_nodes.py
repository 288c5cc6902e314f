from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.config.nodes import MAX_DEPTH, Node, parse_yaml
from sekisho.config.problems import Findings
from sekisho.config.read import plain


def parsed(text: str) -> Any:
    findings = Findings()
    node = parse_yaml(text, "f", findings)
    assert findings.problems == []
    assert node is not None
    return plain(node)


def refused(text: str) -> str:
    findings = Findings()
    node = parse_yaml(text, "f", findings)
    assert findings.problems, node
    return str(findings.problems[0])


def test_plain_values() -> None:
    text = "a: 1\nb: 2.5\nc: yes\nd: null\ne: text\nf: [1, {g: h}]\ni:\n"
    assert parsed(text) == {"a": 1, "b": 2.5, "c": True, "d": None, "e": "text", "f": [1, {"g": "h"}], "i": None}


def test_an_empty_file_is_an_empty_mapping() -> None:
    assert parsed("# nothing\n") == {}


def test_a_date_stays_the_text_it_is() -> None:
    assert parsed("api_version: 2025-01-01") == {"api_version": "2025-01-01"}


def test_a_number_keeps_its_digits() -> None:
    node = parse_yaml("price: 0.10000000000000000001", "f", Findings())
    assert node is not None
    assert node.entries["price"].text == "0.10000000000000000001"


def test_keys_are_text_whatever_they_look_like() -> None:
    assert parsed("4: a\ntrue: b\n") == {"4": "a", "true": "b"}


def test_an_entry_stands_on_the_line_of_its_key() -> None:
    node = parse_yaml("a: 1\nb:\n\n  c: 2\n  d:\n    - x\n    - y\n", "f", Findings())
    assert node is not None
    inner = node.entries["b"]
    assert [inner.where.line, inner.entries["d"].where.line] == [2, 5]
    assert [item.where.line for item in inner.entries["d"].items] == [6, 7]


def test_anchors_and_merges() -> None:
    text = "base: &b {x: 1, y: 2}\none: {<<: *b, y: 3}\ntwo: {<<: [{x: 9}, *b]}\n"
    assert parsed(text) == {"base": {"x": 1, "y": 2}, "one": {"x": 1, "y": 3}, "two": {"x": 9, "y": 2}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x [*x]", "f:1: This alias refers to what it stands in."),
        ("a: *hunter2", "f:1: No anchor of this name stands above; put a value that begins with '*' in quotes."),
        ("a: 1\nb: !hunter2 c", "f:2: This tag is not known; put a value that begins with '!' in quotes."),
        ("a: !!int hunter2", "f:1: Not a value of the type int; put it in quotes."),
        ("a: !!float ''", "f:1: Not a value of the type float; put it in quotes."),
        ("? [a]\n: b", "f:1: A key must be text."),
        ("<<: 3", "f:1: << takes a mapping or a list of mappings."),
        ("a: 1\n---\nb: 2", "f:2: A second document begins here ('---'); one file holds one document."),
        ("a: 1\nb: 2\na: 3", "f:3: a: Written twice in one mapping (first on line 1); keep one."),
        ("a: \x00", "f: Not YAML: it holds a character that YAML does not allow."),
        ("a: [1\n", "f:2: Not YAML: did not find expected ',' or ']'."),
        ("[" * (MAX_DEPTH + 1), f"f:1: Nested deeper than {MAX_DEPTH} levels."),
        ("[" * 100_000, f"f:1: Nested deeper than {MAX_DEPTH} levels."),
        ("- " * 100_000 + "a", f"f:1: Nested deeper than {MAX_DEPTH} levels."),
    ],
)
def test_what_is_not_plain_yaml_is_named_with_its_line(text: str, message: str) -> None:
    assert refused(text) == message


def test_aliases_cannot_multiply_without_end() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "More than" in refused("\n".join(lines))


def test_aliases_cannot_nest_without_end() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, MAX_DEPTH + 1)]
    assert "Nested deeper" in refused("\n".join(lines))


@given(st.text(alphabet="ab:-? []{}&*!|>'\"#%@,\n\t0123456789.<=~", max_size=80))
def test_any_text_gives_a_tree_or_a_problem(text: str) -> None:
    findings = Findings()
    node = parse_yaml(text, "f", findings)
    assert isinstance(node, Node) or findings.problems


@given(st.text(max_size=200))
def test_any_unicode_gives_a_tree_or_a_problem(text: str) -> None:
    findings = Findings()
    node = parse_yaml(text, "f", findings)
    assert isinstance(node, Node) or findings.problems

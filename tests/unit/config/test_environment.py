from __future__ import annotations

from sekisho.config.environment import Environment, fill_in, overlay
from sekisho.config.nodes import Node, parse_yaml
from sekisho.config.problems import Findings
from sekisho.config.read import plain


def tree(text: str) -> Node:
    node = parse_yaml(text, "f", Findings())
    assert node is not None
    return node


def test_a_whole_value_stands_for_its_variable() -> None:
    node = fill_in(tree("a: os.environ/X\nb: [os.environ/X, 'see os.environ/X']"), Environment({"X": "7"}))
    assert plain(node) == {"a": "7", "b": ["7", "see os.environ/X"]}


def test_a_variable_that_is_not_set_is_marked() -> None:
    node = fill_in(tree("a: os.environ/X\nb: os.environ/EMPTY"), Environment({"EMPTY": ""}))
    assert [child.missing for child in node.entries.values()] == ["X", "EMPTY"]
    assert plain(node) == {"a": None, "b": None}


def test_declared_variables_hold_over_those_of_the_process() -> None:
    findings = Findings()
    environment = overlay(
        tree("A: file\nB: 3\nC: os.environ/D"), Environment({"A": "process", "D": "d", "E": "e"}), findings
    )
    assert [environment.get(name) for name in "ABCDEF"] == ["file", "3", "d", "d", "e", None]
    assert findings.problems == []


def test_variables_are_text() -> None:
    findings = Findings()
    overlay(tree("A: [1]\nB: os.environ/GONE"), Environment({}), findings)
    assert [str(problem) for problem in findings.problems] == [
        "f:1: environment_variables.A: Expected text.",
        "f:2: environment_variables.B: The environment variable GONE is not set.",
    ]


def test_an_environment_shows_no_value() -> None:
    environment = Environment({"KEY": "sk-secret"})
    assert "sk-secret" not in f"{environment!r} {environment}"
    assert environment == Environment({"KEY": "sk-secret"})
    assert hash(environment) == hash(Environment({"KEY": "sk-secret"}))
    assert environment != Environment({"KEY": "other"})

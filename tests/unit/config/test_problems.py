from __future__ import annotations

from sekisho.config.problems import ConfigError, Findings, Problem, Where
from sekisho.core.errors import OperatorError


def test_a_problem_names_file_line_and_key() -> None:
    assert str(Problem("c.yaml", 3, "a.b", "Expected text.")) == "c.yaml:3: a.b: Expected text."
    assert str(Problem("c.yaml", 0, "", "Not UTF-8.")) == "c.yaml: Not UTF-8."


def test_findings_keep_problems_and_warnings_apart() -> None:
    findings = Findings()
    findings.refuse(Where("f", 1), "a", "one")
    findings.warn(Where("f", 2), "b", "two")
    assert findings.problems == [Problem("f", 1, "a", "one")]
    assert findings.warnings == [Problem("f", 2, "b", "two")]


def test_the_error_tells_every_problem() -> None:
    error = ConfigError((Problem("f", 1, "a", "one"), Problem("f", 2, "b", "two")))
    assert isinstance(error, OperatorError)
    assert str(error).splitlines() == [
        "The configuration cannot be used (2 to mend):",
        "  f:1: a: one",
        "  f:2: b: two",
    ]

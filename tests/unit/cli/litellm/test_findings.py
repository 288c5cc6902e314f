from __future__ import annotations

from sekisho.cli.litellm.findings import NAMED_MAX, Findings


def test_each_is_told_once_with_a_count_and_some_names() -> None:
    findings = Findings()
    for number in range(NAMED_MAX + 2):
        findings.add("keys: guardrails", f"k{number}")
        findings.add("keys: guardrails", f"k{number}")
    findings.add("a", "b")
    assert findings.lines() == ["a (1): b", "keys: guardrails (7): k0, k1, k2, k3, k4, and 2 more"]
    assert [what for what, _ in findings] == ["a", "keys: guardrails"]

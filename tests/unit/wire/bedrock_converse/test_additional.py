from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.canonical.request import Reasoning
from sekisho.wire.bedrock_converse.additional import INTERLEAVED, Additional, reasoning_of, top_k_of


def fields(**given: Any) -> Additional:
    return msgspec.convert(given, Additional)


@pytest.mark.parametrize(
    ("given", "effort", "expected"),
    [
        ({}, None, None),
        ({}, "high", Reasoning(effort="high")),
        ({"reasoning_effort": "low"}, None, Reasoning(effort="low")),
        ({"output_config": {"effort": "max"}}, None, Reasoning(effort="max")),
        ({"thinking": {"type": "enabled", "budget_tokens": 9}}, None, Reasoning(budget_tokens=9, summary="auto")),
        (
            {"reasoning_config": {"type": "enabled", "budget_tokens": 9}},
            None,
            Reasoning(budget_tokens=9, summary="auto"),
        ),
        (
            {"thinking": {"type": "adaptive", "display": "omitted"}, "anthropic_beta": [INTERLEAVED]},
            "low",
            Reasoning(adaptive=True, effort="low", interleaved=True),
        ),
        ({"thinking": {"type": "disabled"}}, None, Reasoning(enabled=False)),
        ({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}, None, Reasoning(effort="low")),
        ({"reasoningConfig": {"type": "disabled"}}, None, Reasoning(enabled=False)),
    ],
)
def test_how_much_to_think_in_each_familys_words(given: Any, effort: str | None, expected: Reasoning | None) -> None:
    assert reasoning_of(fields(**given), effort) == expected


def test_top_k_in_each_familys_place() -> None:
    assert top_k_of(fields(top_k=0)) == 0
    assert top_k_of(fields(inferenceConfig={"topK": 10})) == 10
    assert top_k_of(fields()) is None

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.exchange.tier import asked_tier
from sekisho.wire.json_edit import JsonObject


def body_of(**fields: Any) -> JsonObject:
    return JsonObject(msgspec.json.encode({"model": "m", **fields}))


@pytest.mark.parametrize(
    ("body", "tier"),
    [
        ({}, None),
        ({"service_tier": "flex"}, "flex"),
        ({"service_tier": None}, None),
        ({"service_tier": 5}, None),
        ({"serviceTier": "SERVICE_TIER_PRIORITY"}, "SERVICE_TIER_PRIORITY"),
        ({"serviceTier": {"type": "priority"}}, "priority"),
        ({"performanceConfig": {"latency": "optimized"}}, "optimized"),
        ({"speed": "fast"}, "fast"),
        ({"speed": "standard", "service_tier": "auto"}, "auto"),
    ],
)
def test_every_dialect_says_it_in_its_place(body: dict[str, Any], tier: str | None) -> None:
    assert asked_tier({}, body_of(**body)) == tier


def test_invoke_model_says_it_in_a_header() -> None:
    assert asked_tier({"x-amzn-bedrock-service-tier": "flex"}, body_of(service_tier="auto")) == "flex"


def test_a_call_whose_body_was_never_read_asked_for_none() -> None:
    assert asked_tier({}, None) is None

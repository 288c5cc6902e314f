from __future__ import annotations

from typing import Any

import pytest

from sekisho.cli.litellm.findings import Findings
from sekisho.cli.litellm.keys import read_former, read_keys
from sekisho.identity.keys import token_hash
from tests.support.litellm_rows import NOW_US, source_of

TOKEN = token_hash("sk-1")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"token": "sk-in-clear", "key_alias": "old"}, "keys not imported: stored in clear"),
        ({"token": TOKEN, "key_alias": "old", "max_budget": -1}, "keys not imported: max_budget"),
        ({"token": TOKEN, "key_alias": "old", "expires": "infinity"}, "keys not imported: 'infinity' is no time"),
        ({"token": TOKEN, "key_alias": "old", "aliases": {"a": "b", "b": "a"}}, "keys not imported: The alias"),
        ({"token": TOKEN, "key_alias": "old", "team_id": "litellm-dashboard"}, "keys: sessions of LiteLLM's own"),
    ],
)
def test_a_key_that_cannot_be_taken_over_is_told_by_its_alias(row: dict[str, Any], told: str) -> None:
    findings = Findings()
    assert read_keys(source_of(keys=[row]), findings, NOW_US) == []
    (line,) = findings.lines()
    assert line.startswith(told)
    assert line.endswith("(1): old")
    assert "sk-in-clear" not in line


def test_routes_that_are_unknown_here_open_nothing() -> None:
    findings = Findings()
    rows = [{"token": TOKEN, "allowed_routes": ["/v1/messages", "info_routes"]}]
    (key,) = read_keys(source_of(keys=rows), findings, NOW_US)
    assert key.allowed_routes == ("/v1/messages", "info_routes")
    assert "allowed_routes /v1/messages" in findings.lines()[0]


def test_former_hashes_come_as_long_as_they_work() -> None:
    rows = [
        {"token": "a", "active_token_id": TOKEN, "revoke_at": "2099-01-01T00:00:00"},
        {"token": "b", "active_token_id": TOKEN, "revoke_at": "2001-01-01T00:00:00"},
    ]
    (former,) = read_former(source_of(former_keys=rows), NOW_US)
    assert (former["token"], former["key_token"], former["until_us"]) == ("a", TOKEN, 4_070_908_800_000_000)

from __future__ import annotations

import pytest

from sekisho.api.admin.permissions import (
    DEFAULT_MEMBER_PERMISSIONS,
    MEMBER_PERMISSIONS,
    RULES,
    Reach,
    rule_for,
)


def test_no_endpoint_has_two_lines() -> None:
    named = [(rule.method, rule.path) for rule in RULES]
    assert len(set(named)) == len(named)


def test_whatever_is_asked_for_by_get_only_reads() -> None:
    assert [rule.path for rule in RULES if rule.method == "GET" and not rule.reads] == []


@pytest.mark.parametrize(
    ("method", "path", "line"),
    [
        ("POST", "/key/generate", "/key/generate"),
        ("POST", "/key/sk-1/regenerate", "/key/{key}/regenerate"),
        ("POST", "/key/regenerate", "/key/regenerate"),
        ("PATCH", "/organization/update", "/organization/update"),
        ("DELETE", "/sekisho/v1/pools/p", "/sekisho/v1/pools/{pool_id}"),
    ],
)
def test_a_request_finds_its_line(method: str, path: str, line: str) -> None:
    rule = rule_for(method, path)
    assert rule is not None
    assert (rule.method, rule.path) == (method, line)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/key/generate"),
        ("POST", "/key/generate/"),
        ("POST", "/key//regenerate"),
        ("POST", "/key/a/b/regenerate"),
        ("POST", "/nothing"),
        ("DELETE", "/sekisho/v1/pools/"),
    ],
)
def test_what_has_no_line_finds_none(method: str, path: str) -> None:
    assert rule_for(method, path) is None


def test_a_team_may_permit_its_members_what_the_table_says() -> None:
    assert {"/key/generate", "/key/update", "/key/delete", "/key/info", "/key/health"} <= {
        *MEMBER_PERMISSIONS,
        *DEFAULT_MEMBER_PERMISSIONS,
    }
    assert set(DEFAULT_MEMBER_PERMISSIONS) <= set(MEMBER_PERMISSIONS)
    permitted = {rule.permission for rule in RULES if Reach.PERMITTED in rule.reach and not rule.reads}
    assert permitted <= set(MEMBER_PERMISSIONS)

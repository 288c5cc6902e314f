from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.config.sections import Residency
from sekisho.identity.keys import Principal
from sekisho.providers.deployment import Deployment
from sekisho.routing.residency import allows, region_of, rules_of
from tests.support.routes import deployment

FRANKFURT = deployment("m", "fra", region="eu-central-1")
UNKNOWN = deployment("m", "unknown")


@pytest.mark.parametrize(
    ("one", "region"),
    [
        (FRANKFURT, "eu-central-1"),
        (UNKNOWN, None),
        (deployment("m", "said", region_name="jp", region="us-east-1"), "jp"),
        (deployment("m", "p1", "openai/us.anthropic.claude-opus-4-20250514-v1:0", region="us-east-1"), "us"),
        (deployment("m", "p2", "openai/global.anthropic.claude-opus-4-5-20251101-v1:0", region="eu-west-1"), "global"),
        (deployment("m", "p3", "openai/anthropic.claude-opus-4-20250514-v1:0", region="eu-west-1"), "eu-west-1"),
    ],
    ids=lambda value: value.id if isinstance(value, Deployment) else None,
)
def test_where_a_deployment_processes_calls(one: Deployment, region: str | None) -> None:
    assert region_of(one) == region


@pytest.mark.parametrize(
    ("rule", "frankfurt", "unknown"),
    [
        (None, True, True),
        (Residency(), True, True),
        (Residency(regions=("eu-*",)), True, False),
        (Residency(regions=("us-*", "eu-central-1")), True, False),
        (Residency(regions=("us-*",)), False, False),
        (Residency(regions=("*",)), True, False),
        (Residency(providers=("openai",)), True, True),
        (Residency(providers=("bedrock",)), False, False),
        (Residency(regions=("eu-*",), providers=("bedrock",)), False, False),
    ],
)
def test_what_a_rule_allows(rule: Residency | None, *, frankfurt: bool, unknown: bool) -> None:
    assert (allows(rule, FRANKFURT), allows(rule, UNKNOWN)) == (frankfurt, unknown)


def test_accounts_are_allowed_by_name() -> None:
    mine = msgspec.structs.replace(FRANKFURT, account="111122223333")
    rule = Residency(accounts=("111122223333",))
    assert (allows(rule, mine), allows(rule, FRANKFURT)) == (True, False)


def test_rules_of_a_key_its_team_and_organisation_are_all_there() -> None:
    assert rules_of(Principal(key_hash="k")) == ()
    own = {"regions": ["eu-*"], "providers": ["openai"]}
    bound = Principal(key_hash="k", metadata={"residency": own}, residency=({"accounts": ["1"]}, {"regions": ["*"]}))
    assert [(rule.regions, rule.providers, rule.accounts) for rule in rules_of(bound)] == [
        (("eu-*",), ("openai",), ()),
        ((), (), ("1",)),
        (("*",), (), ()),
    ]


@pytest.mark.parametrize(
    "broken", ["eu", [], {"region": ["eu-*"]}, {"regions": "eu-*"}, {"regions": [1]}, {"regions": [""]}, 0, False]
)
def test_a_rule_that_cannot_be_read_allows_nothing(broken: Any) -> None:
    of_key = Principal(key_hash="k", metadata={"residency": broken})
    of_team = Principal(key_hash="k", residency=(broken,))
    assert [allows(rule, FRANKFURT) for one in (of_key, of_team) for rule in rules_of(one)] == [False, False]

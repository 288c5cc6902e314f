"""The page about routing: its configuration loads and routes as it says, its words are the code's."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from sekisho.cli.explain import NOBODY
from sekisho.cli.route import route_explained
from sekisho.config.load import load_settings
from sekisho.config.sections import RouterSettings
from sekisho.core.errors import ErrorClass
from sekisho.routing.breaker import LONGEST_SECONDS
from sekisho.routing.plan import Wish
from sekisho.routing.router import Router
from tests.support.routes import Yard, deployment

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "routing.md").read_text()
ENVIRONMENT = {"LITELLM_MASTER_KEY": "sk-master-of-the-tests", "ANTHROPIC_API_KEY": "sk-of-the-tests"}


def test_its_configuration_routes_as_it_says(tmp_path: Path) -> None:
    [text] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    config = tmp_path / "config.yaml"
    config.write_text(text)
    settings = load_settings(config, ENVIRONMENT)
    assert settings.warnings == ()
    lines = route_explained(settings)("claude", Wish(principal=NOBODY), "anthropic-messages")
    routes = sorted(value.partition(" at ")[2] for name, value in lines if name == "route")
    host = "bedrock (bedrock-runtime.{}.amazonaws.com{}) in anthropic-messages@bedrock"
    places = [(region, account) for region in ("ap-northeast-1", "us-west-2") for account in (", account 2", "")]
    assert routes == sorted(
        host.format(region, account and account[:-1] + 12 * account[-1]) for region, account in places
    )
    assert ("then", "claude-direct, claude-small") in lines
    assert ("if too long", "claude-direct") in lines


def test_every_strategy_is_in_the_table() -> None:
    named = {
        name for line in re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE) for name in re.findall(r"`([\w-]+)`", line)
    }
    strategies = get_args(get_type_hints(RouterSettings)["routing_strategy"])
    assert {name for name in strategies if name not in named} == {"usage-based-routing-v2"}, "which is told as `-v2`"


def test_the_log_reads_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    place = "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    one = deployment("claude", "tokyo-one", place, api_base=None, aws_region_name="ap-northeast-1")
    yard = Yard(one, deployment("claude", "tokyo-two"))
    yard.fail(one, ErrorClass.RATE_LIMITED, ErrorClass.RATE_LIMITED)
    yard.clock.advance(5)
    yard.succeed(one)
    assert isinstance(yard.router, Router)
    lines = [f"WARNING {record.name} {record.getMessage()}" for record in caplog.records]
    assert lines
    assert [line for line in lines if line not in PAGE] == []


def test_its_numbers_hold() -> None:
    assert LONGEST_SECONDS == 600
    assert RouterSettings().affinity_seconds == 3600
    assert "up to ten minutes" in PAGE
    assert "(3600)" in PAGE

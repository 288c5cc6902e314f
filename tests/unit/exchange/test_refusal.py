"""What a caller is told whose call has no room."""

from __future__ import annotations

from typing import Any

import pytest

from sekisho.core.errors import ErrorClass, ErrorInfo
from sekisho.exchange.call import Call
from sekisho.exchange.refusal import refusal_of, unknown_price
from sekisho.identity.client import Client
from sekisho.identity.scopes import Scope
from sekisho.limits.limiter import Line, Refusal
from sekisho.limits.periods import NEVER_US
from sekisho.limits.rule import Measure, Rule
from tests.support.caller import Caller
from tests.support.stations import Stage, body_of

NOW_US = 1_700_000_000_000_000


def told(stage: Stage, measure: Measure, *, client: Client | None = None, scopes: Any = (), **rule: Any) -> ErrorInfo:
    """The refusal of a call under a rule of which 3 of 5 are used."""
    call: Call = stage.call(Caller(), "openai-chat", body_of("openai-chat"))
    call.client = client
    ends_us = rule.pop("ends_us", NOW_US + 30_500_000)
    fields: dict[str, Any] = {"scope_kind": "team", "scope_id": "t", "limit": 5} | rule
    line = Line(Rule(measure=measure, **fields), 4, NOW_US, ends_us, fields["limit"])
    return refusal_of(Refusal(line, 3), call, scopes, 429, NOW_US).info


def test_a_budget_says_whose_how_much_and_until_when(stage: Stage) -> None:
    info = told(stage, Measure.MONEY, period="1d", model="gpt")
    assert info.message == (
        "Budget has been exceeded! The budget of team 't' for model 'gpt' is 0.000000005 USD in 1d. Spent, or reserved "
        "by calls that run, are 0.000000003 USD; this call may cost 0.000000004 USD. It resets at 2023-11-14T22:13:50Z."
    )
    assert (info.error_class, info.status, info.code) == (ErrorClass.BUDGET_EXCEEDED, 429, "budget_exceeded")
    assert info.retry_after_seconds is None


def test_what_was_forgiven_is_not_told(stage: Stage) -> None:
    rule: dict[str, Any] = {"forgiven": 2, "forgiven_until_us": NEVER_US}
    assert "is 0.000000003 USD. Spent, or reserved by calls that run, are 0.000000001 USD;" in (
        told(stage, Measure.MONEY, **rule).message
    )


def test_a_budget_for_ever(stage: Stage) -> None:
    assert told(stage, Measure.MONEY, ends_us=NEVER_US).message.endswith("It does not reset by itself.")


@pytest.mark.parametrize(
    ("client", "status"),
    [
        (Client(tool="claude-code", interface="tui"), 400),
        (Client(tool="openai-python", interface="sdk"), 429),
        (Client(), 429),
        (None, 429),
    ],
)
def test_only_a_tool_with_a_person_before_it_gets_400(stage: Stage, client: Client | None, status: int) -> None:
    assert told(stage, Measure.MONEY, client=client).status == status


@pytest.mark.parametrize(
    ("measure", "words"),
    [
        (Measure.REQUESTS, "5 requests a minute, of which 3 are used and this call needs 4. Try again in 30 s"),
        (Measure.TOKENS, "5 tokens a minute"),
        (Measure.INPUT_TOKENS, "5 input tokens a minute"),
        (Measure.OUTPUT_TOKENS, "5 output tokens a minute"),
        (
            Measure.PARALLEL,
            "5 calls at once, of which 3 are used and this call needs 4. Try again when one of them ends",
        ),
    ],
)
def test_a_rate_passes(stage: Stage, measure: Measure, words: str) -> None:
    info = told(stage, measure)
    assert words in info.message
    assert (info.error_class, info.status) == (ErrorClass.RATE_LIMITED, 429)
    assert info.retry_after_seconds == (1.0 if measure is Measure.PARALLEL else 30.5)


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("key", "0123abcd", "of this key is"),
        ("gateway", "", "of this gateway is"),
        ("team", "t", "of team 'Red' is"),
        ("team", "other", "of team 'other' is"),
        ("team_member", "t/u", "of team member 't/u' is"),
        ("organization_member", "o/u", "of organization member 'o/u' is"),
    ],
)
def test_a_scope_is_told_by_the_name_that_people_know(stage: Stage, kind: str, name: str, words: str) -> None:
    scopes = (Scope(kind="team", id="t", name="Red"),)
    info = told(stage, Measure.MONEY, scopes=scopes, scope_kind=kind, scope_id=name)
    assert words in info.message
    assert "0123abcd" not in info.message


def test_an_unknown_price_says_what_the_operator_can_do() -> None:
    info = unknown_price("mystery").info
    assert (info.status, info.code) == (400, "unknown_price")
    assert "'mystery'" in info.message
    assert "input_cost_per_token" in info.message

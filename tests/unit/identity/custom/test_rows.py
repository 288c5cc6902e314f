from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from sekisho.identity.custom.answer import MalformedAnswer, Said, said_of
from sekisho.identity.custom.rows import beside_records, epoch_us, key_row, limits_of_end_user, rates_of_user
from sekisho.identity.scopes import Scope, scopes_of
from sekisho.store.bindings import Binding
from sekisho.store.limits import BudgetWindow, Limits, encode_limits

STORED_TEAM: dict[str, Any] = {
    "team_id": "crew",
    "team_alias": "The crew",
    "organization_id": None,
    "models": '["claude"]',
    "aliases": "{}",
    "metadata": '{"tags": ["stored"], "a": 1}',
    "limits": encode_limits(Limits(rpm_limit=5)),
    "member_limits": "{}",
    "bound": "{}",
    "blocked": False,
    "created_us": 7,
}


def bound(said: Said, **parts: Any) -> Binding:
    found = Binding(key=key_row(said, "shown"), shown_until_us=None, parts=parts, pools=())
    return beside_records(found, said)


def scope(binding: Binding, kind: str) -> Scope:
    [found] = [scope for scope in scopes_of(binding) if scope.kind == kind]
    return found


def test_all_limits_of_the_caller_itself() -> None:
    said = said_of(
        {
            "max_budget": 1.5,
            "soft_budget": 1,
            "budget_duration": "1d",
            "model_max_budget": {"a": 2, "b": {"budget_limit": "0.5", "time_period": "1d"}, "c": {"max_budget": 3}},
            "tpm_limit": 10,
            "rpm_limit": 0,
            "max_parallel_requests": 2,
            "metadata": {"model_rpm_limit": {"a": 3}},
            "rpm_limit_per_model": {"b": 4},
        }
    )
    assert key_row(said, "shown").limits == Limits(
        max_budget_nano_usd=1_500_000_000,
        soft_budget_nano_usd=1_000_000_000,
        budget_duration="1d",
        model_max_budget={
            "a": BudgetWindow(max_budget_nano_usd=2_000_000_000),
            "b": BudgetWindow(max_budget_nano_usd=500_000_000, budget_duration="1d"),
            "c": BudgetWindow(max_budget_nano_usd=3_000_000_000),
        },
        tpm_limit=10,
        rpm_limit=0,
        max_parallel_requests=2,
        model_rpm_limit={"a": 3, "b": 4},
    )


def test_spend_is_counted_for_the_same_caller_always() -> None:
    def token(**fields: Any) -> str:
        return key_row(said_of(fields), "shown").token

    assert token() == "shown"
    assert token(api_key="k") == token(api_key="k", user_id="alice") != token(api_key="l")
    assert token(user_id="alice") == token(user_id="alice", models=["a"])
    distinct = {token(user_id="alice"), token(team_id="alice"), token(user_id="alice", team_id="crew"), "shown"}
    assert len(distinct) == 4


@pytest.mark.parametrize(
    ("role", "routes", "expected"),
    [
        (None, None, ("llm_api_routes",)),
        ("customer", ["management_routes"], ("llm_api_routes",)),
        (None, ["info_routes", "/embeddings"], ("/embeddings",)),
        ("team", [], ("llm_api_routes",)),
        ("superuser", None, ("llm_api_routes",)),
        ("proxy_admin", None, ()),
        ("internal_user_viewer", ["info_routes"], ("info_routes",)),
    ],
)
def test_who_is_not_said_to_manage_manages_nothing(
    role: str | None, routes: list[str] | None, expected: tuple[str, ...]
) -> None:
    assert key_row(Said(user_role=role, allowed_routes=routes), "shown").allowed_routes == expected


def test_what_is_on_record_holds_over_what_is_said() -> None:
    said = Said(
        user_id="alice",
        team_id="crew",
        team_alias="Said",
        team_models=["gpt"],
        team_max_budget=2.0,
        team_rpm_limit=100,
        team_member_rpm_limit=3,
        team_metadata={"tags": ["said"], "b": 2},
    )
    stored = bound(said, team=STORED_TEAM)
    assert scope(stored, "team").limits == Limits(rpm_limit=5, max_budget_nano_usd=2_000_000_000)
    assert (scope(stored, "team").models, scope(stored, "team").name) == (("claude",), "The crew")
    assert stored.parts["team"]["metadata"] == '{"tags":["stored"],"b":2,"a":1}'
    assert scope(stored, "team_member").limits == Limits(rpm_limit=3)
    alone = bound(said)
    assert scope(alone, "team").limits == Limits(rpm_limit=100, max_budget_nano_usd=2_000_000_000)
    assert (scope(alone, "team").models, scope(alone, "team").name) == (("gpt",), "Said")


@pytest.mark.parametrize(("stored", "said"), [(True, False), (False, True), (True, True)])
def test_a_team_is_blocked_by_either(*, stored: bool, said: bool) -> None:
    found = bound(Said(team_id="crew", team_blocked=said), team=STORED_TEAM | {"blocked": stored})
    assert scope(found, "team").blocked


def test_users_organisations_and_end_users() -> None:
    said = Said(
        user_id="alice",
        user_max_budget=1.0,
        user_rpm_limit=2,
        org_id="o",
        organization_tpm_limit=9,
        end_user_max_budget=0.5,
        end_user_rpm_limit=4,
    )
    found = bound(said)
    assert scope(found, "user").limits == Limits(max_budget_nano_usd=1_000_000_000, rpm_limit=2)
    assert scope(found, "organization").limits == Limits(tpm_limit=9)
    assert rates_of_user(said) == Limits(rpm_limit=2)
    assert limits_of_end_user(said) == Limits(max_budget_nano_usd=500_000_000, rpm_limit=4)


def test_a_time_without_zone_is_utc() -> None:
    assert epoch_us(None) is None
    assert epoch_us(dt.datetime(1970, 1, 1, 0, 0, 1)) == 1_000_000  # noqa: DTZ001 - as LiteLLM's files write it
    assert epoch_us(dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=dt.timezone(dt.timedelta(seconds=-1)))) == 2_000_000


@pytest.mark.parametrize(
    "said",
    [
        Said(model_max_budget={"a": said_of({"model_max_budget": {"a": {"time_period": "1d"}}}).model_max_budget["a"]}),  # type: ignore[index]
        Said(metadata={"model_rpm_limit": {"a": "many"}}),
        Said(metadata={"model_tpm_limit": ["a"]}),
    ],
    ids=["no amount", "no number", "no mapping"],
)
def test_a_limit_that_cannot_be_meant_is_refused(said: Said) -> None:
    with pytest.raises(MalformedAnswer):
        key_row(said, "shown")


def test_metadata_must_be_json() -> None:
    with pytest.raises(MalformedAnswer, match="JSON"):
        bound(Said(team_id="crew", team_metadata={"a": object()}))

from __future__ import annotations

import datetime as dt
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel

from sekisho.identity.custom.answer import NOT_KEPT, MalformedAnswer, Said, said_of
from sekisho.identity.keys import token_hash
from sekisho.plugins import UserAPIKeyAuth, UserRole


class OfPydantic(BaseModel):
    """As LiteLLM's own class is."""

    user_id: str | None = None
    user_role: UserRole | None = None
    spend: float = 0.0
    models: list[str] = []
    metadata: dict[str, Any] = {}


@pytest.mark.parametrize(
    "answer",
    [
        UserAPIKeyAuth(user_id="alice", user_role=UserRole.INTERNAL_USER),
        {"user_id": "alice", "user_role": "internal_user", "team_id": None},
        SimpleNamespace(user_id="alice", user_role=UserRole.INTERNAL_USER),
        OfPydantic(user_id="alice", user_role=UserRole.INTERNAL_USER),
    ],
    ids=["ours", "a mapping", "any object", "pydantic"],
)
def test_one_way_to_say_it_is_as_good_as_another(answer: object) -> None:
    assert said_of(answer) == Said(user_id="alice", user_role="internal_user")


def test_a_key_is_kept_as_its_hash_only() -> None:
    said = said_of({"api_key": "sk-CANARY"})
    assert (said.api_key, said.token) == (None, token_hash("sk-CANARY"))
    assert said_of({"api_key": "sk-CANARY", "token": "ab" * 32}).token == "ab" * 32
    assert said_of({"token": "badge"}).token == token_hash("badge")


def test_times_are_texts_or_times() -> None:
    at = dt.datetime(2030, 1, 2, tzinfo=dt.UTC)
    assert said_of({"expires": "2030-01-02T00:00:00Z"}).expires == at
    assert said_of({"expires": at}).expires == at


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"max_budget": "CANARY"}, "max_budget"),
        ({"max_budget": -1}, "max_budget"),
        ({"max_budget": float("nan")}, "max_budget"),
        ({"rpm_limit": 1.5}, "rpm_limit"),
        ({"models": "CANARY"}, "models"),
        ({"expires": "CANARY"}, "expires"),
        ({"model_max_budget": {"m": {"CANARY": 1}}}, "model_max_budget"),
        ({"user_id": "x" * 300}, "user_id"),
        ({"team_id": "a\0b"}, "team_id"),
        ({"user_id": 7}, "user_id"),
        (7, "int"),
        ([], "list"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(answer: object, told: str) -> None:
    with pytest.raises(MalformedAnswer, match=told) as refused:
        said_of(answer)
    assert "CANARY" not in str(refused.value) or told == "model_max_budget", "a field's name, never a value"


@pytest.mark.parametrize("name", sorted(NOT_KEPT))
def test_a_restriction_that_is_not_kept_lets_nobody_in(name: str) -> None:
    with pytest.raises(MalformedAnswer, match=name):
        said_of({"user_id": "alice", name: ["eu"]})
    assert said_of({"user_id": "alice", name: None}) == Said(user_id="alice")


def test_what_means_nothing_here_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert said_of({"user_id": "alice", "favourite_colour": "CANARY"}) == Said(user_id="alice")
    assert caplog.text.count("favourite_colour") == 1
    assert "CANARY" not in caplog.text

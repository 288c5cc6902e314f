from __future__ import annotations

from typing import Any

import pytest

from sekisho.config.stored import STORED, read_stored
from sekisho.core.errors import MalformedRequest
from sekisho.core.secret import Secret

PARAMS = {"model": "openai/gpt-5", "api_key": "sk-p", "input_cost_per_token": 3e-06, "timeout": 5}


def test_a_model_is_read_as_the_file_would_be() -> None:
    entry = read_stored("id-1", "gpt", PARAMS, {"mode": "chat", "team": "x"})
    assert (entry.model_name, entry.params.model, entry.params.api_key) == ("gpt", "openai/gpt-5", Secret("sk-p"))
    assert str(entry.params.costs["input_cost_per_token"]) == "0.000003"
    assert (entry.info.id, entry.info.mode, entry.info.rest, entry.where) == ("id-1", "chat", {"team": "x"}, STORED)


def nested(depth: int) -> Any:
    return [nested(depth - 1)] if depth else 1


@pytest.mark.parametrize(
    ("name", "params", "param"),
    [
        ("gpt", {}, "litellm_params"),
        ("gpt", {"model": 5}, "litellm_params.model"),
        ("a*b*", PARAMS, "model_name"),
        ("gpt", PARAMS | {"timeout": "soon"}, "litellm_params.timeout"),
        ("gpt", PARAMS | {"api_key": "os.environ/OPENAI_API_KEY"}, "litellm_params"),
        ("gpt", PARAMS | {"extra": nested(60)}, "litellm_params"),
        ("gpt", PARAMS | {"litellm_credential_name": "c"}, "litellm_params.litellm_credential_name"),
    ],
)
def test_what_cannot_be_a_model_is_refused_by_name(name: str, params: dict[str, Any], param: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        read_stored("id-1", name, params, {})
    assert caught.value.info.param == param


def test_a_model_takes_from_its_credential_what_it_does_not_say_itself() -> None:
    credentials = {"c": {"api_key": "sk-shared", "api_base": "http://127.0.0.1:9"}, "d": {"api_key": "sk-other"}}
    params = {"model": "openai/gpt-5", "litellm_credential_name": "c"}
    entry = read_stored("id-1", "gpt", params, {}, credentials)
    assert (entry.params.api_key, entry.params.api_base) == (Secret("sk-shared"), "http://127.0.0.1:9")
    own = read_stored("id-1", "gpt", params | {"api_key": "sk-own"}, {}, credentials)
    assert own.params.api_key == Secret("sk-own")
    with pytest.raises(MalformedRequest):
        read_stored("id-1", "gpt", params, {}, {"c": {"api_key": "os.environ/OPENAI_API_KEY"}})

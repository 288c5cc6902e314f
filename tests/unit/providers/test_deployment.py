from __future__ import annotations

from pathlib import Path

import pytest

from sekisho.config.load import load_settings
from sekisho.providers.catalog import PROVIDERS
from sekisho.providers.deployment import Deployment, resolve_all
from tests.support.application import environment, write_config


def resolved(folder: Path, *entries: str, **variables: str) -> tuple[Deployment, ...]:
    text = "model_list:\n" + "".join(f"  - {{model_name: m, litellm_params: {{{entry}}}}}\n" for entry in entries)
    return resolve_all(load_settings(write_config(folder, text), environment() | variables))


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda row: row.name)
def test_every_row_of_the_catalog_serves(tmp_path: Path, provider: object) -> None:
    name = provider.name  # type: ignore[attr-defined]
    (one,) = resolved(tmp_path, f'model: {name}/x, api_base: "http://127.0.0.1:1", api_key: k')
    assert (one.provider, one.model, one.host, one.unusable) == (provider, "x", "127.0.0.1", None)


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ('model: anthropic/c, api_base: "http://h/v1/messages"', "http://h/v1/messages"),
        ('model: anthropic/c, api_base: "http://h/v1/"', "http://h/v1/messages"),
        ('model: anthropic/c, api_base: "http://h"', "http://h/v1/messages"),
        ('model: openai/c, api_base: "http://h/v1/chat/completions"', "http://h/v1/chat/completions"),
        ('model: openai/c, api_base: "http://h/v1"', "http://h/v1/chat/completions"),
        ("model: openai/c", "https://api.openai.com/v1/chat/completions"),
        ("model: c", "https://api.openai.com/v1/chat/completions"),
    ],
)
def test_an_address_may_be_written_in_several_ways(tmp_path: Path, entry: str, url: str) -> None:
    (one,) = resolved(tmp_path, entry + ", api_key: k")
    assert one.url(one.provider.dialects[0], "generate") == url


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("model: martian/x, api_key: k", "'martian'"),
        ("model: openai/x", "OPENAI_API_KEY"),
        ("model: hosted_vllm/x", "api_base"),
        ("model: openai/x, api_key: os.environ/NOT_SET", "NOT_SET"),
    ],
)
def test_what_cannot_be_used_is_kept_with_its_reason(tmp_path: Path, entry: str, reason: str) -> None:
    (one,) = resolved(tmp_path, entry)
    assert one.unusable is not None
    assert reason in one.unusable


def test_the_usual_variable_holds_the_key(tmp_path: Path) -> None:
    (one,) = resolved(tmp_path, "model: anthropic/x", ANTHROPIC_API_KEY="sk-canary")
    assert one.authority.headers("POST", "", b"", {}) == {"x-api-key": "sk-canary"}
    assert "canary" not in repr(one)


@pytest.mark.parametrize(
    ("entry", "caller", "dialect"),
    [
        ("model: openai/gpt-5", "openai-chat", "openai-chat"),
        ("model: openai/gpt-5", "openai-responses", "openai-responses"),
        ("model: openai/gpt-5", "anthropic-messages", "openai-responses"),
        ("model: openai/gpt-4.1", "anthropic-messages", "openai-chat"),
        ("model: openai/responses/gpt-4.1", "openai-chat", "openai-responses"),
        ("model: openai/gpt-5, use_chat_completions_api: true", "openai-responses", "openai-chat"),
        ('model: hosted_vllm/gpt-5, api_base: "http://h"', "anthropic-messages", "openai-chat"),
        ("model: anthropic/claude", "openai-chat", "anthropic-messages"),
    ],
)
def test_which_api_a_caller_is_served_by(tmp_path: Path, entry: str, caller: str, dialect: str) -> None:
    (one,) = resolved(tmp_path, entry + ", api_key: k")
    assert one.dialect_for(caller, frozenset()) == dialect


def test_entries_that_differ_in_their_key_only_are_told_apart(tmp_path: Path) -> None:
    first, second = resolved(tmp_path, "model: openai/x, api_key: a", "model: openai/x, api_key: b")
    assert second.id == f"{first.id}-2"

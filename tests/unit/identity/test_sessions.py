from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.identity.sessions import SessionReader
from sekisho.identity.signals import shipped_signals
from sekisho.wire.json_edit import JsonObject

READER = SessionReader(shipped_signals())
UUID = "0dd1e787-9616-4f03-9c9d-c10a62808f31"
OTHER = "5866a791-dddd-4a2a-9062-bac7696a16ab"


def session(headers: dict[str, str] | None = None, tool: str = "unknown", **body: Any) -> str | None:
    return READER.read(headers or {}, JsonObject(msgspec.json.encode(body)).values, tool)


@pytest.mark.parametrize(
    "header", ["x-claude-code-session-id", "session-id", "session_id", "x-session-id", "thread-id", "conversation_id"]
)
def test_a_session_header_is_read(header: str) -> None:
    assert session({header: UUID}) == UUID


def test_metadata_of_claude_code_is_read_in_both_forms() -> None:
    text = msgspec.json.encode({"device_id": "d" * 64, "account_uuid": "", "session_id": UUID}).decode()
    assert session(metadata={"user_id": text}) == UUID
    assert session(metadata={"user_id": f"user_{'d' * 64}_account__session_{UUID}"}) == UUID


def test_client_metadata_is_read() -> None:
    assert session(client_metadata={"session_id": UUID, "thread_id": OTHER}) == UUID
    assert session(client_metadata={"thread_id": OTHER}) == OTHER


def test_a_cache_key_counts_where_it_has_the_form_of_a_session() -> None:
    assert session(prompt_cache_key=UUID) == UUID
    assert session(prompt_cache_key=f"qwen-code:{UUID}") == UUID
    assert session(prompt_cache_key="ses_e02d0b165ffeR7YLRgyIaH5p3s") == "ses_e02d0b165ffeR7YLRgyIaH5p3s"
    assert session(prompt_cache_key="my-app-v3") is None


def test_copilot_has_a_form_of_its_own_that_is_no_session_elsewhere() -> None:
    key = "36359db872b9dda1229f5f82c1c3aaf3"
    assert session(tool="copilot-cli", prompt_cache_key=key) == key
    assert session(tool="openai-python", prompt_cache_key=key) is None


def test_headers_beat_the_body() -> None:
    assert session({"x-session-id": OTHER}, prompt_cache_key=UUID) == OTHER


def test_a_side_request_stays_in_its_session() -> None:
    assert session({"x-session-id": "title-ses_e0241e23fffeMPJgM8rJIXx53a"}) == "ses_e0241e23fffeMPJgM8rJIXx53a"
    assert session({"x-session-id": "title-"}) is None


@pytest.mark.parametrize("value", ["", "two words", "tab\there", "ünïcode", "x" * 129])
def test_a_header_of_another_form_is_no_session(value: str) -> None:
    assert session({"x-session-id": value}) is None


@pytest.mark.parametrize(
    "body",
    [
        {"metadata": None},
        {"metadata": "text"},
        {"metadata": {"user_id": 7}},
        {"metadata": {"user_id": "alice@example.com"}},
        {"client_metadata": [UUID]},
        {"client_metadata": {"session_id": "with space"}},
        {"prompt_cache_key": {"a": 1}},
        {"metadata": {"user_id": f"_session_{UUID}", "padding": "x" * 20_000}},
    ],
)
def test_other_values_are_no_session(body: dict[str, Any]) -> None:
    assert session(**body) is None

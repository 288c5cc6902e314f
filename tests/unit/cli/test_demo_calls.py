from __future__ import annotations

import pytest

from sekisho.cli.demo_calls import DemoCall, ask_json, demo_calls, is_ready, streamed_text
from sekisho.core.errors import OperatorError
from sekisho.providers.fake.script import Script
from tests.support.ports import free_port
from tests.support.provider import provider

CALLS = demo_calls("claude-x", "gpt-x")


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.title)
def test_the_text_of_each_dialect(call: DemoCall) -> None:
    with provider(Script(text="a b c", thinking=True)) as fake:
        assert "".join(streamed_text(fake.url, "sk-x", call)) == "a b c"
        [request] = fake.app.book.requests
    assert (request.path, request.body["model"]) == (call.path, call.body["model"])


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.title)
@pytest.mark.parametrize("script", [Script(status=401), Script(error_in_stream="overloaded", error_after=2)])
def test_a_failure_is_told_in_the_gateways_words(call: DemoCall, script: Script) -> None:
    with provider(script) as fake, pytest.raises(OperatorError, match=r"invalid x-api-key|verloaded"):
        list(streamed_text(fake.url, "sk-x", call))


def test_the_management_api() -> None:
    with provider() as fake:
        assert ask_json(fake.url, "sk-x", "GET", "/__count") == {"calls": {}}
        with pytest.raises(OperatorError, match="/nowhere answered 404"):
            ask_json(fake.url, "sk-x", "POST", "/nowhere", {})


def test_nobody_there_is_not_ready() -> None:
    assert not is_ready(f"http://127.0.0.1:{free_port()}")

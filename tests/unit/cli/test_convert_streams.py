from __future__ import annotations

import msgspec
import pytest
import typer
from typer.testing import CliRunner, Result

from sekisho.cli.convert import convert
from sekisho.wire.registry import BY_NAME
from tests.support.stations import body_of
from tests.support.wires import DIALECTS, USAGE, WORDS, counts, stream_body, text_of, whole_body

PAIRS = pytest.mark.parametrize(("source", "to"), [(source, to) for source in DIALECTS for to in DIALECTS])


def run(data: bytes, what: str, source: str, to: str, *more: str) -> Result:
    app = typer.Typer()
    app.command()(convert)
    return CliRunner().invoke(app, ["--what", what, "--from", source, "--to", to, *more], input=data)


@PAIRS
def test_a_request_reads_back_as_what_it_was(source: str, to: str) -> None:
    result = run(body_of(source), "request", source, to, "--model", "claude-sonnet-4-5")
    assert result.exit_code == 0, result.output
    made, meant = BY_NAME[to].decode_request(result.stdout_bytes), BY_NAME[source].decode_request(body_of(source))
    assert (made.model, made.stream, made.messages) == ("claude-sonnet-4-5", True, meant.messages)


@PAIRS
def test_a_reply_reads_back_as_what_it_was(source: str, to: str) -> None:
    result = run(whole_body(source), "reply", source, to)
    assert result.exit_code == 0, result.output
    made, meant = BY_NAME[to].decode_reply(result.stdout_bytes), BY_NAME[source].decode_reply(whole_body(source))
    assert (made.model, counts(made.usage), made.stop) == (meant.model, USAGE, meant.stop)
    assert [getattr(part, "text", None) for part in made.parts] == ["".join(WORDS)]


@PAIRS
def test_a_stream_says_the_same(source: str, to: str) -> None:
    result = run(stream_body(source), "stream", source, to)
    assert result.exit_code == 0, result.output
    assert text_of(to, result.stdout_bytes) == "".join(WORDS)
    watch = BY_NAME[to].stream_watch(False)
    watch.feed(result.stdout_bytes)
    assert (counts(watch.usage), watch.ended, watch.failed) == (USAGE, True, None)


@pytest.mark.parametrize(
    ("source", "to", "fields", "named"),
    [
        ("openai-chat", "anthropic-messages", {"n": 2}, "n"),
        ("openai-responses", "anthropic-messages", {"previous_response_id": "r"}, "previous_response_id"),
        ("anthropic-messages", "openai-chat", {"max_tokens": "many"}, "max_tokens"),
        ("openai-chat", "openai-responses", {"messages": 3}, "messages"),
    ],
)
def test_what_cannot_be_converted_ends_with_2_and_its_name(
    source: str, to: str, fields: dict[str, object], named: str
) -> None:
    body = msgspec.json.encode(msgspec.json.decode(body_of(source)) | fields)
    result = run(body, "request", source, to)
    assert (result.exit_code, result.stdout_bytes) == (2, b"")
    assert result.stderr.startswith(f"sekisho: {named}")
    assert "Traceback" not in result.output


def test_tuning_that_has_no_place_is_left_out_and_named() -> None:
    result = run(body_of("openai-chat", seed=3, temperature=0.5), "request", "openai-chat", "anthropic-messages")
    assert result.exit_code == 0
    assert msgspec.json.decode(result.stdout_bytes)["temperature"] == 0.5
    assert result.stderr == "sekisho: seed was left out: anthropic-messages has no place for it.\n"


@pytest.mark.parametrize("what", ["request", "reply"])
@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b"<html>"])
@PAIRS
def test_any_bytes_convert_or_end_with_2(what: str, data: bytes, source: str, to: str) -> None:
    result = run(data, what, source, to)
    assert (result.exit_code, result.stdout_bytes) == (2, b"")
    assert result.stderr.startswith("sekisho: ")


@PAIRS
def test_a_stream_that_is_none_fails_in_the_other_dialect_or_ends_with_2(source: str, to: str) -> None:
    for data in (b"", b"data: {\n\n", b"garbage", stream_body(source)[:300]):
        result = run(data, "stream", source, to)
        assert result.exit_code in (0, 2)
        if result.exit_code == 0:
            watch = BY_NAME[to].stream_watch(False)
            watch.feed(result.stdout_bytes)
            assert not watch.ended
            assert watch.failed is not None


@pytest.mark.parametrize(("source", "to"), [("morse", "openai-chat"), ("openai-chat", "morse")])
def test_an_unknown_dialect_is_told_with_those_there_are(source: str, to: str) -> None:
    result = run(b"{}", "request", source, to)
    assert result.exit_code == 2
    assert "'morse'" in result.stderr
    assert all(name in result.stderr for name in DIALECTS)


def test_what_must_be_one_of_three() -> None:
    assert run(b"{}", "morse", "openai-chat", "openai-chat").exit_code == 2

from __future__ import annotations

import pytest

from sekisho.providers.fake.script import Script, ScriptError, override, parse_directives, resolve_script


def test_directives_are_names_with_values_and_bare_switches() -> None:
    text = """Do it. [fake: chunks=3 text="two words ]" args='{"a": [1]}' thinking] and [fake: status=429]"""
    assert parse_directives(text) == {
        "chunks": "3",
        "text": "two words ]",
        "args": '{"a": [1]}',
        "thinking": "",
        "status": "429",
    }


def test_text_without_a_directive_asks_for_nothing() -> None:
    assert parse_directives("fake: chunks=3 [fake] [fakes: a=1]") == {}


def test_a_directive_that_does_not_parse_is_named() -> None:
    with pytest.raises(ScriptError, match="does not parse"):
        parse_directives(r"""[fake: text=a\]""")


def test_text_wins_over_query_over_headers_over_defaults() -> None:
    script = resolve_script(
        Script(chunks=1, delay_ms=1, status=500, pings=1),
        {"x-fake-chunks": "2", "x-fake-delay-ms": "2", "x-fake-status": "429", "user-agent": "x"},
        {"fake_chunks": "3", "fake_delay_ms": "3", "beta": "true"},
        "[fake: chunks=4]",
    )
    assert (script.chunks, script.delay_ms, script.status, script.pings) == (4, 3, 429, 1)


@pytest.mark.parametrize("name", ["cut", "reset", "stall", "garbage"])
def test_the_short_form_is_the_fault_at_once(name: str) -> None:
    script = override(Script(), {name: ""})
    assert getattr(script, f"{name}_after") == 0


@pytest.mark.parametrize(("asked", "named"), [({"chunks": "many"}, "chunks"), ({"chunk": "3"}, "chunk")])
def test_what_nobody_can_follow_is_named(asked: dict[str, str], named: str) -> None:
    with pytest.raises(ScriptError, match=named):
        override(Script(), asked)


def test_well_keeps_what_is_said_and_drops_every_fault() -> None:
    faulty = Script(text="hi", status=500, cut_after=1, error_in_stream="overloaded", html=True, no_done=True)
    assert faulty.well() == Script(text="hi")

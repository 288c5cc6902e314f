from __future__ import annotations

from sekisho.wire.carriers.betas import BEDROCK, VERTEX, sorted_out


def test_what_is_known_by_its_name_may_be_said_whatever_its_date() -> None:
    assert sorted_out(("interleaved-thinking-2031-01-01",), BEDROCK)[0] == ("interleaved-thinking-2031-01-01",)


def test_what_is_unknown_stays_behind_and_is_named() -> None:
    kept, dropped = sorted_out(("claude-code-20250219", "context-1m-2025-08-07", "new-thing-1"), BEDROCK)
    assert kept == ("context-1m-2025-08-07",)
    assert dropped == ("anthropic-beta.claude-code-20250219", "anthropic-beta.new-thing-1")


def test_a_word_twice_is_said_once() -> None:
    twice = ("computer-use-1", "x", "computer-use-1", "x")
    assert sorted_out(twice, VERTEX) == (("computer-use-1",), ("anthropic-beta.x",))


def test_a_feature_has_its_own_name_in_the_clouds() -> None:
    both = ("advanced-tool-use-2025-11-20", "tool-search-tool-2025-10-19")
    for known in (BEDROCK, VERTEX):
        assert sorted_out(both, known) == (("tool-search-tool-2025-10-19",), ())


def test_the_tables_are_in_order_and_hold_beginnings() -> None:
    for table in (BEDROCK, VERTEX):
        assert list(table) == sorted(set(table))
        assert all(start.endswith("-") for start in table)

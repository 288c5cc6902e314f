from __future__ import annotations

from sekisho.canonical.usage import Usage, word


def test_kinds_are_disjoint() -> None:
    usage = Usage(
        input_tokens=1,
        cache_read_tokens=10,
        cache_write_tokens=100,
        cache_write_1h_tokens=40,
        output_tokens=1000,
        reasoning_tokens=7,
    )
    assert usage.prompt_tokens == 111
    assert usage.total_tokens == 1111


def test_the_share_of_the_prompt_that_was_read_from_a_cache() -> None:
    assert Usage(input_tokens=1, cache_read_tokens=2, cache_write_tokens=1).cache_hit_share == 0.5
    assert Usage(output_tokens=5).cache_hit_share is None


def test_a_sum_is_served_as_its_second_part_was() -> None:
    first = Usage(input_tokens=1, output_tokens=2, service_tier="flex")
    assert first.plus(Usage(input_tokens=3, service_tier="priority")) == Usage(
        input_tokens=4, output_tokens=2, service_tier="priority"
    )


def test_only_text_is_a_word() -> None:
    assert (word("flex"), word(None), word({"type": "flex"})) == ("flex", None, None)

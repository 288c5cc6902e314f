from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sekisho.limits.estimate import UNBOUNDED_OUTPUT_TOKENS, Estimator

MODEL = "claude-test"


def taught(*calls: tuple[int, int, int]) -> Estimator:
    estimator = Estimator()
    for body_bytes, prompt, output in calls:
        estimator.learn(MODEL, body_bytes, prompt, output)
    return estimator


def test_before_anything_is_known_the_input_is_assumed_dense() -> None:
    assert Estimator().input_tokens(MODEL, 0) == 256
    assert Estimator().input_tokens(MODEL, 100_000) == 40_256


def test_input_is_a_tenth_above_the_most_that_was_seen() -> None:
    estimator = taught(*[(100_000, 25_000, 1)] * 15, (100_000, 30_000, 1))
    assert estimator.input_tokens(MODEL, 200_000) == 66_001


def test_small_bodies_teach_nothing_about_large_ones() -> None:
    """A short question carries as many added tokens as a long one."""
    estimator = taught(*[(200, 400, 10)] * 20)
    assert estimator.input_tokens(MODEL, 100) == 221
    assert estimator.input_tokens(MODEL, 100_000) == 40_256


def test_old_samples_leave() -> None:
    estimator = taught((1_000_000, 900_000, 1), *[(1_000_000, 250_000, 1)] * 256)
    assert estimator.input_tokens(MODEL, 1_000_000) == 275_001


def test_hard_reserves_all_that_is_allowed() -> None:
    estimator = taught(*[(1_000, 300, 50)] * 100)
    assert estimator.output_tokens(MODEL, 32_000, "hard") == 32_000
    assert estimator.output_tokens(MODEL, None, "hard") == UNBOUNDED_OUTPUT_TOKENS


def test_expected_reserves_what_answers_usually_take() -> None:
    estimator = taught(*[(1_000, 300, output) for output in range(1, 101)])
    assert estimator.output_tokens(MODEL, 32_000, "expected") == 100
    assert estimator.output_tokens(MODEL, 20, "expected") == 20
    assert estimator.output_tokens("another", 32_000, "expected") == 2_048
    assert estimator.output_tokens("another", None, "expected") == 2_048


def test_what_was_not_counted_teaches_nothing() -> None:
    estimator = taught(*[(0, 300, 0)] * 50, *[(1_000, 0, 0)] * 50)
    assert estimator.input_tokens(MODEL, 1_000) == 656
    assert estimator.output_tokens(MODEL, 32_000, "expected") == 2_048


def test_models_are_bounded() -> None:
    estimator = Estimator()
    for number in range(1_200):
        estimator.learn(f"model-{number}", 10, 10, 10)
    assert len(estimator._models) == 1_000


@given(st.lists(st.tuples(st.integers(8_192, 65_535), st.integers(1, 60_000)), min_size=16, max_size=300))
def test_no_recent_call_of_the_size_took_more_than_would_be_reserved(calls: list[tuple[int, int]]) -> None:
    estimator = taught(*[(size, tokens, 1) for size, tokens in calls])
    assert all(estimator.input_tokens(MODEL, size) >= tokens for size, tokens in calls[-256:])


def test_pictures_make_no_later_text_cheap() -> None:
    estimator = Estimator()
    for _ in range(300):
        estimator.learn(MODEL, 100_000, 1_600, 10)
    assert estimator.input_tokens(MODEL, 100_000) == 25_001

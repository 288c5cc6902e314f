from __future__ import annotations

import logging

import pytest

from sekisho.config.model import LitellmParams
from sekisho.core.clock import FakeClock
from sekisho.core.errors import ErrorClass
from sekisho.core.secret import Secret
from sekisho.routing import board as module
from sekisho.routing.board import Board, Flight, credential_of
from sekisho.routing.breaker import Cooldown
from tests.support.routes import deployment, error

RULE = Cooldown(seconds=5)
ONE = deployment("m", "a", rpm=10)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def board(clock: FakeClock) -> Board:
    return Board(clock)


def begin(board: Board, tokens: int = 100, *, streams: bool = True) -> Flight:
    return board.begin(ONE, tokens, streams=streams)


def test_a_flight_is_counted_until_it_ends_once(board: Board) -> None:
    standing = board.standing(ONE)
    flights = [begin(board) for _ in range(3)]
    assert (standing.in_flight, standing.minute.used(board.now_us())) == (3, (3, 300))
    for _ in range(2):
        board.succeeded(flights[0], 40, 5)
        board.failed(flights[1], error(ErrorClass.OVERLOADED), RULE)
        board.left(flights[2])
    assert (standing.in_flight, standing.silent) == (0, {})
    assert standing.minute.used(board.now_us()) == (3, 240), "an exact count takes the estimate's place"


def test_pace_is_measured_by_what_the_call_was(board: Board, clock: FakeClock) -> None:
    standing = board.standing(ONE)
    stream, whole = begin(board), begin(board, streams=False)
    clock.advance(2)
    board.answered(stream)
    board.answered(whole)
    clock.advance(8)
    board.succeeded(stream, 100, 50)
    board.succeeded(whole, 100, 50)
    assert standing.to_first.seconds(board.now_us(), 10**9) == pytest.approx(2)
    assert standing.per_token.seconds(board.now_us(), 10**9) == pytest.approx(0.2)


def test_what_decides_nothing_is_not_measured(board: Board) -> None:
    flight = board.begin(ONE, 100, streams=True, measured=False)
    board.answered(flight)
    board.succeeded(flight, 100, 50)
    standing = board.standing(ONE)
    assert (standing.in_flight, standing.minute.used(board.now_us())) == (0, (0, 0))
    assert standing.to_first.seconds(board.now_us(), 10**9) is None


def test_a_stream_that_is_silent_for_unusually_long_raises_doubts(board: Board, clock: FakeClock) -> None:
    standing = board.standing(ONE)
    flight = begin(board)
    clock.advance(4.9)
    assert not standing.doubtful(board.now_us())
    clock.advance(0.1)
    assert standing.doubtful(board.now_us())
    board.answered(flight)
    assert not standing.doubtful(board.now_us())
    begin(board)
    clock.advance(19)
    assert not standing.doubtful(board.now_us()), "it usually takes five seconds"
    clock.advance(2)
    assert standing.doubtful(board.now_us())


def test_cooldown_and_recovery_are_told_without_secrets(
    board: Board, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    board.failed(begin(board), error(ErrorClass.RATE_LIMITED, 5), RULE)
    standing = board.standing(ONE)
    assert not standing.lets(board.now_us())
    assert standing.back_us(board.now_us()) == board.now_us() + 5_000_000
    clock.advance(5)
    probe = begin(board)
    assert not standing.lets(board.now_us())
    assert standing.back_us(board.now_us()) == board.now_us() + 1_000_000
    board.answered(probe)
    assert standing.lets(board.now_us())
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        "deployment cools down for 5 s (rate_limited, status 429): m (a, openai at a.test)",
        "deployment is back: m (a, openai at a.test)",
    ]


def test_a_refused_credential_shuts_off_all_that_use_it(board: Board) -> None:
    same_key = deployment("n", "b", "openai/gpt-5", api_base="http://a.test/v1")
    other_key = deployment("n", "c", "openai/gpt-5", api_base="http://a.test/v1", api_key=Secret("sk-y"))
    for kind in (ErrorClass.UPSTREAM_CREDENTIAL, ErrorClass.QUOTA_EXHAUSTED):
        fresh = Board(FakeClock())
        fresh.failed(fresh.begin(ONE, 1, streams=True), error(kind), RULE)
        lets = [fresh.standing(one).lets(fresh.now_us()) for one in (ONE, same_key, other_key)]
        assert lets == [False, False, True]
    board.failed(begin(board), error(ErrorClass.UPSTREAM_CREDENTIAL), RULE, model_only=True)
    assert [board.standing(one).lets(board.now_us()) for one in (ONE, same_key)] == [False, True]


def test_whoever_is_called_as_the_same_party_shares_a_credential() -> None:
    same = deployment("x", "b", "openai/other", api_base=ONE.base_url, timeout_seconds=3)
    assert credential_of(ONE) == credential_of(same)
    assert credential_of(ONE) != credential_of(deployment("m", "c"))
    role = LitellmParams(model="x", rest={"aws_role_name": "r", "temperature": 1})
    assert module._credential_parts(role) == [("aws_role_name", "r")]
    mapping = deployment("m", "v", rest={"azure_username": ["odd"]})
    assert credential_of(mapping) == "v", "what cannot be compared is its own"


def test_the_probe_of_a_credential_is_let_go_when_something_else_fails(board: Board, clock: FakeClock) -> None:
    board.failed(begin(board), error(ErrorClass.UPSTREAM_CREDENTIAL), RULE)
    clock.advance(60)
    probe = begin(board)
    assert not board.standing(ONE).lets(board.now_us())
    board.failed(probe, error(ErrorClass.INVALID_REQUEST), RULE)
    assert board.standing(ONE).lets(board.now_us())
    board.left(begin(board))
    assert board.standing(ONE).lets(board.now_us())


def test_a_reload_keeps_what_is_configured_as_before(board: Board) -> None:
    board.failed(begin(board), error(ErrorClass.UPSTREAM_CREDENTIAL), RULE)
    board.keep([deployment("m", "a", rpm=10)])
    assert not board.standing(ONE).lets(board.now_us())
    rotated = deployment("m", "a", rpm=10, api_key=Secret("sk-fresh"))
    board.keep([rotated])
    assert board.standing(rotated).lets(board.now_us())
    assert not board._credentials.keys() - {credential_of(rotated)}


def test_names_without_end_do_not_fill_the_memory(clock: FakeClock) -> None:
    board = Board(clock, remembered=10)
    star = deployment("*", "s", "openai/*")
    busy = board.begin(star.concrete("busy"), 1, streams=True)
    board.failed(board.begin(star.concrete("cooling"), 1, streams=True), error(ErrorClass.RATE_LIMITED, 5), RULE)
    for number in range(100):
        board.left(board.begin(star.concrete(f"name-{number}"), 1, streams=True))
    assert len(board._standings) <= 11
    assert board.standing(star.concrete("busy")) is busy.standing
    assert not board.standing(star.concrete("cooling")).lets(board.now_us())

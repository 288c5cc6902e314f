from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorClass, ErrorInfo
from sekisho.exchange.call import Call, read_ask
from sekisho.exchange.gateway import Gateway
from sekisho.exchange.meter import cost_of, estimated_tokens, intent_of, row_of, usage_of
from sekisho.exchange.passage import WholeReply
from sekisho.ledger.rates import Phase, Price, Rates
from sekisho.limits.estimate import Estimator
from sekisho.limits.limiter import line_at
from sekisho.limits.rule import Measure, Rule
from tests.support.caller import Caller
from tests.support.stations import ScriptedTransport, Stage, body_of, deployment

COSTS = {"input_cost_per_token": Decimal("0.000001"), "output_cost_per_token": Decimal("0.000002")}
#: 40 bytes: 10 tokens by the estimate.
BODY = b'{"model":"m","stream":false,"x":"12345"}'

counts = st.integers(0, 1_000)
usages = st.builds(Usage, input_tokens=counts, cache_read_tokens=counts, output_tokens=counts)


def sent(stage: Stage, **changes: Any) -> tuple[Call, Gateway]:
    """A call that is on its way to a provider."""
    one = changes.pop("one", deployment(costs=COSTS))
    gateway = stage.gateway(one, transport=ScriptedTransport([], []))
    asked = {name: changes.pop(name) for name in ("headers", "operation") if name in changes}
    call = stage.call(Caller(), "openai-chat", BODY, **asked)
    call.ask = read_ask(call.body)
    call.principal = stage.keys.master
    call.deployment, call.upstream_dialect, call.attempts, call.reached_provider = one, "openai-chat", 1, True
    for name, value in changes.items():
        setattr(call, name, value)
    return call, gateway


@pytest.mark.parametrize(("size", "tokens"), [(0, 0), (1, 1), (4, 1), (5, 2)])
def test_an_estimate_is_rounded_up(size: int, tokens: int) -> None:
    assert estimated_tokens(size) == tokens


def test_what_the_provider_counted_is_booked(stage: Stage) -> None:
    usage = Usage(input_tokens=10, output_tokens=5)
    call, gateway = sent(stage, facts=WholeReply(usage, "served", 400))
    assert usage_of(call, stage.limiting.estimator) == (usage, True)
    row = row_of(call, gateway)
    assert (row.cost_nano_usd, row.usage_complete, row.status) == (20_000, True, "success")
    assert cost_of(call, gateway) == 20_000
    assert (row.served_model, row.routed_model, row.requested_model) == ("served", "gpt-4.1-mini", "m")
    assert (row.api_base, row.provider, row.deployment_id) == ("provider.test", "openai", call.sent_to.id)


@given(seen=st.none() | usages, text_bytes=st.integers(0, 10_000), finished=st.booleans())
def test_never_below_what_was_seen(stage: Stage, seen: Usage | None, text_bytes: int, *, finished: bool) -> None:
    call, gateway = sent(stage, facts=WholeReply(seen, None, text_bytes, finished))
    usage, complete = usage_of(call, stage.limiting.estimator)
    counted = seen is not None and seen.prompt_tokens > 0 and (seen.output_tokens > 0 or text_bytes == 0)
    assert complete == (finished and counted)
    if complete:
        assert usage == seen
    else:
        assert usage.output_tokens >= max(estimated_tokens(text_bytes), seen.output_tokens if seen else 0)
        assert usage.prompt_tokens >= (seen.prompt_tokens if seen else estimated_tokens(len(BODY)))
        assert usage.prompt_tokens > 0
    if seen is not None:
        assert (row_of(call, gateway).cost_nano_usd or 0) >= gateway.rates(call.sent_to).cost_nano_usd(seen)  # type: ignore[union-attr]


def test_the_price_is_that_of_the_time_when_the_call_began(stage: Stage) -> None:
    call, gateway = sent(stage, facts=WholeReply(Usage(input_tokens=1_000_000), None, 0))
    phases = Phase(sheet={"input": Price(5)}), Phase(sheet={"input": Price(7)}, from_us=call.started_us + 1)
    stage.clock.advance(10)
    rates = Rates.of("v", {"standard": phases}, stage.clock)
    assert row_of(call, msgspec.structs.replace(gateway, rates=lambda _: rates)).cost_nano_usd == 5


def test_a_stream_cut_before_it_was_answered_is_booked_at_its_input(stage: Stage) -> None:
    call, gateway = sent(stage)
    call.ask = msgspec.structs.replace(call.asked, stream=True)
    row = row_of(call, gateway)
    assert row.cost_nano_usd == estimated_tokens(len(BODY)) * 1_000
    assert not row.usage_complete


@pytest.mark.parametrize(("said", "tokens"), [(b"", 2_048), (b',"max_tokens":7', 7), (b',"max_tokens":7,"n":2', 14)])
def test_an_answer_in_one_piece_is_made_before_it_is_cut(stage: Stage, said: bytes, tokens: int) -> None:
    call, _ = sent(stage)
    call.ask = read_ask(BODY.replace(b"}", said + b"}"))
    usage, complete = usage_of(call, Estimator())
    assert (usage.input_tokens, usage.output_tokens, complete) == (10, tokens, False)


@pytest.mark.parametrize("changes", [{"reached_provider": False}, {"deployment": None}, {"operation": "count_tokens"}])
def test_what_no_provider_bills_costs_nothing(stage: Stage, changes: dict[str, Any]) -> None:
    call, gateway = sent(stage, **changes)
    row = row_of(call, gateway)
    assert (row.cost_nano_usd, row.input_tokens, row.usage_complete) == (0, 0, True)


def test_an_unknown_price_is_none(stage: Stage) -> None:
    one = deployment("custom_openai/nobody-knows", base_url="http://provider.test")
    call, gateway = sent(stage, one=one, facts=WholeReply(Usage(input_tokens=1), None, 0))
    row = row_of(call, gateway)
    assert (row.cost_nano_usd, row.price_version, row.input_tokens) == (None, None, 1)
    assert cost_of(call, gateway) is None
    assert intent_of(call, gateway).estimate_nano_usd is None


@pytest.mark.parametrize("streams", [False, True])
def test_the_intent_counts_an_answer_of_which_a_killed_gateway_could_not_say_how_much_was_made(
    stage: Stage, *, streams: bool
) -> None:
    call, gateway = sent(stage, one=deployment(costs=COSTS))
    call.ask = msgspec.structs.replace(call.asked, stream=streams)
    intent = intent_of(call, gateway)
    assert intent.estimated_output_tokens > 0
    tokens = intent.estimated_input_tokens, 2 * intent.estimated_output_tokens
    assert intent.estimate_nano_usd == sum(tokens) * 1_000


def test_the_intent_counts_no_more_than_was_reserved(stage: Stage) -> None:
    call, gateway = sent(stage, one=deployment("custom_openai/taught", base_url="http://provider.test", costs=COSTS))
    before = intent_of(call, gateway)
    rule = Rule(scope_kind="key", scope_id="k", measure=Measure.REQUESTS, limit=1)
    call.output_limit, call.prompt_limit, call.reserved = 20, 3, [line_at(rule, 1, 0)]
    for _ in range(16):
        gateway.limiting.estimator.learn(call.sent_to.model, len(BODY), 1, 1_000)
    intent = intent_of(call, gateway)
    assert intent.estimated_output_tokens == 20
    assert intent.estimated_input_tokens == 3 < before.estimated_input_tokens


def test_the_intent_is_an_estimate_of_the_input(stage: Stage) -> None:
    call, gateway = sent(stage, headers={"x-client-request-id": "c1", "x-litellm-spend-logs-metadata": '{"a":1}'})
    intent = intent_of(call, gateway)
    assert intent.estimated_input_tokens == estimated_tokens(len(BODY))
    row = row_of(call, gateway)
    for name in intent.__struct_fields__:
        if name in row.__struct_fields__:
            assert getattr(row, name) == getattr(intent, name), name
    assert (intent.client_request_id, intent.spend_logs_metadata, intent.key_hash, intent.stream) == (
        "c1",
        '{"a":1}',
        stage.keys.master.key_hash,
        False,
    )


@pytest.mark.parametrize(
    ("kind", "complete", "status"),
    [(ErrorClass.RATE_LIMITED, True, "failure"), (ErrorClass.CLIENT_CLOSED, False, "incomplete")],
)
def test_a_failed_call_says_so(stage: Stage, kind: ErrorClass, status: str, *, complete: bool) -> None:
    call, gateway = sent(stage, reached_provider=not complete)
    call.error = ErrorInfo(error_class=kind, message="CANARY", status=429, code="slow")
    row = row_of(call, gateway)
    assert (row.status, row.error_class, row.http_status, row.usage_complete) == (status, kind.value, 429, complete)


@pytest.mark.parametrize("kind", list(ErrorClass))
def test_a_providers_own_words_are_not_kept(stage: Stage, kind: ErrorClass) -> None:
    """They may quote the prompt. Words are kept only of classes that no provider's answer has."""
    own = {ErrorClass.AUTHENTICATION, ErrorClass.CLIENT_CLOSED, ErrorClass.UNSUPPORTED_FEATURE}
    call, gateway = sent(stage)
    call.error = ErrorInfo(error_class=kind, message="CANARY", status=400, code="x")
    detail = row_of(call, gateway).error_detail
    assert detail is not None
    assert ("CANARY" in detail) == (kind in own)


def test_a_call_that_never_began_has_a_row_too(stage: Stage) -> None:
    gateway = stage.gateway(deployment(), transport=ScriptedTransport([], []))
    call = stage.call(Caller(), "openai-responses", body_of("openai-responses"))
    call.error = ErrorInfo(error_class=ErrorClass.TOO_LARGE, message="x", status=413)
    row = row_of(call, gateway)
    assert (row.status, row.http_status, row.cost_nano_usd, row.attempts) == ("failure", 413, 0, 0)
    assert (row.dialect, row.operation, row.key_hash) == ("openai-responses", "generate", None)


@pytest.mark.parametrize(
    ("asked", "said", "booked"),
    [
        (b"", None, None),
        (b'"flex"', None, "flex"),
        (b'"auto"', "priority", "priority"),
        (b'"' + b"x" * 99 + b'"', None, "x" * 40),
    ],
)
def test_how_a_call_was_served_is_booked(stage: Stage, asked: bytes, said: str | None, booked: str | None) -> None:
    usage = Usage(input_tokens=10, service_tier=said, inference_geo="us")
    call, gateway = sent(stage, facts=WholeReply(usage, "served", 400))
    if asked:
        call.ask = read_ask(b'{"model":"m","service_tier":' + asked + b"}")
    intent = intent_of(call, gateway)
    row = row_of(call, gateway)
    assert intent.service_tier == (booked if said is None else "auto")
    assert (row.service_tier, row.inference_geo) == (booked, "us")

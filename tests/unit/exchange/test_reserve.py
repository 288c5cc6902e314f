"""Room under limits: taken before an attempt, settled after the call.

In: scopes with limits that bind every call, scripted providers, prices. Out: what was refused, shortened and counted.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from sekisho.config.model import DatedPrices, InjectionPoint, MarkControl
from sekisho.core.money import NANO_PER_USD
from sekisho.exchange.call import PathSays
from sekisho.ledger.rows import to_columns
from sekisho.store.limits import BudgetWindow
from tests.support.stations import Outcome, Script, Stage, deployment, refusal, speaking, whole
from tests.support.wires import DIALECTS, stream_body, whole_body

pytestmark = pytest.mark.usefixtures("unbound")

GOOD = Script([stream_body("openai-chat")])
#: A dollar a thousand tokens of either kind.
DEAR = {"input_cost_per_token": Decimal("0.001"), "output_cost_per_token": Decimal("0.001")}
CHEAP = {"input_cost_per_token": Decimal("0.0000001"), "output_cost_per_token": Decimal("0.0000001")}
FREE = {"input_cost_per_token": Decimal(0), "output_cost_per_token": Decimal(0)}
CLAUDE_CODE = {"user-agent": "claude-cli/2.1.0 (external, cli)", "x-app": "cli"}


async def used(stage: Stage) -> list[int]:
    """What is used of each rule of the scope that binds everybody."""
    [scope] = stage.limiting.everybody
    rules = stage.limiting.rulebook.of(scope)
    return await stage.limiting.limiter.used(rules, stage.clock.now_us())


def error_of(done: Outcome) -> dict[str, Any]:
    """What the caller was told."""
    error: dict[str, Any] = done.caller.json["error"]
    return error


async def test_without_limits_nothing_is_held(stage: Stage) -> None:
    done = await stage.carry(GOOD)
    assert (done.caller.status, done.call.reserved, done.call.output_limit) == (200, (), None)


async def test_a_budget_is_used_by_what_the_call_cost(stage: Stage) -> None:
    stage.bind(max_budget_nano_usd=1_000 * NANO_PER_USD)
    done = await stage.carry(GOOD, to=[deployment(costs=DEAR)])
    assert done.caller.status == 200
    assert done.row.cost_nano_usd
    assert await used(stage) == [done.row.cost_nano_usd]


async def test_an_exhausted_budget_sends_nothing(stage: Stage) -> None:
    stage.bind(max_budget_nano_usd=1, budget_duration="1mo")
    done = await stage.carry(to=[deployment(costs=DEAR)])
    error = error_of(done)
    assert (done.caller.status, error["type"], error["code"]) == (429, "budget_exceeded", "budget_exceeded")
    assert (done.requests, done.intents, done.row.error_class) == ([], [], "budget_exceeded")
    assert "team 'Red' is 0.000000001 USD in 1mo" in error["message"]
    assert "resets at 20" in error["message"]
    assert done.caller.headers["x-should-retry"] == "false"
    assert "retry-after" not in done.caller.headers
    assert await used(stage) == [0]


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_coding_agent_hears_of_it_as_a_fault_of_its_request(stage: Stage, dialect: str) -> None:
    stage.bind(max_budget_nano_usd=0)
    done = await stage.carry(to=[deployment(costs=DEAR)], dialect=dialect, headers=CLAUDE_CODE)
    assert done.caller.status == 400
    assert "Budget has been exceeded! The budget of team 'Red' is 0 USD." in error_of(done)["message"]


async def test_the_status_for_others_is_the_operators_choice(stage: Stage) -> None:
    stage.bind(max_budget_nano_usd=0)
    stage.limiting = msgspec.structs.replace(stage.limiting, budget_status=400)
    assert (await stage.carry(to=[deployment(costs=DEAR)])).caller.status == 400


@pytest.mark.parametrize("upstream", DIALECTS)
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_an_answer_is_cut_to_what_there_is_room_for(stage: Stage, dialect: str, upstream: str) -> None:
    stage.bind(max_budget_nano_usd=20 * NANO_PER_USD)
    limit: dict[str, Any] = {"max_output_tokens" if dialect == "openai-responses" else "max_tokens": 30_000}
    script = Script([stream_body(upstream)])
    done = await stage.carry(script, to=[speaking(upstream, costs=DEAR)], dialect=dialect, **limit)
    sent = msgspec.json.decode(done.requests[0].body)
    [cap] = [sent[name] for name in ("max_tokens", "max_completion_tokens", "max_output_tokens") if name in sent]
    assert done.caller.status == 200
    assert 1_024 <= cap < 20_000
    assert done.caller.headers["x-sekisho-max-tokens"] == str(cap)


async def test_no_answer_is_cut_below_the_floor(stage: Stage) -> None:
    stage.bind(max_budget_nano_usd=NANO_PER_USD)
    stage.limiting = msgspec.structs.replace(stage.limiting, floor_tokens=900)
    done = await stage.carry(to=[deployment(costs=DEAR)], max_tokens=30_000)
    assert (done.caller.status, error_of(done)["code"]) == (429, "budget_exceeded")


async def test_no_answer_is_cut_below_what_its_thinking_takes(stage: Stage) -> None:
    stage.bind(max_budget_nano_usd=20 * NANO_PER_USD)
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 9_000}}
    asked = {
        "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
        "inferenceConfig": {"maxTokens": 30_000},
        "additionalModelRequestFields": thinking,
    }
    done = await stage.carry(
        whole(msgspec.json.decode(whole_body("openai-chat"))),
        to=[deployment(costs=DEAR)],
        dialect="bedrock-converse",
        path=PathSays(model="m", stream=False),
        body=msgspec.json.encode(asked),
    )
    assert (done.caller.status, done.caller.headers["x-sekisho-max-tokens"]) == (200, "9001")


async def test_a_short_answer_needs_no_floor(stage: Stage) -> None:
    stage.bind(max_budget_nano_usd=NANO_PER_USD)
    done = await stage.carry(GOOD, to=[deployment(costs=DEAR)], max_tokens=30)
    assert (done.caller.status, "x-sekisho-max-tokens" in done.caller.headers) == (200, False)


async def test_an_expected_answer_needs_not_room_for_all_that_is_allowed(stage: Stage) -> None:
    stage.bind(max_budget_nano_usd=4 * NANO_PER_USD, mode="expected")
    done = await stage.carry(GOOD, to=[deployment(costs=DEAR)], max_tokens=30_000)
    assert (done.caller.status, done.call.output_limit) == (200, None)


async def test_requests_of_a_minute(stage: Stage) -> None:
    stage.bind(rpm_limit=1)
    assert (await stage.carry(GOOD)).caller.status == 200
    done = await stage.carry()
    assert (done.caller.status, error_of(done)["code"]) == (429, "rate_limit_exceeded")
    assert "team 'Red': 1 requests a minute, of which 1 are used" in error_of(done)["message"]
    assert 1 <= int(done.caller.headers["retry-after"]) <= 60
    stage.clock.advance(60)
    assert (await stage.carry(GOOD)).caller.status == 200


async def test_tokens_of_a_minute_are_those_that_were_used(stage: Stage) -> None:
    stage.bind(tpm_limit=50, input_tpm_limit=100, output_tpm_limit=100)
    done = await stage.carry(GOOD)
    row = done.row
    prompt = row.input_tokens + row.cache_read_tokens + row.cache_write_tokens
    assert done.caller.status == 200, "an empty minute has room for a call of any size"
    assert await used(stage) == [prompt + row.output_tokens, prompt, row.output_tokens]


async def test_a_slot_is_free_again_after_the_call(stage: Stage) -> None:
    stage.bind(max_parallel_requests=1)
    assert [(await stage.carry(GOOD)).caller.status for _ in range(2)] == [200, 200]


async def test_no_slot_at_all(stage: Stage) -> None:
    stage.bind(max_parallel_requests=0)
    done = await stage.carry()
    assert (done.caller.status, done.caller.headers["retry-after"]) == (429, "1")


async def test_a_call_that_the_provider_refused_costs_nothing(stage: Stage) -> None:
    stage.bind(max_budget_nano_usd=1_000 * NANO_PER_USD, rpm_limit=5)
    done = await stage.carry(refusal(400, {"error": {"message": "bad"}}), to=[deployment(costs=DEAR)])
    assert done.caller.status == 400
    assert await used(stage) == [0, 1]


async def test_what_an_earlier_attempt_may_be_billed_for_counts(stage: Stage) -> None:
    stage.bind(max_budget_nano_usd=1_000 * NANO_PER_USD)
    cut = Script([stream_body("openai-chat")[:400], ConnectionResetError()], headers={"content-type": "text/html"})
    done = await stage.carry(cut, GOOD, to=[deployment(costs=DEAR), deployment(costs=DEAR)])
    assert (done.caller.status, done.row.attempts) == (200, 2)
    assert await used(stage) == [done.row.cost_nano_usd]


async def test_a_cheaper_deployment_may_have_room(stage: Stage) -> None:
    stage.bind(max_budget_nano_usd=NANO_PER_USD // 100)
    cheap = deployment(costs=CHEAP)
    done = await stage.carry(GOOD, to=[deployment(costs=DEAR), cheap], max_tokens=50)
    assert (done.caller.status, done.row.deployment_id) == (200, cheap.id)


async def test_a_budget_of_another_model_does_not_bind(stage: Stage) -> None:
    stage.bind(model_max_budget={"other": BudgetWindow(max_budget_nano_usd=0)})
    assert (await stage.carry(GOOD, to=[deployment(costs=DEAR)])).caller.status == 200
    stage.bind(model_max_budget={"m": BudgetWindow(max_budget_nano_usd=0)})
    done = await stage.carry(to=[deployment(costs=DEAR)])
    assert "team 'Red' for model 'm'" in error_of(done)["message"]


@pytest.mark.parametrize(("priceless", "status"), [("refuse", 400), ("allow", 200)])
async def test_a_model_without_a_price(stage: Stage, priceless: Any, status: int) -> None:
    stage.bind(max_budget_nano_usd=NANO_PER_USD)
    stage.limiting = msgspec.structs.replace(stage.limiting, priceless=priceless)
    done = await stage.carry(GOOD, to=[deployment("openai/nobody-knows-it")])
    assert done.caller.status == status
    if status == 400:
        assert "The price of model 'nobody-knows-it' is not known" in error_of(done)["message"]


async def test_a_free_model_needs_no_money(stage: Stage) -> None:
    stage.bind(max_budget_nano_usd=0)
    assert (await stage.carry(GOOD, to=[deployment(costs=FREE)])).caller.status == 200


async def test_embeddings_have_no_answer_to_pay_for(stage: Stage) -> None:
    stage.bind(max_budget_nano_usd=NANO_PER_USD)
    reply = {"object": "list", "data": [], "model": "e", "usage": {"prompt_tokens": 5, "total_tokens": 5}}
    body = b'{"model":"m","input":"Hi"}'
    done = await stage.carry(whole(reply), to=[deployment(costs=DEAR)], operation="embeddings", body=body)
    assert (done.caller.status, await used(stage)) == (200, [5_000_000])


async def test_every_answer_of_a_legacy_completion_is_paid_for(stage: Stage) -> None:
    stage.bind(max_budget_nano_usd=200 * NANO_PER_USD)
    asked = {"model": "m", "prompt": ["Hi", "Ho"], "n": 3, "best_of": 5, "max_tokens": 30_000}
    to, body = [deployment(costs=DEAR)], msgspec.json.encode(asked)
    reply = {"object": "text_completion", "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 9}}
    done = await stage.carry(whole(reply), to=to, operation="completions", body=body)
    sent = msgspec.json.decode(done.requests[0].body)
    assert done.caller.status == 200
    assert 1_024 <= sent["max_tokens"] < 20_000
    assert sent == asked | {"model": sent["model"], "max_tokens": sent["max_tokens"]}
    stage.bind(max_budget_nano_usd=NANO_PER_USD)
    done = await stage.carry(to=to, operation="completions", body=body)
    assert (done.caller.status, error_of(done)["code"], done.requests) == (429, "budget_exceeded", [])


async def test_a_cut_legacy_completion_is_booked_as_far_as_it_was_seen(stage: Stage) -> None:
    pieces = b'data: {"choices":[{"text":"%b"}]}\n\n' % (b"word" * 100)
    body = b'{"model":"m","prompt":"Hi","stream":true}'
    done = await stage.carry(Script([pieces, ConnectionResetError()]), operation="completions", body=body)
    assert (done.row.usage_complete, done.row.output_tokens) == (False, 100)


async def test_what_a_shorter_answer_would_not_help_is_asked_for_once(stage: Stage) -> None:
    stage.bind(max_budget_nano_usd=1)
    body, to = b'{"model":"m","input":"Hi"}', [deployment(costs=DEAR)]
    done = await stage.carry(to=to, operation="embeddings", body=body)
    assert (done.caller.status, done.call.output_limit) == (429, None)


async def test_a_provider_that_counts_nonsense_is_booked_as_the_ledger_does(stage: Stage) -> None:
    stage.bind(max_budget_nano_usd=NANO_PER_USD, tpm_limit=100)
    usage = {"prompt_tokens": 10**30, "completion_tokens": 10**30}
    reply = {"object": "chat.completion", "choices": [], "model": "m", "usage": usage}
    done = await stage.carry(whole(reply), to=[deployment(costs=CHEAP)], stream=False, max_tokens=9)
    assert done.caller.status == 200
    booked = to_columns(done.row)
    assert await used(stage) == [booked["cost_nano_usd"], booked["input_tokens"] + booked["output_tokens"]]


async def test_an_answer_that_is_all_thought_has_room(stage: Stage) -> None:
    stage.bind(max_budget_nano_usd=1_000 * NANO_PER_USD)
    usage = {"prompt_tokens": 5, "completion_tokens": 900, "completion_tokens_details": {"reasoning_tokens": 900}}
    reply = {"object": "chat.completion", "choices": [], "model": "m", "usage": usage}
    costs = DEAR | {"output_cost_per_reasoning_token": Decimal("0.01")}
    done = await stage.carry(whole(reply), to=[deployment(costs=costs)], stream=False, max_tokens=900)
    assert done.row.cost_nano_usd == 9_005_000_000
    assert done.call.reserved[0].amount >= done.row.cost_nano_usd


async def test_an_answer_from_a_dearer_place_has_room(stage: Stage) -> None:
    stage.bind(max_budget_nano_usd=1_000 * NANO_PER_USD)
    usage = {"input_tokens": 5, "output_tokens": 60_000}
    reply = {"type": "message", "role": "assistant", "content": [], "model": "claude-opus-4-6"}
    here, there = [
        await stage.carry(
            whole(reply | {"usage": usage | place}),
            to=[deployment("anthropic/claude-opus-4-6")],
            dialect="anthropic-messages",
            stream=False,
            max_tokens=60_000,
        )
        for place in ({}, {"inference_geo": "us"})
    ]
    assert here.row.cost_nano_usd
    assert there.row.cost_nano_usd == here.row.cost_nano_usd * 11 // 10
    assert there.call.reserved[0].amount >= there.row.cost_nano_usd


async def test_prices_that_fall_before_the_next_attempt_leave_room_for_those_of_the_calls_beginning(
    stage: Stage,
) -> None:
    stage.bind(max_budget_nano_usd=1_000 * NANO_PER_USD)
    tomorrow = dt.datetime.fromtimestamp(stage.clock.now_us() // 10**6, dt.UTC).date() + dt.timedelta(days=1)
    dear = deployment(costs=DEAR)
    info = msgspec.structs.replace(dear.entry.info, prices=(DatedPrices(effective_from=tomorrow, costs=CHEAP),))
    cheaper = msgspec.structs.replace(dear, entry=msgspec.structs.replace(dear.entry, info=info))
    slow = Script([b"{}"], 503, opening=[lambda: stage.clock.advance(seconds=86_400)])
    done = await stage.carry(slow, GOOD, to=[deployment(costs=DEAR), cheaper], max_tokens=50)
    assert done.row.attempts == 2
    assert done.row.cost_nano_usd
    assert done.call.reserved[0].amount >= done.row.cost_nano_usd
    assert done.intents[-1].estimate_nano_usd == done.intents[0].estimate_nano_usd


async def test_a_cache_for_an_hour_that_the_gateway_asks_for_has_room(stage: Stage) -> None:
    stage.bind(max_budget_nano_usd=1_000 * NANO_PER_USD)
    usage = {"input_tokens": 0, "cache_creation_input_tokens": 4_500, "output_tokens": 5}
    life = {"cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 4_500}}
    reply = {"type": "message", "role": "assistant", "content": [], "model": "claude", "usage": usage | life}
    plain = deployment("anthropic/claude-sonnet-4-5")
    point = InjectionPoint(location="message", role="user", control=MarkControl(ttl="1h"))
    params = msgspec.structs.replace(plain.entry.params, cache_control_injection_points=(point,))
    marked = msgspec.structs.replace(plain, entry=msgspec.structs.replace(plain.entry, params=params))
    asked: dict[str, Any] = {"messages": [{"role": "user", "content": "a" * 11_000}], "max_tokens": 5, "stream": False}
    done = await stage.carry(whole(reply), to=[marked], dialect="anthropic-messages", **asked)
    assert b'"1h"' in done.requests[0].body
    assert (done.row.cache_write_1h_tokens, done.row.cost_nano_usd) == (4_500, 27_075_000)
    assert done.call.reserved[0].amount >= 27_075_000


async def test_answers_teach_what_to_expect(stage: Stage) -> None:
    stage.bind(tpm_limit=1_000_000)
    for _ in range(16):
        await stage.carry(whole(msgspec.json.decode(whole_body("openai-chat"))), stream=False)
    model = deployment().model
    assert stage.limiting.estimator.output_tokens(model, None, "expected") < 2_048


async def test_a_soft_budget_refuses_nothing_and_is_told_of(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.bind(soft_budget_nano_usd=1)
    assert (await stage.carry(GOOD, to=[deployment(costs=DEAR)])).caller.status == 200
    await stage.limiting.soft.look()
    assert "its soft budget is 0.000000001 USD" in caplog.text


@pytest.mark.parametrize("stream", [False, True])
async def test_no_answer_in_the_background_under_a_budget(stage: Stage, *, stream: bool) -> None:
    stage.bind(max_budget_nano_usd=1_000 * NANO_PER_USD)
    done = await stage.carry(
        to=[speaking("openai-responses", costs=DEAR)], dialect="openai-responses", background=True, stream=stream
    )
    assert (done.caller.status, error_of(done)["param"], done.requests) == (400, "background", [])
    assert await used(stage) == [0]


@pytest.mark.parametrize(("limits", "background"), [({"rpm_limit": 9}, True), ({"max_budget_nano_usd": 10**15}, False)])
async def test_an_answer_in_the_background_where_no_budget_binds(
    stage: Stage, limits: dict[str, int], *, background: bool
) -> None:
    stage.bind(**limits)
    script = Script([stream_body("openai-responses")])
    to = [speaking("openai-responses", costs=DEAR)]
    done = await stage.carry(script, to=to, dialect="openai-responses", background=background)
    assert (done.caller.status, msgspec.json.decode(done.requests[0].body)["background"]) == (200, background)

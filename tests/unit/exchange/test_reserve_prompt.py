"""How much is reserved for a prompt: of what its bytes show, and of what they do not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from sekisho.limits.estimate import Estimator
from sekisho.limits.rule import Measure
from tests.support.stations import MASTER, Script, Stage, deployment, speaking
from tests.support.wires import stream_body

pytestmark = pytest.mark.usefixtures("unbound")

GOOD = Script([stream_body("openai-chat")])
CHEAP = {"input_cost_per_token": Decimal("0.0000001"), "output_cost_per_token": Decimal("0.0000001")}


async def input_reserved(stage: Stage, window: int | None, mode: str = "hard", **asked: Any) -> int:
    """Input tokens that a call reserves under a budget of this mode."""
    stage.bind(max_budget_nano_usd=10**15, mode=mode, input_tpm_limit=10**12)
    stage.limiting = msgspec.structs.replace(stage.limiting, window=lambda _: window)
    done = await stage.carry(GOOD, to=[deployment(costs=CHEAP)], **asked)
    [line] = [line for line in done.call.reserved if line.rule.measure is Measure.INPUT_TOKENS]
    assert done.intents[0].estimated_input_tokens <= line.amount, "a killed gateway books no more than was reserved"
    return line.amount


async def test_a_prompt_that_nobody_sees_whole_reserves_the_models_longest(stage: Stage) -> None:
    body = {"model": "m", "input": "Hi", "previous_response_id": "resp_1"}
    asked: dict[str, Any] = {"dialect": "openai-responses", "body": msgspec.json.encode(body)}
    assert await input_reserved(stage, 50_000, **asked) == 50_000
    assert await input_reserved(stage, None, **asked) == 1_050_000
    assert await input_reserved(stage, 50_000, "expected", **asked) < 1_000
    longer = {"anthropic-beta": "context-1m-2025-08-07"}
    assert (
        await input_reserved(stage, 50_000, headers={"authorization": f"Bearer {MASTER}"} | longer, **asked)
        == 1_050_000
    )


@pytest.mark.parametrize("mode", ["hard", "expected"])
async def test_no_prompt_reserves_more_than_the_models_longest(stage: Stage, mode: str) -> None:
    messages = [{"role": "user", "content": "word " * 40_000}]
    body = msgspec.json.encode({"model": "m", "messages": messages})
    assert await input_reserved(stage, 50_000, mode, body=body) == 50_000
    assert await input_reserved(stage, None, mode, body=body) > 50_000


async def test_a_picture_reserves_its_tokens_and_not_its_bytes(stage: Stage) -> None:
    def body(data: str) -> bytes:
        picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
        return msgspec.json.encode({"model": "m", "messages": [{"role": "user", "content": [picture]}]})

    png = "iVBORw0KGgoAAAANSUhEUgAA" + "A" * 1_000_000
    hard = await input_reserved(stage, None, body=body(png))
    assert hard < 10_000
    assert await input_reserved(stage, None, body=body(png[:2_000])) == hard, "a small file may be a large picture"
    assert await input_reserved(stage, None, "expected", body=body(png)) > 100_000


async def test_what_a_provider_added_of_its_own_teaches_nothing(stage: Stage) -> None:
    stage.bind(max_budget_nano_usd=10**15)
    plain = {"model": "m", "input": "Hi " * 400}
    for body in [plain | {"previous_response_id": "resp_1"}] * 20:
        done = await stage.carry(
            Script([stream_body("openai-responses")]),
            to=[speaking("openai-responses", costs=CHEAP)],
            dialect="openai-responses",
            body=msgspec.json.encode(body | {"stream": True}),
        )
        assert done.row.usage_complete
    model, size = speaking("openai-responses").model, len(msgspec.json.encode(plain))
    assert stage.limiting.estimator.input_tokens(model, size) == Estimator().input_tokens(model, size)
    assert stage.limiting.estimator.output_tokens(model, None, "expected") != Estimator().output_tokens(
        model, None, "expected"
    )

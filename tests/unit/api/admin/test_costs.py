from __future__ import annotations

from typing import Any

import pytest

from tests.support.admin import Admin

PER_INPUT, PER_OUTPUT = 0.000002, 0.00001


async def test_a_prompt_costs_what_its_tokens_are_estimated_at(admin: Admin) -> None:
    body = {"model": "priced", "messages": [{"role": "user", "content": "hello"}]}
    reply = (await admin.post("/spend/calculate", body)).json
    assert reply == {"cost": pytest.approx(len(admin.encoded(body)) * PER_INPUT)}


@pytest.mark.parametrize(
    ("usage", "inputs", "cached"),
    [
        ({"prompt_tokens": 1000, "completion_tokens": 100}, 1000, 0),
        ({"input_tokens": 1000, "output_tokens": 100, "input_tokens_details": {"cached_tokens": 400}}, 600, 400),
        ({"prompt_tokens": 1000, "completion_tokens": 100, "prompt_tokens_details": None}, 1000, 0),
        ({"input_tokens": 900, "output_tokens": 100, "cache_read_input_tokens": 100}, 900, 100),
        ({"prompt_tokens": 1000, "completion_tokens": 100, "cache_read_input_tokens": 100}, 900, 100),
        ({}, 0, 0),
    ],
)
async def test_an_answer_costs_what_its_usage_says(
    admin: Admin, usage: dict[str, Any], inputs: int, cached: int
) -> None:
    reply = await admin.post("/spend/calculate", {"completion_response": {"model": "priced", "usage": usage}})
    cost = inputs * PER_INPUT + cached * PER_INPUT / 10 + (100 if usage else 0) * PER_OUTPUT
    assert reply.json["cost"] == pytest.approx(cost)


async def test_many_calls_are_estimated(admin: Admin) -> None:
    body = {"model": "priced", "input_tokens": 1000, "output_tokens": 100, "num_requests_per_day": 10}
    told = (await admin.post("/cost/estimate", body)).json
    assert (told["input_cost_per_request"], told["output_cost_per_request"]) == (0.002, 0.001)
    assert (told["cost_per_request"], told["daily_cost"], told["monthly_cost"]) == (0.003, 0.03, None)
    assert (told["input_cost_per_token"], told["output_cost_per_token"], told["provider"]) == (
        pytest.approx(PER_INPUT),
        pytest.approx(PER_OUTPUT),
        "openai",
    )
    assert told["num_requests_per_month"] is None


@pytest.mark.parametrize(
    ("path", "body", "status", "param"),
    [
        ("/spend/calculate", {}, 400, "model"),
        ("/spend/calculate", {"model": "priced"}, 400, "messages"),
        ("/spend/calculate", {"model": "none", "messages": []}, 404, "model"),
        ("/spend/calculate", {"model": "priceless", "messages": []}, 400, "model"),
        (
            "/spend/calculate",
            {"model": "priced", "completion_response": {"usage": {"prompt_tokens": -1}}},
            400,
            "usage.prompt_tokens",
        ),
        ("/cost/estimate", {"model": "priced", "input_tokens": -1, "output_tokens": 0}, 400, "input_tokens"),
        ("/cost/estimate", {"model": "priced", "input_tokens": 1}, 400, "output_tokens"),
    ],
)
async def test_what_has_no_price_is_told(admin: Admin, path: str, body: Any, status: int, param: str) -> None:
    reply = await admin.post(path, body)
    assert (reply.status, reply.error["param"]) == (status, param)


async def test_a_key_hears_of_models_that_it_may_call(admin: Admin) -> None:
    key = (await admin.post("/key/generate", {"models": ["other"]})).json["key"]
    body = {"model": "priced", "messages": []}
    assert (await admin.post("/spend/calculate", body, token=key)).status == 403


@pytest.mark.parametrize("text", [b'"\\ud800"', b'{"\\ud800": 1}'])
async def test_messages_that_are_no_text_are_refused_by_name(admin: Admin, text: bytes) -> None:
    reply = await admin.call("POST", "/spend/calculate", b'{"model": "priced", "messages": [{"content": %s}]}' % text)
    assert (reply.status, reply.error["param"]) == (400, "messages")


async def test_an_answer_of_a_model_whose_name_is_no_text_is_refused(admin: Admin) -> None:
    for name in (b'"\\ud800"', b"[1]", b'"%s"' % (b"m" * 300)):
        body = b'{"completion_response": {"model": %s, "usage": {}}}' % name
        reply = await admin.call("POST", "/spend/calculate", body)
        assert (reply.status, reply.error["param"]) == (400, "completion_response.model")

"""/spend/calculate and /cost/estimate: what a call costs, or would, without making it.

Flows in: a model with messages, an answer or counts of tokens. Flows out: USD. Must stay true: a price that nobody
knows is told as that, never as nothing; a key hears only of models that it may call.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Response
from pydantic import Field

from sekisho.api.admin.fields import Body, answer
from sekisho.api.admin.limit_fields import Name
from sekisho.api.admin.services import AdminServices, Asked, Asker, Services
from sekisho.canonical.usage import Usage
from sekisho.core.errors import Forbidden, MalformedRequest
from sekisho.core.money import usd_float
from sekisho.identity.keys import may_use
from sekisho.ledger.quote import Quote

router = APIRouter()

Tokens = Annotated[int, Field(ge=0, le=10**12)]
Requests = Annotated[int, Field(ge=0, le=10**9)]


class Answered(Body):
    """What is read of a provider's answer."""

    model: Name | None = None
    usage: dict[str, Any] | None = None


class CalculateBody(Body):
    """A call to be made (`messages`), or an answer with its usage."""

    model: Name | None = None
    messages: list[dict[str, Any]] | None = None
    completion_response: Answered | None = None


class EstimateBody(Body):
    """`num_requests_per_day` and `num_requests_per_month` have the cost of so many told, too."""

    model: Name
    input_tokens: Tokens
    output_tokens: Tokens
    num_requests_per_day: Requests | None = None
    num_requests_per_month: Requests | None = None


@router.post("/spend/calculate")
async def calculate(body: CalculateBody, services: Services, asker: Asked) -> Response:
    """What the messages cost as a prompt, by an estimate of their tokens; or an answer, by its usage."""
    answered = body.completion_response or Answered()
    model = body.model or answered.model
    if not model:
        raise MalformedRequest("'model' is missing: name the one that is called.", param="model")
    quote = _quoted(services, asker, model)
    if body.messages is not None:
        usage = Usage(input_tokens=services.quotes.tokens(model, _sent(model, body.messages)))
    elif answered.usage is not None:
        usage = _usage(answered.usage)
    else:
        raise MalformedRequest("Send 'messages', or a 'completion_response' with its usage.", param="messages")
    return answer({"cost": usd_float(_cost(quote, usage))}, body)


@router.post("/cost/estimate")
async def estimate(body: EstimateBody, services: Services, asker: Asked) -> Response:
    """What one call of so many tokens costs, and many of them."""
    quote = _quoted(services, asker, body.model)
    prompt = _cost(quote, Usage(input_tokens=body.input_tokens))
    whole = _cost(quote, Usage(input_tokens=body.input_tokens, output_tokens=body.output_tokens))
    parts = {"": whole, "input_": prompt, "output_": whole - prompt, "margin_": 0}
    told = body.model_dump(include=set(EstimateBody.model_fields))
    told |= {f"{part}cost_per_request": usd_float(cost) for part, cost in parts.items()}
    for period, count in (("daily", body.num_requests_per_day), ("monthly", body.num_requests_per_month)):
        told |= {
            f"{period}_{part}cost": None if count is None else usd_float(cost * count) for part, cost in parts.items()
        }
    return answer(
        told
        | {
            "input_cost_per_token": prompt / 1e9 / body.input_tokens if body.input_tokens else None,
            "output_cost_per_token": (whole - prompt) / 1e9 / body.output_tokens if body.output_tokens else None,
            "provider": quote.provider,
        },
        body,
    )


def _quoted(services: AdminServices, asker: Asker, model: str) -> Quote:
    if not may_use(asker.standing.principal, model):
        raise Forbidden("Your key may not call this model: its price is for those who may.", param="model")
    return services.quotes.of(model)


def _sent(model: str, messages: list[dict[str, Any]]) -> bytes:
    """The call's body. Raises MalformedRequest for what is no JSON."""
    try:
        return msgspec.json.encode({"model": model, "messages": messages})
    except (UnicodeEncodeError, RecursionError):
        message = "'messages' is nested too deep or holds text that is not Unicode."
        raise MalformedRequest(message, param="messages") from None


def _cost(quote: Quote, usage: Usage) -> int:
    cost = quote.cost_nano_usd(usage)
    if cost is None:
        message = f"Nobody knows the price of '{quote.model}': set input_cost_per_token and output_cost_per_token."
        raise MalformedRequest(message, param="model")
    return cost


def _usage(told: dict[str, Any]) -> Usage:
    """Of OpenAI's two APIs, whose prompt counts what is cached in, or of Anthropic's, whose input does not."""
    cached = _count(told, "cache_read_input_tokens") or _count(_details(told), "cached_tokens")
    written = _count(told, "cache_creation_input_tokens")
    prompt = _count(told, "prompt_tokens") or _count(told, "input_tokens")
    if "prompt_tokens" in told or "input_tokens_details" in told:
        prompt = max(0, prompt - cached - written)
    output = _count(told, "completion_tokens") or _count(told, "output_tokens")
    return Usage(input_tokens=prompt, cache_read_tokens=cached, cache_write_tokens=written, output_tokens=output)


def _details(told: dict[str, Any]) -> dict[str, Any]:
    found = told.get("prompt_tokens_details") or told.get("input_tokens_details")
    return found if isinstance(found, dict) else {}


def _count(told: dict[str, Any], name: str) -> int:
    """Raises MalformedRequest for what is no count."""
    value = told.get(name)
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 10**12:
        raise MalformedRequest(f"'usage.{name}' must be a count of tokens.", param=f"usage.{name}")
    return value

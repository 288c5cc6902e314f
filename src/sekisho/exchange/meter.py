"""What a call used and what it costs: exact where the provider said, the best estimate where it could not.

Flows in: a call, in whatever state its exchange ended. Flows out: the intent before it is sent, the row after. Must
stay true: a cut call is never booked below what was seen of it, nor an attempt forgotten because a later one went
well; a call that the provider refused costs nothing; an unknown price is None, never zero.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorClass
from sekisho.exchange.call import Call, Spent
from sekisho.exchange.gateway import Gateway
from sekisho.exchange.reserve import most_tokens
from sekisho.exchange.tier import asked_tier
from sekisho.ledger.rows import WORD_CHARS, CallRow, Intent
from sekisho.limits.estimate import Estimator

#: Bytes of English text or code to a token, from below: an estimate errs on the side of the provider's bill.
BYTES_PER_TOKEN = 4
#: The header by which LiteLLM's callers attach JSON of their own to a row.
METADATA_HEADER = "x-litellm-spend-logs-metadata"


def estimated_tokens(size_bytes: int) -> int:
    """Tokens in so many bytes of text, rounded up."""
    return -(-size_bytes // BYTES_PER_TOKEN)


def intent_of(call: Call, gateway: Gateway) -> Intent:
    """The intent of the attempt that is about to be sent."""
    rates = gateway.rates(call.sent_to)
    estimator = gateway.limiting.estimator
    guess = Usage(input_tokens=_asked(call), output_tokens=_expected(call, estimator))
    tier = _asked_tier(call)
    cost = None if rates is None else rates.cost_nano_usd(guess, service_tier=tier, at_us=call.started_us)
    spent = _with_earlier(call, Spent(guess, cost))
    call.shared = _shared(call) | {"service_tier": tier and tier[:WORD_CHARS]}
    return Intent(
        **call.shared,
        estimated_input_tokens=spent.usage.prompt_tokens,
        estimated_output_tokens=spent.usage.output_tokens,
        estimate_nano_usd=spent.cost_nano_usd,
        price_version=None if rates is None else rates.version,
    )


def row_of(call: Call, gateway: Gateway) -> CallRow:
    """The row of a call that is over."""
    present, complete = usage_of(call, gateway.limiting.estimator)
    rates = gateway.rates(call.deployment) if call.deployment is not None else None
    spent = _with_earlier(call, _spent(call, gateway, present, complete=complete))
    usage, complete = spent.usage, complete and call.spent_before is None
    error = call.error
    shared = call.shared or _shared(call)
    if usage.service_tier:
        shared["service_tier"] = usage.service_tier[:WORD_CHARS]
    return CallRow(
        **shared,
        inference_geo=usage.inference_geo and usage.inference_geo[:WORD_CHARS],
        ended_us=gateway.clock.now_us(),
        status="success" if error is None else "failure" if complete else "incomplete",
        http_status=call.answer.status or (error.status if error else 0),
        first_token_us=call.answer.first_write_us,
        served_model=call.facts.served_model if call.facts is not None else None,
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        output_tokens=usage.output_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        cost_nano_usd=spent.cost_nano_usd,
        price_version=rates.version if rates is not None else None,
        usage_complete=complete,
        error_class=error.error_class.value if error is not None else None,
        error_detail=_detail(call),
        attempts=call.attempts,
    )


def set_aside(call: Call, gateway: Gateway) -> None:
    """Before the next attempt: keep what the one that failed may be billed for."""
    usage, complete = usage_of(call, gateway.limiting.estimator)
    if not complete:
        call.spent_before = _with_earlier(call, _spent(call, gateway, usage, complete=complete))


def _spent(call: Call, gateway: Gateway, usage: Usage, *, complete: bool) -> Spent:
    if call.spent is None or call.spent.usage is not usage:
        call.spent = Spent(usage, _cost(call, gateway, usage, complete=complete))
    return call.spent


def _cost(call: Call, gateway: Gateway, usage: Usage, *, complete: bool) -> int | None:
    if usage.total_tokens == 0 and complete:
        return 0
    rates = gateway.rates(call.deployment) if call.deployment is not None else None
    if rates is None:
        return None
    return rates.cost_nano_usd(usage, service_tier=_asked_tier(call), at_us=call.started_us)


def _asked_tier(call: Call) -> str | None:
    return asked_tier(call.headers, call.ask.body if call.ask is not None else None)


def _with_earlier(call: Call, present: Spent) -> Spent:
    earlier = call.spent_before
    if earlier is None:
        return present
    costs = earlier.cost_nano_usd, present.cost_nano_usd
    return Spent(earlier.usage.plus(present.usage), None if None in costs else sum(filter(None, costs)))


def cost_of(call: Call, gateway: Gateway) -> int | None:
    """What an answer that is complete costs, in nano-USD; None when its price or its usage is unknown."""
    usage = call.facts.usage if call.facts is not None else None
    return None if usage is None else _with_earlier(call, _spent(call, gateway, usage, complete=True)).cost_nano_usd


def usage_of(call: Call, estimator: Estimator) -> tuple[Usage, bool]:
    """(tokens, whether the provider itself counted them to the end)."""
    facts = call.facts
    if call.deployment is None or not call.reached_provider:
        return Usage(), True
    if call.operation == "count_tokens":
        return Usage(), True
    if facts is None:
        return Usage(input_tokens=_asked(call), output_tokens=_unseen(call, estimator)), False
    seen = facts.usage
    if seen is not None and facts.finished and seen.prompt_tokens and (seen.output_tokens or not facts.text_bytes):
        return seen, True
    output = estimated_tokens(facts.text_bytes)
    if not facts.finished and call.ask is not None and (cap := call.output_cap()).tokens is not None:
        output = min(output, cap.tokens * cap.answers)
    if seen is None or seen.prompt_tokens == 0:
        base = seen or Usage()
        base = msgspec.structs.replace(base, input_tokens=_asked(call))
    else:
        base = seen
    return msgspec.structs.replace(base, output_tokens=max(output, base.output_tokens)), False


def _unseen(call: Call, estimator: Estimator) -> int:
    """Tokens of an answer of which nothing came. One in a single piece is made, and billed, before it is sent, and so
    is the stream of a provider that goes on for nobody; another stream ends with its connection.
    """
    return 0 if call.streams and not call.sent_to.drained else _expected(call, estimator)


def _expected(call: Call, estimator: Estimator) -> int:
    """Tokens of an answer that nobody saw to its end: as many as the model's answers have. Never more than reserved."""
    if call.ask is None:
        return 0
    cap = call.output_cap()
    most = most_tokens(cap, call.sent_to) if call.output_limit is None else call.output_limit
    return estimator.output_tokens(call.sent_to.model, most * cap.answers, "expected")


def _asked(call: Call) -> int:
    """Tokens of what was asked. Never more than reserved: of bodies full of images less is known to be needed."""
    guess = estimated_tokens(len(call.body))
    return guess if call.prompt_limit is None else min(guess, call.prompt_limit)


def _shared(call: Call) -> dict[str, Any]:
    """What intent and row have in common."""
    principal, client, deployment, ask = call.principal, call.client, call.deployment, call.ask
    fields: dict[str, Any] = {
        "call_id": call.request_id,
        "started_us": call.started_us,
        "dialect": call.dialect.name,
        "operation": call.operation,
        "end_user": call.end_user,
        "client_request_id": call.headers.get("x-client-request-id"),
        "spend_logs_metadata": call.headers.get(METADATA_HEADER),
    }
    if principal is not None:
        fields |= {
            "key_hash": principal.key_hash,
            "key_alias": principal.key_alias,
            "user_id": principal.user_id,
            "team_id": principal.team_id,
            "organization_id": principal.organization_id,
            "project_id": principal.project_id,
            "tags": principal.tags,
        }
    if ask is not None:
        fields |= {"requested_model": ask.model, "stream": ask.stream}
    if client is not None:
        fields |= {
            "tool": client.tool,
            "tool_version": client.version,
            "interface": client.interface,
            "os": client.os,
            "client_confidence": client.confidence,
            "session_id": client.session_id,
        }
    if deployment is not None:
        fields |= {
            "routed_model": deployment.model,
            "model_group": deployment.model_name,
            "region": deployment.region,
            "account": deployment.account,
            "provider": deployment.provider.name,
            "deployment_id": deployment.id,
            "api_base": deployment.host,
            "upstream_dialect": call.upstream_dialect,
        }
    return fields


def _detail(call: Call) -> str | None:
    """The error's text for the operator. A provider's own words may quote the prompt: only its class and code stay."""
    error = call.error
    if error is None:
        return None
    if error.error_class in _OWN_WORDS:
        return error.message
    return f"{error.error_class.value} (status {error.status}" + (f", code {error.code})" if error.code else ")")


#: Classes whose message is ours in every case (a provider's 504 is an UPSTREAM_TIMEOUT in its own words).
_OWN_WORDS = frozenset({ErrorClass.AUTHENTICATION, ErrorClass.CLIENT_CLOSED, ErrorClass.UNSUPPORTED_FEATURE})

"""What a caller asks of its call's route: in headers and body, as far as the operator lets it.

Flows in: a call after admission. Flows out: its `Wish` for routing, its timeouts and its number of retries. Must stay
true: a caller may always tighten (a shorter time, fewer retries); what relaxes holds only where `sekisho.routing` or
the master key allows it; what is meant for the gateway alone does not reach a provider.
"""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec

from sekisho.core.errors import Forbidden, MalformedRequest
from sekisho.exchange.call import Call, read_ask
from sekisho.exchange.gateway import Gateway
from sekisho.exchange.watchdog import Timeouts
from sekisho.providers.deployment import Deployment
from sekisho.routing.plan import Wish

#: Bytes of a body to a token: an estimate for limits of tokens a minute.
_BYTES_PER_TOKEN: Final = 4
_TOTAL_HEADER: Final = "x-litellm-timeout"
_STREAM_HEADER: Final = "x-litellm-stream-timeout"
_RETRIES_HEADER: Final = "x-litellm-num-retries"
#: LiteLLM's callers put `fallbacks` into bodies of these; in others the name means something to the provider.
_WITH_FALLBACKS: Final = frozenset({"openai-chat", "openai-responses"})
_NAMES_MAX: Final = 10


def wish_of(call: Call, gateway: Gateway) -> Wish:
    """What the call brings to the choice of a deployment. Raises Forbidden or MalformedRequest, naming the field."""
    ask, client = call.asked, call.client
    wish = Wish(
        principal=call.admitted,
        headers=call.headers,
        values=ask.body.values,
        session_id=client.session_id if client is not None else None,
        tokens=-(-len(call.body) // _BYTES_PER_TOKEN),
        streams=ask.stream,
    )
    if "fallbacks" in wish.values and call.dialect.name in _WITH_FALLBACKS:
        wish = msgspec.structs.replace(wish, stand_ins=_stand_ins(wish, gateway))
        call.body = ask.body.edited({"fallbacks": None})
        call.ask = read_ask(call.body, call.path)
    elif wish.principal.metadata.get("disable_fallbacks") is True:
        wish = msgspec.structs.replace(wish, stand_ins=())
    return wish


def timeouts_of(call: Call, deployment: Deployment, gateway: Gateway) -> Timeouts:
    """How long an attempt there may take. Raises MalformedRequest naming the header."""
    configured = gateway.timeouts(deployment)
    if not sets_time(call):
        return configured
    return msgspec.structs.replace(
        configured,
        total_seconds=_asked(call, gateway, _TOTAL_HEADER, "wait_longer", configured.total_seconds),
        first_event_seconds=_asked(call, gateway, _STREAM_HEADER, "wait_longer", configured.first_event_seconds),
    )


def sets_time(call: Call) -> bool:
    """Whether the caller says how long its call may take."""
    return _TOTAL_HEADER in call.headers or _STREAM_HEADER in call.headers


def retries_of(call: Call, deployment: Deployment, gateway: Gateway) -> int:
    """Further attempts where no policy speaks of the failure. Raises MalformedRequest naming the header."""
    configured = gateway.retries(deployment)
    return int(_asked(call, gateway, _RETRIES_HEADER, "retry_more", configured))


def _asked(call: Call, gateway: Gateway, header: str, what: str, configured: float) -> float:
    text = call.headers.get(header)
    if text is None:
        return configured
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    least = 0.0 if header == _RETRIES_HEADER else 0.001
    if not least <= value <= 1e6:
        raise MalformedRequest(f"The header {header} must hold a number from {least:g} to 1000000.", param=header)
    return value if value < configured or gateway.router.may(what, call.wished) else configured


def _stand_ins(wish: Wish, gateway: Gateway) -> tuple[str, ...]:
    """The models that the caller wants tried when the one it asks for fails; each is admitted when its turn comes."""
    if not gateway.router.may("name_fallbacks", wish):
        raise Forbidden(
            "'fallbacks' is not open to this key: the operator of the gateway names them. Leave it out.",
            code="field_not_allowed",
            param="fallbacks",
        )
    try:
        given: Any = msgspec.json.decode(wish.values["fallbacks"])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        given = None
    given = [] if given is None else given
    names = [_name_in(item) for item in given] if isinstance(given, list) else [""]
    if not all(names) or len(names) > _NAMES_MAX:
        raise MalformedRequest(f"'fallbacks' must be a list of at most {_NAMES_MAX} model names.", param="fallbacks")
    return tuple(names)


def _name_in(item: Any) -> str:
    """A model's name, bare or as the one key of an object; "" for anything else."""
    if isinstance(item, dict) and item.keys() == {"model"}:
        item = item["model"]
    return item if isinstance(item, str) else ""

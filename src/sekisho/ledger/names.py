"""The names by which a price is found, from a model's id as its provider or LiteLLM writes it.

Flows in: a price key and an id: `eu.anthropic.claude-…-v1:0`, an ARN, `claude-…@20250929`, `azure/eu/gpt-…`. Flows out:
lower-case names to look up, the likeliest first, and the place that the id tells. Must stay true: an id that hides its
model (an application inference profile, a provisioned or imported model) gives no name: a guess would be booked as
money. Sources: the clouds' pages on model ids; LiteLLM's prefixes of `model` and `base_model`.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

import msgspec


class Names(msgspec.Struct, frozen=True):
    """What to look up; `place` is a data zone that the id names, "" where it names none."""

    names: tuple[str, ...]
    place: str = ""


#: price key ("" for all) -> what is written before or behind the model and does not change its price, in this order.
_DRESS: dict[str, tuple[tuple[str, str], ...]] = {
    "": (
        (r"\[\d+[km]\]$", ""),  # Claude Code's mark for a long context
    ),
    "aws": (
        (r"^bedrock(_converse|_mantle)?/", ""),
        (r"^(converse|converse_like|invoke|async_invoke)/", ""),
        (r"^[a-z]{2}(-gov)?-[a-z]+-\d/", ""),
        (r"^arn:aws[a-z-]*:bedrock:[^:]*:[^:]*:(inference-profile|foundation-model)/", ""),
        (r":\d+k$", ""),
    ),
    "google": (
        (r"^(vertex_ai_beta|vertex_ai|gemini)/", ""),
        (r"^projects/[^/]+/locations/[^/]+/(?=publishers/)", ""),
        (r"^publishers/[^/]+/", ""),
        (r"^(models|google|anthropic)/", ""),
        (r"@(default|latest)$", ""),
    ),
    "azure": (
        (r"^azure(_ai|_text)?/", ""),
        (r"^(global|global-standard|responses|o_series)/", ""),
        (r"^gpt-35", "gpt-3.5"),
    ),
    "anthropic": ((r"^anthropic/", ""),),
    "openai": ((r"^openai/", ""), (r"^(responses|chat)/", "")),
}
_COMPILED = {key: tuple((re.compile(p), text) for p, text in rules) for key, rules in _DRESS.items()}
#: price key -> the place in an id; it is taken out of the name.
_PLACE = {"azure": re.compile(r"^(?:azure(?:_ai)?/)?(us|eu|data-?zone|regional)/")}
#: What is left of an id that hides its model.
_OPAQUE = re.compile(
    r"^arn:|^projects/|^endpoints/|^tunedmodels/|^ft:ocid|^\d+$|(^|/)(custom|imported|provisioned)-model"
)
#: Bedrock's geographies. `global.` is no geography: it has a price of its own.
_GEOGRAPHY = re.compile(r"^(us-gov|us|eu|apac|jp|au|ca|in|sa|mx|il|uk|kr)\.(?=[a-z0-9]+\.)")
#: A date written without dashes at the end of a model's name.
_COMPACT_DATE = re.compile(r"^(.*-)(\d{4})(\d{2})(\d{2})$")


def names_of(price_key: str, model: str) -> Names:
    """The names of `model` in the price table of `price_key`."""
    name = unquote(model).strip().lower()
    place = ""
    if price_key in _PLACE and (match := _PLACE[price_key].match(name)) is not None:
        place, name = match[1], name[match.end() :]
    for pattern, text in _COMPILED.get(price_key, ()) + _COMPILED[""]:
        name = pattern.sub(text, name)
    if not name or _OPAQUE.search(name) is not None:
        return Names((), place)
    found = [name, *_abroad(name)] if price_key == "aws" else [name, name.replace("@", "-")]
    found.append(_COMPACT_DATE.sub(r"\1\2-\3-\4", name))
    return Names(tuple(dict.fromkeys(found)), place)


def _abroad(name: str) -> list[str]:
    """The same model in another geography: the table lists some of those that share one price."""
    match = _GEOGRAPHY.match(name)
    if name.startswith("global.") or "." not in name:
        return []
    rest = name if match is None else name[match.end() :]
    return [f"us.{rest}", rest]

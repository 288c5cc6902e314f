"""What a provider asks beyond its list: service tiers and places, as ratios of the listed price.

Flows in: a price key, a model's name, where it is called. Flows out: exact ratios. Must stay true: a price that the
table lists itself is never touched; every row names the page it is from; without a row the listed price holds.
"""

from __future__ import annotations

import re

import msgspec

Ratio = tuple[int, int]

#: What providers call their ways of processing -> ours. Words that promise no price of their own are standard.
_TIERS = {
    "flex": "flex",
    "flex_processing": "flex",
    "priority": "priority",
    "batch": "batch",
    "fast": "fast",
    "ultrafast": "fast",
    "optimized": "optimized",
    "auto": "standard",
    "default": "standard",
    "standard": "standard",
    "standard_only": "standard",
    "scale": "standard",
    "reserved": "standard",
    "provisioned_throughput": "standard",
    "on_demand": "standard",
}
_PREFIX = re.compile(r"^(service_tier_|on_demand_(?=.))")


def mode_of(tier: str | None) -> str | None:
    """Our name of a tier as a provider or caller wrote it; None for none and for a word that nobody knows."""
    return None if tier is None else _TIERS.get(_PREFIX.sub("", tier.lower()))


class _Row(msgspec.Struct, frozen=True):
    price_key: str
    model: re.Pattern[str]
    ratio: Ratio
    source: str
    #: A mode for a row of `_MODES`, a pattern of hosts or zones for one of `_PLACES`.
    where: str = ""


_CLAUDE_45 = re.compile(r"claude-((sonnet|haiku|opus)-(4[-.][5-9]|[5-9])|(fable|mythos)-)")
_CLAUDE_46 = re.compile(r"claude-((sonnet|haiku|opus)-(4[-.][6-9]|[5-9])|(fable|mythos)-)")
_NOT_CLAUDE = re.compile(r"^(?!.*claude)")
_GEMINI = re.compile(r"gemini-([3-9]|2\.5)")
_GPT = re.compile(r"^(gpt-|o[1-9])")
_ANY = re.compile("")
_BEDROCK_TIERS = "https://aws.amazon.com/bedrock/service-tiers"
_BEDROCK_PRICES = "https://aws.amazon.com/bedrock/pricing"
_GEMINI_TIERS = "https://ai.google.dev/gemini-api/docs/optimization"
_AZURE_PRICES = "https://azure.microsoft.com/pricing/details/cognitive-services/openai-service"
_CLAUDE_PRICES = "https://platform.claude.com/docs/en/about-claude/pricing"
_OPENAI_PRICES = "https://platform.openai.com/docs/pricing"

_MODES = (
    _Row("aws", _NOT_CLAUDE, (1, 2), _BEDROCK_TIERS, "flex"),
    _Row("aws", _NOT_CLAUDE, (7, 4), _BEDROCK_TIERS, "priority"),
    _Row("aws", _ANY, (1, 2), _BEDROCK_PRICES, "batch"),
    _Row("aws", _ANY, (5, 4), _BEDROCK_PRICES, "optimized"),
    _Row("google", _GEMINI, (1, 2), _GEMINI_TIERS, "flex"),
    _Row("google", _GEMINI, (9, 5), _GEMINI_TIERS, "priority"),
    _Row("google", _ANY, (1, 2), _GEMINI_TIERS, "batch"),
    _Row("azure", _GPT, (1, 2), _AZURE_PRICES, "batch"),
    _Row("azure", re.compile(r"^(gpt-4|o[1-9])"), (7, 4), _AZURE_PRICES, "priority"),
    _Row("azure", _GPT, (2, 1), _AZURE_PRICES, "priority"),
)
_PLACES = (
    # Every host of Vertex AI but the global one: single regions, and the `us` and `eu` multi-regions.
    _Row("google", _CLAUDE_45, (11, 10), _CLAUDE_PRICES, r"^(?!aiplatform\.googleapis\.com$).*aiplatform\."),
    _Row("openai", re.compile(r"^gpt-(5\.[4-9]|[6-9])"), (11, 10), _OPENAI_PRICES, r"^[a-z]{2}\.api\.openai\.com$"),
    _Row("azure", _GPT, (11, 10), _AZURE_PRICES, r"^(us|eu|data-?zone|regional)$"),
)
#: `inference_geo` of a reply -> the same.
_GEOGRAPHIES = (_Row("anthropic", _CLAUDE_46, (11, 10), _CLAUDE_PRICES, r"^us$"),)


def tier_ratios(price_key: str, name: str) -> dict[str, Ratio]:
    """Mode -> its ratio to the standard price, where the table lists none."""
    found: dict[str, Ratio] = {}
    for row in _MODES:
        if row.price_key == price_key and row.model.search(name):
            found.setdefault(row.where, row.ratio)
    return found


def place_ratio(price_key: str, name: str, place: str) -> Ratio:
    """What a host or data zone costs beside the listed price."""
    return _ratio(_PLACES, price_key, name, place)


def geography_ratios(price_key: str, name: str) -> dict[str, Ratio]:
    """The geographies that a reply may name -> what they cost beside the listed price."""
    ratio = _ratio(_GEOGRAPHIES, price_key, name, "us")
    return {} if ratio == (1, 1) else {"us": ratio}


def _ratio(rows: tuple[_Row, ...], price_key: str, name: str, place: str) -> Ratio:
    for row in rows:
        if row.price_key == price_key and row.model.search(name) and re.search(row.where, place):
            return row.ratio
    return (1, 1)

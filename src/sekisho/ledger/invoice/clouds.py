"""The cost exports of AWS and Azure: lines of every service, of which those for tokens are ours.

Flows in: lines of a Cost and Usage Report (legacy or 2.0), of Azure's cost details. Flows out: what they bill for a
model's tokens, and what is left out. Must stay true: a line is never guessed at: without a model it is left out by
name, without a unit its tokens are not compared. Sources: docs.aws.amazon.com/bedrock/latest/userguide/
cost-mgmt-understanding-cur-data.html, learn.microsoft.com/azure/cost-management-billing/dataset-schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from sekisho.ledger.invoice.billed import Billed, Layout, LeftOut
from sekisho.ledger.invoice.sheet import Line

_USED: Final = frozenset({"usage", "discountedusage", "savingsplancoveredusage"})
#: The words of a kind of token in a usage type, the longest first; what stands before them is the model.
_AWS_KIND: Final = re.compile(
    r"-?(?:mantle-)?(?:text-)?(?P<kind>cache-read|cache-write(?:-1h)?|input|output)(?:-input)?-token(?:s|-count)",
    re.IGNORECASE,
)
_AWS_PRODUCT: Final = re.compile("^AmazonBedrock")
_AWS_REGION: Final = re.compile(r"^[A-Z]{2,4}\d{0,2}-")
#: Models that AWS sells through its marketplace are named by the product: `MP:USE1_InputTokenCount_Global-Units`.
_AWS_MARKET: Final = re.compile(
    r"MP:[A-Z0-9]+_(?P<kind>CacheRead|CacheWrite1h|CacheWrite|Input|Output)(?:Input)?TokenCount", re.IGNORECASE
)
_EDITION: Final = re.compile(r"\s*\(Amazon Bedrock Edition\)\s*$", re.IGNORECASE)
_AWS_KINDS: Final = {
    "cacheread": "cache_read",
    "cachewrite": "cache_write",
    "cachewrite1h": "cache_write_1h",
    "input": "input",
    "output": "output",
}
#: A unit -> tokens.
_UNITS: Final = {
    "tokens": 1,
    "1": 1,
    "1k tokens": 1_000,
    "1k": 1_000,
    "thousand tokens": 1_000,
    "1m tokens": 1_000_000,
    "1m": 1_000_000,
    "million tokens": 1_000_000,
}

#: Words of Azure's meters that are no part of the model's name: where and how it was served, a date (`1120`).
_AZURE_AROUND: Final = re.compile(
    r"\b(glbl|gl|global|dz|dzone|data zone|datazone|regnl|rgnl|regional|batch|flex|pp|shortco|longco|1m|1k|tokens?"
    r"|\d{4})\b",
    re.IGNORECASE,
)
_AZURE_KINDS: Final = (
    ("cache_read", re.compile(r"\b(cached|cchd|cd)[ -]?(inp|inpt|input)?\b", re.IGNORECASE)),
    ("output", re.compile(r"\b(outp|outpt|output|opt|out)\b", re.IGNORECASE)),
    ("input", re.compile(r"\b(inp|inpt|input|in)\b", re.IGNORECASE)),
)
_AZURE_TOKENS: Final = re.compile(r"\btokens?\b", re.IGNORECASE)


def aws(line: Line) -> Iterator[Billed | LeftOut]:
    """A line of a Cost and Usage Report."""
    cost = line.amount("line_item_unblended_cost")
    kind_of_line = line.text("line_item_line_item_type")
    usage = line.text("line_item_usage_type")
    market, own = _AWS_MARKET.search(usage), _AWS_KIND.search(usage)
    if (market is None and own is None) or kind_of_line.lower() not in _USED:
        of_models = market is not None or own is not None or _AWS_PRODUCT.search(line.text("line_item_product_code"))
        yield LeftOut((kind_of_line or "no usage") if of_models else "other services", cost)
        return
    if line.has("line_item_currency_code") and line.text("line_item_currency_code").upper() != "USD":
        raise line.error("line_item_currency_code", "only USD is compared.")
    if line.has("line_item_usage_end_date"):
        lasted = line.day("line_item_usage_end_date") - line.day("line_item_usage_start_date")
        if lasted.days > 1:
            raise line.error("line_item_usage_end_date", "more than a day after the start: export it by day or hour.")
    match = own or market
    model = _AWS_REGION.sub("", usage[: own.start()]) if own is not None else _marketed(line)
    if not model or match is None:
        yield LeftOut("tokens of a model that is not named", cost)
        return
    kind = _AWS_KINDS[match["kind"].lower().replace("-", "")]
    yield _counted(line, "line_item_usage_start_date", model, kind, cost_column="line_item_unblended_cost")


def azure(line: Line) -> Iterator[Billed | LeftOut]:
    """A line of Azure's cost details."""
    column = next((name for name in ("cost_in_usd", "cost_in_billing_currency", "cost") if line.has(name)), "cost")
    cost = line.amount(column)
    meter = line.text("meter_name")
    kind = next((name for name, words in _AZURE_KINDS if words.search(meter)), None)
    if kind is None or not _AZURE_TOKENS.search(meter):
        yield LeftOut("other meters", cost)
        return
    currency = line.text("billing_currency", "billing_currency_code")
    if column != "cost_in_usd" and currency.upper() not in {"", "USD"}:
        raise line.error("billing_currency", "only USD is compared.")
    name = meter
    for _, words in _AZURE_KINDS:
        name = words.sub(" ", name)
    name = " ".join(_AZURE_AROUND.sub(" ", name).replace(" -", " ").split()).strip(" -")
    if name[:1].isdigit() and "gpt" in line.text("meter_sub_category").lower():
        name = f"gpt-{name}"
    yield _counted(line, "date", name, kind, cost_column=column)


AWS: Final = Layout(
    name="AWS Cost and Usage Report",
    needs=frozenset(
        {"line_item_usage_start_date", "line_item_usage_type", "line_item_unblended_cost", "line_item_line_item_type"}
    ),
    providers=("bedrock", "bedrock_mantle"),
    read=aws,
    kinds=("input", "cache_read", "cache_write", "output"),
    costs=True,
    folds={"cache_write_1h": "cache_write"},
)
AZURE: Final = Layout(
    name="Azure cost details",
    needs=frozenset({"date", "meter_name", "meter_category", "quantity", "unit_of_measure"}),
    providers=("azure", "azure_ai"),
    read=azure,
    kinds=("input", "cache_read", "output"),
    costs=True,
    folds={"cache_write": "input", "cache_write_1h": "input"},
)


def _counted(line: Line, day: str, model: str, kind: str, *, cost_column: str) -> Billed:
    unit = _UNITS.get(line.text("pricing_unit", "unit_of_measure").lower())
    amount = line.amount("line_item_usage_amount" if day != "date" else "quantity")
    tokens = {} if unit is None else {kind: round(amount * unit)}
    return Billed(day=line.day(day), model=model, cost_usd=line.amount(cost_column), tokens=tokens, vague=unit is None)


def _marketed(line: Line) -> str:
    return _EDITION.sub("", line.text("product_product_name", "product_servicename", "product_service_name"))

"""Writes the gateway's price table, src/sekisho/ledger/data/prices.json, from the package genai-prices (MIT).

In: the installed genai-prices. Out: integer prices in nano-USD per million tokens, one line a model, which
`sekisho.ledger.prices` reads. Run by hand when genai-prices is raised; a test compares the committed file with it.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import genai_prices
import msgspec
from genai_prices import types as source
from genai_prices.data import providers

TABLE = Path(__file__).parents[1] / "src" / "sekisho" / "ledger" / "data" / "prices.json"

#: Whose prices a deployment can have: the vendors and clouds, and the hosts of open models that bill by token.
PROVIDERS = [
    "anthropic",
    "avian",
    "aws",
    "azure",
    "cerebras",
    "cloudflare",
    "cohere",
    "databricks",
    "deepseek",
    "fireworks",
    "github-copilot",
    "google",
    "groq",
    "meta",
    "minimax",
    "mistral",
    "moonshotai",
    "novita",
    "openai",
    "openrouter",
    "ovhcloud",
    "perplexity",
    "together",
    "voyageai",
    "x-ai",
    "zai",
]

#: Our kind of token -> the source's price.
KINDS = {
    "input": "input_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "output": "output_mtok",
    "reasoning": "output_reasoning_mtok",
}

#: Our name of a way of processing -> what the source calls it, any of these.
MODES: dict[str, tuple[dict[str, str], ...]] = {
    "batch": ({"processing": "batch"},),
    "flex": ({"service_tier": "flex"},),
    "priority": ({"service_tier": "priority"},),
    "fast": ({"service_tier": "fast"}, {"speed": "fast"}),
}

NANO_PER_USD = 1_000_000_000
NO_DATE = dt.date(1970, 1, 1)


def nano(usd: Decimal) -> int:
    """USD -> nano-USD. The few source prices that are a float's noise round to the nearest."""
    return int((usd * NANO_PER_USD).to_integral_value())


def price(value: Decimal | source.TieredPrices) -> int | list[Any]:
    """One price: an integer, or [base, [above so many prompt tokens, price], …]."""
    if isinstance(value, Decimal):
        return nano(value)
    return [nano(value.base), *([tier.start, nano(tier.price)] for tier in value.tiers)]


def sheet(prices: source.ModelPrice) -> dict[str, Any]:
    """The prices of each kind of token that has one of its own."""
    found = {kind: getattr(prices, name) for kind, name in KINDS.items()}
    return {kind: price(value) for kind, value in found.items() if value is not None}


def clause(match: Any) -> dict[str, Any]:
    """How a model's names are recognised, as JSON."""
    if isinstance(match, source.ClauseOr):
        return {"or": [clause(part) for part in match.or_]}
    if isinstance(match, source.ClauseAnd):
        return {"and": [clause(part) for part in match.and_]}
    (kind, text) = next(iter(vars(match).items()))
    return {kind: text}


def standard_phases(model: source.ModelInfo) -> list[list[Any]]:
    """[[first day or null, seconds of the UTC day or null, prices], …]; the last that applies holds."""
    if isinstance(model.prices, source.ModelPrice):
        return [[None, None, sheet(model.prices)]]
    return [[*constraint(entry.constraint), sheet(entry.prices)] for entry in model.prices]


def constraint(when: source.StartDateConstraint | source.TimeOfDateConstraint | None) -> list[Any]:
    """When a price holds: [first day, seconds of the day]."""
    if when is None:
        return [None, None]
    if isinstance(when, source.StartDateConstraint):
        return [when.start_date.isoformat(), None]
    return [None, [seconds(when.start_time), seconds(when.end_time)]]


def seconds(time: dt.time) -> int:
    """Seconds since midnight UTC."""
    if time.tzinfo not in (None, dt.UTC):
        sys.exit(f"a time of day in another zone than UTC: {time}")
    return time.hour * 3_600 + time.minute * 60 + time.second


def mode_phases(model: source.ModelInfo, context: dict[str, str]) -> list[list[Any]]:
    """The prices under a context, day by day on which they change."""
    variants = [variant for variant in model.price_variants or () if variant.when.items() <= context.items()]
    if not variants:
        return []
    conditions = [variant.constraint for variant in variants]
    if not isinstance(model.prices, source.ModelPrice):
        conditions += [entry.constraint for entry in model.prices]
    days = {NO_DATE}
    for when in conditions:
        if isinstance(when, source.TimeOfDateConstraint):
            sys.exit(f"{model.id}: a price both by time of day and by {context} is not supported")
        if when is not None:
            days.add(when.start_date)
    phases: list[list[Any]] = []
    for day in sorted(days):
        noon = dt.datetime.combine(day, dt.time(12), dt.UTC)
        prices = sheet(model.get_prices(noon, context))
        if not phases or phases[-1][2] != prices:
            phases.append([None if day == NO_DATE else day.isoformat(), None, prices])
    return phases


def model_entry(model: source.ModelInfo) -> dict[str, Any]:
    """One line of the table. A model without prices by token stays, so that no later one is taken for it."""
    entry: dict[str, Any] = {"id": model.id, "match": clause(model.match)}
    if model.context_window is not None:
        entry["window"] = model.context_window
    standard = standard_phases(model)
    if not any("input" in phase[2] or "output" in phase[2] for phase in standard):
        return entry
    entry["standard"] = standard
    for mode, contexts in MODES.items():
        for context in contexts:
            if phases := mode_phases(model, context):
                entry[mode] = phases
    return entry


def build() -> dict[str, Any]:
    """The table's providers as JSON values."""
    by_id = {provider.id: provider for provider in providers}
    return {
        name: {
            "fallback": by_id[name].fallback_model_providers or [],
            "models": [model_entry(model) for model in by_id[name].models],
        }
        for name in PROVIDERS
    }


def render(table: dict[str, Any], date: str) -> str:
    """The file's text: one line a model, so that a change of prices reads well."""
    lines = ["{", f'"version": "genai-prices {genai_prices.__version__}",', f'"date": "{date}",', '"providers": {']
    for name, entry in table.items():
        models = ",\n".join("  " + msgspec.json.encode(model).decode() for model in entry["models"])
        fallback = msgspec.json.encode(entry["fallback"]).decode()
        end = "" if name == PROVIDERS[-1] else ","
        lines.append(f'"{name}": {{"fallback": {fallback}, "models": [\n{models}\n]}}{end}')
    return "\n".join([*lines, "}", "}"]) + "\n"


def main() -> None:
    """Write the table; `--date` is the day it stands for (today)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--date", default=dt.datetime.now(dt.UTC).date().isoformat())
    date = parser.parse_args().date
    TABLE.write_text(render(build(), date))
    print(f"{TABLE}: {TABLE.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()

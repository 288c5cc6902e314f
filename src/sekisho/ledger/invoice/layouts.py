"""The exports that are recognised by their header.

Flows in: the header. Flows out: the layout that reads it. Must stay true: a layout reads what its columns say and
nothing else; a currency that is none of ours is refused. Layouts of OpenAI and Anthropic are those of their consoles'
CSV exports of 2025 and 2026; docs/guide-operator.md says which were proved by a real file.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Final

from sekisho.ledger.invoice.billed import KINDS, Billed, Layout, LeftOut
from sekisho.ledger.invoice.clouds import AWS, AZURE
from sekisho.ledger.invoice.sheet import InvoiceError, Line, named

_CENT: Final = Decimal("0.01")
_DAY_SECONDS: Final = 86_400
#: Columns of Anthropic's export of usage.
_ANTHROPIC_TOKENS: Final = {
    "input": "usage_input_tokens_no_cache",
    "cache_write": "usage_input_tokens_cache_write_5m",
    "cache_write_1h": "usage_input_tokens_cache_write_1h",
    "cache_read": "usage_input_tokens_cache_read",
    "output": "usage_output_tokens",
}


def anthropic_usage(line: Line) -> Iterator[Billed]:
    """Tokens by day, model, key and context window."""
    tokens = {kind: line.tokens(column) for kind, column in _ANTHROPIC_TOKENS.items()}
    yield Billed(day=line.day("usage_date_utc"), model=line.text("model_version"), tokens=tokens)


def anthropic_cost(line: Line) -> Iterator[Billed | LeftOut]:
    """USD, rounded to cents, by day, model, key and kind of token."""
    cost = line.amount("cost_usd")
    if not line.has("token_type") or not line.has("model"):
        yield LeftOut(line.text("cost_type", "usage_type") or "no tokens", cost)
    else:
        yield Billed(day=line.day("usage_date_utc"), model=line.text("model"), cost_usd=cost)


def openai_usage(line: Line) -> Iterator[Billed]:
    """Tokens by day and whatever it was grouped by; a day without use has a line without a model."""
    _check_daily(line)
    prompt, cached = line.tokens("input_tokens"), line.tokens("input_cached_tokens")
    if cached > prompt:
        raise line.error("input_cached_tokens", "more than 'input_tokens'.")
    if line.has("model") or prompt or line.tokens("output_tokens"):
        tokens = {"input": prompt - cached, "cache_read": cached, "output": line.tokens("output_tokens")}
        yield Billed(day=_openai_day(line), model=line.text("model"), tokens=tokens)


def openai_cost(line: Line) -> Iterator[Billed]:
    """USD by day and, where it was grouped by them, line item: `gpt-5-2025-08-07, cached input`."""
    _check_daily(line)
    if not line.has("amount_value"):
        return
    if line.text("amount_currency").lower() != "usd":
        raise line.error("amount_currency", "only USD is compared.")
    model = line.text("line_item").rpartition(",")[0] or line.text("line_item")
    yield Billed(day=_openai_day(line), model=model, cost_usd=line.amount("amount_value"))


LAYOUTS: Final = (
    Layout(
        name="Anthropic usage",
        needs=frozenset({"usage_date_utc", "model_version", *_ANTHROPIC_TOKENS.values()}),
        providers=("anthropic",),
        read=anthropic_usage,
        kinds=KINDS,
    ),
    Layout(
        name="Anthropic cost",
        needs=frozenset({"usage_date_utc", "model", "token_type", "cost_usd"}),
        providers=("anthropic",),
        read=anthropic_cost,
        costs=True,
        rounded_usd=_CENT / 2,
    ),
    Layout(
        name="OpenAI usage",
        needs=frozenset({"start_time", "end_time", "model", "input_tokens", "input_cached_tokens", "output_tokens"}),
        providers=("openai",),
        read=openai_usage,
        kinds=("input", "cache_read", "output"),
        folds={"cache_write": "input", "cache_write_1h": "input"},
    ),
    Layout(
        name="OpenAI cost",
        needs=frozenset({"start_time", "end_time", "amount_value", "amount_currency", "line_item"}),
        providers=("openai",),
        read=openai_cost,
        costs=True,
    ),
    AWS,
    AZURE,
)


def layout_of(file: str, header: Iterable[str]) -> Layout:
    """The layout of a header. Raises InvoiceError naming what is nearest."""
    columns = frozenset(header)
    found = next((layout for layout in LAYOUTS if layout.needs <= columns), None)
    if found is not None:
        return found
    nearest = max(LAYOUTS, key=lambda layout: len(layout.needs & columns) / len(layout.needs))
    lacking = ", ".join(sorted(nearest.needs - columns))
    raise InvoiceError(
        f"{file} is no export that is known ({', '.join(layout.name for layout in LAYOUTS)}). Nearest is "
        f"{nearest.name}, but for: {lacking}. Say which column is what with --columns date=…,model=…,cost=…"
    )


def layout_by_columns(file: str, header: Iterable[str], said: Mapping[str, str]) -> Layout:
    """A layout of one's own: what a column is -> its name. Raises InvoiceError."""
    columns = {what: named(name) for what, name in said.items()}
    known = ("date", "model", "cost", *KINDS)
    unknown = next((what for what in columns if what not in known), None)
    if unknown is not None:
        raise InvoiceError(f"--columns: '{unknown}' is nothing that is compared: {', '.join(known)}.")
    lacking = next((said[what] for what, column in columns.items() if column not in frozenset(header)), None)
    if lacking is not None:
        raise InvoiceError(f"{file} has no column '{lacking}'.")
    kinds = tuple(kind for kind in KINDS if kind in columns)
    if "date" not in columns or not (kinds or "cost" in columns):
        raise InvoiceError("--columns needs date=…, and cost=… or a kind of token.")

    def read(line: Line) -> Iterator[Billed]:
        yield Billed(
            day=line.day(columns["date"]),
            model=line.text(columns["model"]) if "model" in columns else "",
            cost_usd=line.amount(columns["cost"]) if "cost" in columns else None,
            tokens={kind: line.tokens(columns[kind]) for kind in kinds},
        )

    folds = {} if "cache_write_1h" in kinds else {"cache_write_1h": "cache_write"}
    return Layout(
        name="your columns",
        needs=frozenset(columns.values()),
        providers=(),
        read=read,
        kinds=kinds,
        costs="cost" in columns,
        folds=folds,
    )


def _openai_day(line: Line) -> dt.date:
    return line.day("start_time_iso" if line.has("start_time_iso") else "start_time")


def _check_daily(line: Line) -> None:
    if line.amount("end_time") - line.amount("start_time") > _DAY_SECONDS:
        raise line.error("end_time", "more than a day after 'start_time': export it by day.")

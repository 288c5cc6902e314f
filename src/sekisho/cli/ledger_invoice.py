"""`sekisho ledger invoice`: a provider's export of what it billed, beside the ledger. Exit code 1 where they differ.

Flows in: a CSV file, the database. Flows out: differences by day and model, a summary. Must stay true: the file is read
whole before anything is told; days are UTC on both sides; nothing is changed.
"""

from __future__ import annotations

import calendar
import datetime as dt
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sekisho.cli.db import ConfigOption, DataDirOption, with_store
from sekisho.config.load import load_settings
from sekisho.core.errors import OperatorError
from sekisho.ledger.invoice.compare import COST, Compared, Invoice
from sekisho.ledger.invoice.layouts import layout_by_columns, layout_of
from sekisho.ledger.invoice.sheet import Sheet
from sekisho.providers.deployment import resolve_all
from sekisho.store.billed import UsedModel, used_models
from sekisho.store.db import Store

T = TypeVar("T")
_MISSING = {"": "", "ledger": "not in the ledger", "file": "not in the file"}
Days = tuple[dt.date, dt.date]


def compare_invoice(
    file: Annotated[Path, typer.Argument(help="The export, CSV, gzipped or not.", exists=True, dir_okay=False)],
    *,
    provider: Annotated[
        list[str] | None, typer.Option(help="Providers of the ledger that it bills; known by the export's kind.")
    ] = None,
    month: Annotated[str | None, typer.Option(help="Only the days of this month: 2026-01.")] = None,
    columns: Annotated[
        str | None, typer.Option(help="What is in which column of another export: date=Day,model=Model,cost=USD.")
    ] = None,
    same: Annotated[
        list[str] | None, typer.Option("--as", help="A model's name there and here: 'THEIRS=OURS'.")
    ] = None,
    tolerance: Annotated[str, typer.Option(help="The percentage up to which a difference is none.")] = "0",
    show_all: Annotated[bool, typer.Option("--all", help="Show what agrees, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = Path(".data"),
) -> None:
    """Compare what a provider billed with the ledger, by UTC day and model."""
    try:
        days = None if month is None else _days_of(month)
        percent = _percent(tolerance)
        sheet = Sheet(file)
        said = _pairs("--columns", columns.split(",")) if columns else None
        layout = (
            layout_of(file.name, sheet.header) if said is None else layout_by_columns(file.name, sheet.header, said)
        )
        invoice = Invoice(layout, _pairs("--as", same or ()))
        for line in sheet.lines():
            invoice.add(layout.read(line), lambda day: days is None or days[0] <= day <= days[1])
        providers = _given(provider or layout.providers, "--provider: say which of the ledger's providers it bills.")
        span = _given(days or invoice.days, f"{file.name} bills nothing for tokens.")
        names = _model_names(config)
    except OperatorError as error:
        for problem in getattr(error, "problems", ()) or (error,):
            typer.echo(problem, err=True)
        raise typer.Exit(1) from error
    used = with_store(config, data_dir, lambda store: _used(store, providers, span))
    rows = invoice.compare(used, names, percent)
    wrong = [row for row in rows if not row.within]
    _show(rows if show_all else wrong, as_json=as_json)
    _sum_up(invoice, rows, wrong, span)
    if wrong:
        raise typer.Exit(1)


def _given(value: T | None, message: str) -> T:
    if not value:
        raise OperatorError(message)
    return value


def _used(store: Store, providers: Sequence[str], span: Days) -> list[UsedModel]:
    first, last = span
    until = _midnight_us(last + dt.timedelta(days=1))
    return store.read(partial(used_models, providers=providers, from_us=_midnight_us(first), until_us=until)).result()


def _model_names(config: Path | None) -> Callable[[UsedModel], str]:
    """The public name of a model of the ledger: a configuration knows what hides behind an ARN or a name of ours."""
    known: dict[tuple[str, str], str] = {}
    if config is not None:
        for one in resolve_all(load_settings(config, os.environ)):
            known[one.provider.name, one.model] = one.known_model
    return lambda used: known.get((used.provider, used.model), used.model)


def _show(rows: Sequence[Compared], *, as_json: bool) -> None:
    if as_json:
        for row in rows:
            fields = {name: getattr(row, name) for name in row.__struct_fields__} | {"difference": row.difference}
            sys.stdout.write(msgspec.json.encode(fields).decode() + "\n")
    elif rows:
        Console().print(_table(rows))


def _table(rows: Sequence[Compared]) -> Table:
    table = Table(title="Billed and booked", title_justify="left")
    for name in ("day (UTC)", "model", "what"):
        table.add_column(name, overflow="fold")
    for name in ("theirs", "ours", "difference", "%"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for row in rows:
        percent = "" if row.percent is None else f"{row.percent:+.2f}"
        cells = (_number(row.theirs), _number(row.ours), _number(row.difference), percent)
        model = "".join(filter(str.isprintable, row.model))
        table.add_row(str(row.day), Text(model), row.what, *cells, _remark(row))
    return table


def _remark(row: Compared) -> str:
    remarks = [_MISSING[row.missing]]
    if row.what == COST and row.unpriced:
        remarks.append(f"{row.unpriced} calls without a price")
    if row.incomplete:
        remarks.append(f"{row.incomplete} calls cut, estimated")
    return ", ".join(filter(None, remarks))


def _sum_up(invoice: Invoice, rows: Sequence[Compared], wrong: Sequence[Compared], span: Days) -> None:
    """On stderr, so that JSON lines stay JSON lines."""
    for reason, (lines, cost) in sorted(invoice.left_out.items()):
        typer.echo(f"Left out: {lines} lines, {reason}" + (f", {_number(cost)} USD" if cost else ""), err=True)
    costs = [row for row in rows if row.what == COST]
    if costs:
        theirs, ours = (sum(getattr(row, side) for row in costs) for side in ("theirs", "ours"))
        told = f"{_number(theirs)} USD billed, {_number(ours)} USD booked, difference {_number(ours - theirs)} USD."
        typer.echo(told, err=True)
    what = f"{invoice.layout.name}, {span[0]} to {span[1]}"
    typer.echo(f"{what}: {len(wrong)} of {len(rows)} sums by day and model differ.", err=True)


def _pairs(option: str, said: Sequence[str]) -> Mapping[str, str]:
    """NAME=NAME -> both. Raises OperatorError."""
    pairs = {}
    for text in said:
        left, equals, right = text.partition("=")
        if not equals or not left.strip() or not right.strip():
            raise OperatorError(f"{option} {text}: write NAME=NAME.")
        pairs[left.strip()] = right.strip()
    return pairs


def _days_of(month: str) -> Days:
    try:
        first = dt.date.fromisoformat(f"{month}-01")
    except ValueError:
        raise OperatorError(f"--month {month} is no month: write 2026-01.") from None
    return first, first.replace(day=calendar.monthrange(first.year, first.month)[1])


def _percent(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(-1)
    if not value.is_finite() or not 0 <= value <= 100:
        raise OperatorError(f"--tolerance {text} is no percentage: write 0.5.")
    return value


def _number(value: Decimal) -> str:
    """Without zeros behind, and without an exponent."""
    return f"{value.normalize():f}" if value else "0"


def _midnight_us(day: dt.date) -> int:
    return round(dt.datetime.combine(day, dt.time(), dt.UTC).timestamp()) * 1_000_000

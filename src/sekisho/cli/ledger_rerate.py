"""`sekisho ledger rerate`: past calls priced anew, by the prices that configuration and table have for their day.

Flows in: the configuration, the database. Flows out: corrected rows and sums, a report by model. Must stay true: a
portion is one transaction, so that it may be stopped and run again at any time, beside gateways; a dry run changes
nothing and reports the same.
"""

from __future__ import annotations

import datetime as dt
import os
import sys
from functools import partial
from pathlib import Path
from threading import Event
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text
from sqlalchemy.engine import Connection

from sekisho.cli.db import DataDirOption, with_store
from sekisho.cli.ledger_limits import compare_limits, shared_limits
from sekisho.config.load import load_settings
from sekisho.config.model import Settings
from sekisho.core.envelope import PREVIOUS_ROOT_KEYS, ROOT_KEY, Envelope
from sekisho.core.errors import OperatorError
from sekisho.core.ids import new_uuid7
from sekisho.core.money import usd_text
from sekisho.exchange.tables import rate_table
from sekisho.ledger.prices import PriceBook, Rates
from sekisho.ledger.rerate import Outcome, Outcomes, RatesOf, rerate
from sekisho.ledger.rows import CallRow
from sekisho.providers.catalog import find_provider
from sekisho.providers.deployment import Deployment, resolve_all
from sekisho.providers.stored import StoredModels
from sekisho.store.correct import Place, Run, Wanted, correct_calls, hold_calls, portion
from sekisho.store.db import Store
from sekisho.store.usage import DAY_US

#: Versions of prices that an operator's file gave.
_OF_THE_FILE = "config:"


def rerate_calls(
    *,
    config: Annotated[Path, typer.Option(help="The configuration with the prices.", exists=True, dir_okay=False)],
    first: Annotated[str, typer.Option("--from", help="The first UTC day of the calls: 2026-01-31.")],
    last: Annotated[str | None, typer.Option("--to", help="The last UTC day; today where it is not said.")] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="Only calls of this model; may be said more than once.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only report what would change.")] = False,
    data_dir: DataDirOption = Path(".data"),
    as_json: Annotated[bool, typer.Option("--json", help="The report as one JSON object a model and line.")] = False,
    wait_seconds: Annotated[
        float, typer.Option(min=0, max=600, help="How long a call's end may be on its way to the ledger.")
    ] = 2.0,
) -> None:
    """Price past calls anew, those without a known price too, and correct all sums that they are in."""
    try:
        from_us = _midnight_us("--from", first)
        until_us = _midnight_us("--to", last) + DAY_US if last is not None else _now_us()
        wanted = Wanted(from_us, until_us, tuple(model or ()))
    except OperatorError as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from error
    run = None if dry_run else Run(new_uuid7(), _actor(), _now_us())

    def work(store: Store) -> tuple[Outcomes, int]:
        prices = Prices(load_settings(config, os.environ), store)
        return correct(store, prices.of, wanted, run), prices.gone

    outcomes, gone = with_store(config, data_dir, work)
    report(outcomes, as_json=as_json)
    if gone:
        typer.echo(
            f"{gone} calls keep the cost that an entry of the configuration gave them which is no more.", err=True
        )
    if run is not None and any(outcome.corrected for outcome in outcomes.values()):
        typer.echo(f"The former costs are in the table corrections, under {run.run_id}.", err=True)
        with_store(config, data_dir, lambda store: _budgets(config, store, data_dir, wait_seconds))


def correct(store: Store, rates_of: RatesOf, wanted: Wanted, run: Run | None) -> Outcomes:
    """Portion by portion; without a run nothing is changed."""
    outcomes: Outcomes = {}
    place: Place | None = (wanted.from_us, "")
    with Progress(transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("calls", total=max(1, wanted.until_us - wanted.from_us))
        while place is not None:
            work = partial(_portion, wanted=wanted, place=place, rates_of=rates_of, run=run)
            place, found = (store.read if run is None else store.write)(work).result()
            for key, outcome in found.items():
                outcomes.setdefault(key, Outcome()).add(outcome)
            if place is not None:
                progress.update(task, completed=place[0] - wanted.from_us)
    return outcomes


def report(outcomes: Outcomes, *, as_json: bool) -> None:
    """By model, what has changed most first."""
    rows = sorted(outcomes.items(), key=lambda item: (-abs(_difference(item[1])), item[0]))
    if as_json:
        for (provider, model), outcome in rows:
            names = {"provider": provider, "model": model}
            line = msgspec.json.encode(names | msgspec.structs.asdict(outcome)).decode()
            sys.stdout.write(line + "\n")
    else:
        Console().print(_table(rows))


class Prices:
    """The prices that rows of the ledger have now."""

    def __init__(self, settings: Settings, store: Store) -> None:
        """Raises OperatorError for models that cannot be told apart."""
        if settings.general.store_model_in_db:
            envelope = Envelope(os.environ.get(ROOT_KEY), os.environ.get(PREVIOUS_ROOT_KEYS))
            stored = StoredModels(store, envelope, lambda: None)
            stored.look()
            settings = stored.beside(settings)
        deployments = resolve_all(settings)
        self._by_id = {one.id: one for one in deployments}
        self._by_model = {(one.provider.name, one.model): one for one in reversed(deployments)}
        self._book = PriceBook.load()
        self._rates = rate_table(self._book)
        self._known: dict[tuple[str | None, ...], Rates | None] = {}
        #: Rows that were priced by an entry which is no more.
        self.gone = 0

    def of(self, row: CallRow) -> Rates | None:
        """By the entry that served the call, else by one of the same model there, else by the table."""
        model = row.routed_model or ""
        entry = self._by_id.get(row.deployment_id or "") or self._by_model.get((row.provider or "", model))
        if entry is None and row.cost_nano_usd is not None and (row.price_version or "").startswith(_OF_THE_FILE):
            self.gone += 1
            return None
        key = (row.deployment_id, row.provider, model, row.api_base)
        if key not in self._known:
            self._known[key] = self._listed(row, model) if entry is None else self._rates(_concrete(entry, model))
        return self._known[key]

    def _listed(self, row: CallRow, model: str) -> Rates | None:
        provider = find_provider(row.provider or "")
        if provider is None:
            return None
        return self._book.resolve(provider.price_key, provider.public_name(model), {}, row.api_base or "")


def _concrete(entry: Deployment, model: str) -> Deployment:
    """An entry for the model that its `*` stood for."""
    return msgspec.structs.replace(entry, model=model) if "*" in entry.model else entry


def _portion(
    connection: Connection, *, wanted: Wanted, place: Place, rates_of: RatesOf, run: Run | None
) -> tuple[Place | None, Outcomes]:
    """Where the next one begins, and what came of this one."""
    if run is not None:
        hold_calls(connection)
    rows = portion(connection, wanted, place)
    outcomes: Outcomes = {}
    corrections = rerate(rows, rates_of, outcomes)
    if run is not None:
        correct_calls(connection, run, corrections)
    return ((rows[-1]["started_us"], rows[-1]["call_id"]) if rows else None), outcomes


def _budgets(config: Path, store: Store, data_dir: Path, wait_seconds: float) -> None:
    """What budgets have settled follows the ledger."""
    shared = shared_limits(config, store)
    if shared is None:
        typer.echo(
            "Restart the gateway: its budgets are in its memory, and count the new costs from then on.", err=True
        )
        return
    try:
        found = compare_limits(shared, store, data_dir, lambda: Event().wait(wait_seconds))
        if found.amounts and found.waiting:
            typer.echo(
                f"{found.waiting} calls wait in the spools here, so budgets do not follow the new costs yet: run "
                "`sekisho ledger verify --mend` once a gateway has brought them into the ledger.",
                err=True,
            )
            return
        shared.add_settled(found.amounts)
        typer.echo(f"{len(found.amounts)} counts of budgets follow the new costs.", err=True)
    finally:
        shared.close()


def _table(rows: list[tuple[tuple[str, str], Outcome]]) -> Table:
    table = Table(title="Priced anew", title_justify="left")
    for name in ("provider", "model"):
        table.add_column(name, overflow="fold")
    for name in ("calls", "corrected", "unpriced before", "unpriced now", "before USD", "after USD", "difference"):
        table.add_column(name, justify="right")
    for (provider, model), outcome in rows:
        table.add_row(Text(provider), Text("".join(filter(str.isprintable, model))), *_cells(outcome))
    total = Outcome()
    for _, outcome in rows:
        total.add(outcome)
    table.add_section()
    table.add_row("", "all", *_cells(total))
    return table


def _cells(outcome: Outcome) -> tuple[str, ...]:
    return (
        str(outcome.calls),
        str(outcome.corrected),
        str(outcome.priced + outcome.unknown),
        str(outcome.unknown),
        usd_text(outcome.before_nano_usd),
        usd_text(outcome.after_nano_usd),
        usd_text(_difference(outcome)),
    )


def _difference(outcome: Outcome) -> int:
    return outcome.after_nano_usd - outcome.before_nano_usd


def _midnight_us(option: str, day: str) -> int:
    try:
        return round(dt.datetime.combine(dt.date.fromisoformat(day), dt.time(), dt.UTC).timestamp()) * 1_000_000
    except ValueError as error:
        raise OperatorError(f"{option} {day} is no day: write 2026-01-31.") from error


def _now_us() -> int:
    return round(dt.datetime.now(dt.UTC).timestamp() * 1_000_000)


def _actor() -> str:
    return f"sekisho ledger rerate by {os.environ.get('USER') or f'uid {os.getuid()}'}"

"""`sekisho ledger verify`: whether the ledger's books agree. Exit code 0 when they do, 1 when they do not.

Flows in: the database, the store of limits. Flows out: a line a difference, a summary. Must stay true: it changes
nothing unless asked to mend; beside a gateway that runs it sees each call and its roll-up together or not at all, and
what is on its way is no difference.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from threading import Event
from typing import Annotated

import typer
from rich.progress import Progress

from sekisho.cli.db import ConfigOption, DataDirOption, with_store
from sekisho.cli.ledger_limits import compare_limits, shared_limits, tell
from sekisho.store.closing import differing
from sekisho.store.db import Store
from sekisho.store.usage import count_anew, days_with_calls, reopen
from sekisho.store.verify import Verified, verify_day


def verify(
    *,
    config: ConfigOption = None,
    data_dir: DataDirOption = Path(".data"),
    mend: Annotated[
        bool, typer.Option("--mend", help="Make the roll-ups of days that differ anew, and put counts of money right.")
    ] = False,
    wait_seconds: Annotated[
        float, typer.Option(min=0, max=600, help="How long a call's end may be on its way to the ledger.")
    ] = 2.0,
) -> None:
    """Compare the roll-ups by hour and day with the calls, and with them what budgets have settled and reserved."""
    agree = with_store(config, data_dir, lambda store: _check_days(store, mend=mend))
    agree &= with_store(config, data_dir, lambda store: _check_closed(store, mend=mend))
    agree &= with_store(config, data_dir, lambda store: check_limits(config, store, data_dir, wait_seconds, mend=mend))
    if not agree:
        raise typer.Exit(1)


def check_limits(config: Path | None, store: Store, data_dir: Path, wait_seconds: float, *, mend: bool) -> bool:
    """Whether the limits that processes count together agree with the calls, or do now."""
    shared = shared_limits(config, store)
    if shared is None:
        return True
    try:
        found = compare_limits(shared, store, data_dir, lambda: Event().wait(wait_seconds))
        tell(found)
        if found.amounts and mend and found.waiting:
            typer.echo("What budgets have settled is not put right before those calls are in the ledger.", err=True)
            return False
        if found.amounts and mend:
            shared.add_settled(found.amounts)
            typer.echo(f"{len(found.amounts)} counts of money were put right by the ledger.")
        elif found.amounts:
            typer.echo("`--mend` puts what budgets have settled right by the ledger.", err=True)
    finally:
        shared.close()
    return len(found.differences) == (len(found.amounts) if mend else 0)


def _check_days(store: Store, *, mend: bool) -> bool:
    """Whether every day's roll-ups agree with its calls, or do now."""
    checked = list(_checked(store))
    calls, wrong = sum(day.calls for day in checked), [day for day in checked if day.differences]
    for day in wrong:
        for difference in day.differences:
            typer.echo(difference)
    if not wrong:
        typer.echo(f"{calls} calls on {len(checked)} days: the roll-ups agree.")
    elif mend:
        made = [store.write(partial(count_anew, day_us=day.day_us)).result() for day in wrong]
        typer.echo(f"{sum(made)} of {len(checked)} days differed; their roll-ups were made anew from the calls.")
    else:
        typer.echo(f"{len(wrong)} of {len(checked)} days differ: `--mend` makes their roll-ups anew.", err=True)
    return mend or not wrong


def _check_closed(store: Store, *, mend: bool) -> bool:
    """Whether the sums of days and months that are over are those of the roll-ups, or will be made anew."""
    wrong = store.read(lambda connection: list(differing(connection))).result()
    for table, starts_us in wrong:
        day = dt.datetime.fromtimestamp(starts_us // 1_000_000, dt.UTC)
        typer.echo(f"{table} from {day:%Y-%m-%d}: not the sum of the roll-ups")
    if wrong and mend:
        store.write(partial(reopen, days_us={starts_us for _, starts_us in wrong})).result()
        typer.echo(f"{len(wrong)} sums of days and months are left to be made anew by the next gateway that runs.")
    return mend or not wrong


def _checked(store: Store) -> Iterator[Verified]:
    days = store.read(days_with_calls).result()
    with Progress(transient=True, disable=not sys.stderr.isatty()) as progress:
        for day_us in progress.track(days, description="days"):
            yield store.read(partial(verify_day, day_us=day_us)).result()

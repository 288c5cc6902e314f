"""`sekisho ledger verify`: whether the ledger's books agree. Exit code 0 when they do, 1 when they do not.

Flows in: the database. Flows out: a line a difference, a summary. Must stay true: it changes nothing unless asked to
mend; beside a gateway that runs it sees each call and its roll-up together or not at all.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from sekisho.cli.db import ConfigOption, DataDirOption, with_store
from sekisho.store.db import Store
from sekisho.store.usage import count_anew, days_with_calls
from sekisho.store.verify import Verified, verify_day


def verify(
    *,
    config: ConfigOption = None,
    data_dir: DataDirOption = Path(".data"),
    mend: Annotated[bool, typer.Option("--mend", help="Make the roll-ups of days that differ anew.")] = False,
) -> None:
    """Compare the roll-ups by hour and day with the calls."""
    checked = with_store(config, data_dir, lambda store: list(_checked(store)))
    calls, wrong = sum(day.calls for day in checked), [day for day in checked if day.differences]
    for day in wrong:
        for difference in day.differences:
            typer.echo(difference)
    if not wrong:
        typer.echo(f"{calls} calls on {len(checked)} days: the roll-ups agree.")
    elif mend:
        with_store(config, data_dir, lambda store: _mend(store, wrong))
        typer.echo(f"{len(wrong)} of {len(checked)} days differed; their roll-ups were made anew from the calls.")
    else:
        typer.echo(f"{len(wrong)} of {len(checked)} days differ: `--mend` makes their roll-ups anew.", err=True)
        raise typer.Exit(1)


def _checked(store: Store) -> Iterator[Verified]:
    days = store.read(days_with_calls).result()
    with Progress(transient=True, disable=not sys.stderr.isatty()) as progress:
        for day_us in progress.track(days, description="days"):
            yield store.read(partial(verify_day, day_us=day_us)).result()


def _mend(store: Store, wrong: list[Verified]) -> None:
    for day in wrong:
        store.write(partial(count_anew, day_us=day.day_us)).result()

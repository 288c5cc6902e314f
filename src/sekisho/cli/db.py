"""`sekisho db`: what is done to the database itself, by hand or before a new version is rolled out.

Flows in: the configuration, DATABASE_URL. Flows out: the database at head, or without old calls. Must stay true:
several may run it at once; a gateway that runs is not disturbed.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from sqlalchemy.exc import DBAPIError

from sekisho.config.load import load_settings
from sekisho.core.clock import SystemClock
from sekisho.core.errors import OperatorError, SekishoError
from sekisho.core.secret import Secret
from sekisho.store.days import drop_days
from sekisho.store.db import Database, Store
from sekisho.store.migrate import upgrade_schema
from sekisho.store.open import FILE_NAME, open_store, open_url
from sekisho.store.schema import HEAD

T = TypeVar("T")
app = typer.Typer(no_args_is_help=True, help="Look after the database.")

ConfigOption = Annotated[
    Path | None, typer.Option(help="The configuration that names the database.", exists=True, dir_okay=False)
]
DataDirOption = Annotated[Path, typer.Option(help="The gateway's data directory.")]


@app.callback()
def db() -> None:
    """Make the verbs below verbs of their own."""


@app.command("upgrade")
def upgrade(*, config: ConfigOption = None, data_dir: DataDirOption = Path(".data")) -> None:
    """Bring the tables to what this version needs; into an empty database they are laid."""
    before = with_store(config, data_dir, upgrade_schema)
    if before == HEAD:
        typer.echo(f"The database is at schema {HEAD} already.")
    else:
        typer.echo(f"The database is at schema {HEAD} now; it was {f'at {before}' if before else 'empty'} before.")


@app.command("drop-calls")
def drop_calls(
    *,
    before: Annotated[str, typer.Option(help="The first UTC day that stays: 2026-01-31.")],
    config: ConfigOption = None,
    data_dir: DataDirOption = Path(".data"),
) -> None:
    """Give up the calls of the days before one; what was spent and used stays counted."""
    try:
        day = dt.datetime.combine(dt.date.fromisoformat(before), dt.time(), dt.UTC)
    except ValueError:
        typer.echo(f"--before {before} is no day: write 2026-01-31.", err=True)
        raise typer.Exit(1) from None
    before_us = round(day.timestamp()) * 1_000_000
    now_us = SystemClock().now_us()
    if before_us > now_us:
        typer.echo(f"--before {before} is not past: a day is given up when it is over.", err=True)
        raise typer.Exit(1)
    with_store(config, data_dir, lambda store: drop_days(store, before_us, now_us))
    typer.echo(f"The calls of the days before {day:%Y-%m-%d} are gone.")


def with_store(config: Path | None, data_dir: Path, work: Callable[[Store], T]) -> T:
    """What `work` makes of the database that is named: by the configuration, by DATABASE_URL, by the data directory.

    Says what is wrong and exits 1 where it cannot.
    """
    try:
        store = _opened(config, data_dir)
        try:
            return work(store)
        finally:
            store.close()
    except DBAPIError as error:
        typer.echo(f"The database refused: {error.orig}", err=True)
        raise typer.Exit(1) from error
    except SekishoError as error:
        for line in getattr(error, "problems", ()) or (error,):
            typer.echo(line, err=True)
        raise typer.Exit(1) from error


def _opened(config: Path | None, data_dir: Path) -> Store:
    if config is not None:
        return open_store(load_settings(config, os.environ), data_dir, patient=True)
    url = os.environ.get("DATABASE_URL")
    if url:
        return open_url(Secret(url), patient=True)
    path = data_dir / FILE_NAME
    if not path.is_file():
        raise OperatorError(f"There is no database at {path}: name its --config or --data-dir, or set DATABASE_URL.")
    return Database(path)

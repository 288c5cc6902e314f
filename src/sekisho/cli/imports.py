"""`sekisho import`: takes over what another gateway holds.

Flows in: the other gateway's database. Flows out: rows in ours, a report. Must stay true: nothing is written to the
other one; a second run adds what is new and leaves what is here; `--dry-run` says the same and writes nothing.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sqlalchemy.exc import DBAPIError

from sekisho.cli.db import ConfigOption, DataDirOption, with_store
from sekisho.cli.litellm.models import MASTER_KEY, SALT_KEY
from sekisho.cli.litellm.plan import Part
from sekisho.cli.litellm.salt import Salt
from sekisho.cli.litellm.source import TABLES, Source, read_source
from sekisho.cli.litellm.write import Import, Secrets, compare, prepared, take_in
from sekisho.core.envelope import PREVIOUS_ROOT_KEYS, ROOT_KEY, Envelope
from sekisho.core.errors import OperatorError
from sekisho.core.secret import Secret
from sekisho.store.away import StoreAway
from sekisho.store.db import Store
from sekisho.store.open import open_url

app = typer.Typer(no_args_is_help=True, help="Take over what another gateway holds.")
#: How far it is: what is being done, of how many.
Steps = Callable[[str, int, int], None]


@app.callback()
def imports() -> None:
    """Make the verb below a verb of its own."""


@app.command("litellm")
def litellm(
    *,
    database_url: Annotated[
        str, typer.Option(help="LiteLLM's PostgreSQL: postgresql://…", envvar="LITELLM_DATABASE_URL")
    ],
    config: ConfigOption = None,
    data_dir: DataDirOption = Path(".data"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and write nothing.")] = False,
) -> None:
    """Take over LiteLLM's keys, users, teams, organisations, budgets, spend and models.

    LITELLM_SALT_KEY opens the models that LiteLLM stored, SEKISHO_ROOT_KEY seals them here.
    """

    def work(store: Store) -> tuple[Import, list[Part]]:
        with Progress(transient=True, disable=not sys.stderr.isatty(), console=Console(stderr=True)) as progress:
            tasks = {"reading": progress.add_task("reading"), "writing": progress.add_task("writing", visible=False)}

            def step(what: str, done: int, total: int) -> None:
                progress.update(tasks[what], completed=done, total=total, visible=True)

            secrets = _secrets()
            source = _read(database_url, step)
            wanted = prepared(source, secrets, time.time_ns() // 1_000)
            if dry_run:
                return wanted, compare(store, wanted)
            return wanted, take_in(store, wanted, lambda done, total: step("writing", done, total))

    wanted, parts = with_store(config, data_dir, work)
    _tell(wanted, parts, dry_run=dry_run)


def _secrets() -> Secrets:
    salt = os.environ.get(SALT_KEY) or os.environ.get(MASTER_KEY)
    envelope = Envelope(os.environ.get(ROOT_KEY), os.environ.get(PREVIOUS_ROOT_KEYS))
    return Secrets(Salt(Secret(salt)) if salt else None, envelope)


def _read(url: str, step: Steps) -> Source:
    """LiteLLM's tables. Raises OperatorError, which says that it is that database."""
    done: list[str] = []

    def read(name: str) -> None:
        done.append(name)
        step("reading", len(done), len(TABLES))

    try:
        store = open_url(Secret(url), patient=True)
    except OperatorError as error:
        raise OperatorError(str(error).replace("DATABASE_URL", "--database-url")) from error
    try:
        return store.read(lambda connection: read_source(connection, read)).result()
    except StoreAway as error:
        raise OperatorError(f"LiteLLM's database: {error}") from error
    except DBAPIError as error:
        raise OperatorError(f"LiteLLM's database refused: {error.orig}") from error
    finally:
        store.close()


def _tell(wanted: Import, parts: list[Part], *, dry_run: bool) -> None:
    table = Table("", "new", "here already", "deleted here", "left out")
    for part in parts:
        table.add_row(part.word, *map(str, (len(part.fresh), part.here, part.deleted, part.left_out)))
    Console().print(table)
    lines = wanted.findings.lines()
    lines += [f"table {name}: {count} rows" for name, count in wanted.source.others.items()]
    if lines:
        typer.echo("\nNot taken over, or otherwise than in LiteLLM:")
    for line in lines:
        typer.echo(f"  {line}")
    added = sum(len(part.fresh) for part in parts)
    if dry_run:
        typer.echo(f"\n{added} rows would be imported. Nothing was written.")
    elif added:
        typer.echo(f"\n{added} rows imported.")
    else:
        typer.echo("\nNothing is new: what is here stays as it is.")

"""`sekisho ledger log`: the calls in the ledger as a table, or as JSON lines.

Flows in: the database. Flows out: rows, newest last. Must stay true: it reads only, so it may run beside the gateway;
calls that ended within the last moments may not have reached the database.
"""

from __future__ import annotations

import datetime as dt
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy.exc import DBAPIError

from sekisho.canonical.usage import Usage
from sekisho.cli.db import ConfigOption, DataDirOption, with_store
from sekisho.cli.ledger_invoice import compare_invoice
from sekisho.cli.ledger_rerate import rerate_calls
from sekisho.cli.ledger_verify import verify
from sekisho.core.errors import OperatorError
from sekisho.core.money import usd_text
from sekisho.identity.keys import PREFIX, token_hash
from sekisho.ledger.rows import CallRow, from_columns
from sekisho.store.calls import CallFilter, find_calls
from sekisho.store.db import Store

app = typer.Typer(no_args_is_help=True, help="Read the ledger, and look after it.")
app.command("verify")(verify)
app.command("rerate")(rerate_calls)
app.command("invoice")(compare_invoice)

_SINCE = re.compile(r"([0-9]{1,6})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_HASH = re.compile(r"[0-9a-f]{64}")
_STATUS_STYLES = {"success": "green", "failure": "red", "incomplete": "yellow"}


@app.command("log")
def show_log(
    *,
    config: ConfigOption = None,
    data_dir: DataDirOption = Path(".data"),
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many calls, the newest.")] = 20,
    key: Annotated[str | None, typer.Option(help="Only this key's: the key, its hash or its alias.")] = None,
    since: Annotated[str | None, typer.Option(help="Only calls since then: 15m, 24h, 7d, or a UTC date.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show the last calls: who, what, how it ended, what it cost."""
    try:
        wanted = _filter(key, since, dt.datetime.now(dt.UTC))
    except OperatorError as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from error
    rows = with_store(config, data_dir, lambda store: read_log(store, wanted, limit))
    if as_json:
        sys.stdout.writelines(line + "\n" for line in map(json_line, rows))
    else:
        Console().print(table_of(rows))


def read_log(store: Store, wanted: CallFilter, limit: int) -> list[CallRow]:
    """The newest calls that match, oldest first. Raises OperatorError when they cannot be read."""
    try:
        found = store.read(lambda connection: find_calls(connection, wanted, limit=limit)).result()
    except DBAPIError as error:
        raise OperatorError(f"The ledger cannot be read: {error.orig}") from error
    return [from_columns(columns) for columns in reversed(found)]


def since_us(text: str, now: dt.datetime) -> int:
    """`15m`, `24h`, `7d`, or a date or time in UTC, as epoch µs. Raises OperatorError."""
    match = _SINCE.fullmatch(text)
    try:
        if match is not None:
            moment = now - dt.timedelta(seconds=int(match[1]) * _SECONDS[match[2]])
        else:
            moment = dt.datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        message = f"--since {text} cannot be read: write 15m, 24h, 7d, 2026-01-31 or 2026-01-31T12:00."
        raise OperatorError(message) from error
    return round((moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp() * 1_000_000)


def json_line(row: CallRow) -> str:
    """Every field of a row; the cost in USD beside the exact one."""
    fields = {name: getattr(row, name) for name in CallRow.__struct_fields__}
    fields["cost_usd"] = None if row.cost_nano_usd is None else usd_text(row.cost_nano_usd)
    return msgspec.json.encode(fields).decode()


def table_of(rows: Iterable[CallRow]) -> Table:
    """The rows as a table; `?` stands for an unknown price, `~` for an estimate."""
    table = Table(title="Ledger", title_justify="left")
    for name in ("time (UTC)", "key", "tool", "model", "provider", "status"):
        table.add_column(name, overflow="fold")
    for name in ("in", "cached", "out", "USD", "first", "total"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*_cells(row))
    return table


def _cells(row: CallRow) -> tuple[str | Text, ...]:
    usage = row.usage
    ended = f"{row.status} {row.error_class}" if row.error_class else row.status
    cost = "?" if row.cost_nano_usd is None else usd_text(row.cost_nano_usd)
    first = None if row.first_token_us is None else row.first_token_us - row.started_us
    return (
        dt.datetime.fromtimestamp(row.started_us // 1_000_000, dt.UTC).strftime("%m-%d %H:%M:%S"),
        _plain(row.key_alias or (row.key_hash or "-")[:8]),
        _plain(" ".join(filter(None, (row.tool, row.tool_version))) or "-"),
        _plain(_model(row)),
        _plain(row.provider or "-"),
        Text(ended, style=_STATUS_STYLES.get(row.status, "")),
        str(usage.prompt_tokens),
        _cached(usage),
        str(usage.output_tokens),
        cost if row.usage_complete else f"~{cost}",
        "-" if first is None else f"{first / 1_000:.0f} ms",
        f"{(row.ended_us - row.started_us) / 1_000:.0f} ms",
    )


def _cached(usage: Usage) -> str:
    """Tokens read from a cache, and their share of the prompt."""
    share = usage.cache_hit_share
    return f"{usage.cache_read_tokens} {share:.0%}" if share else "0"


def _model(row: CallRow) -> str:
    """The requested name, and the one that answered where it is another."""
    asked, served = row.requested_model or "-", row.served_model or row.routed_model
    return asked if served in {None, asked} else f"{asked} → {served}"


def _plain(text: str) -> Text:
    """Names come from callers: no markup and no control character reaches the terminal."""
    return Text("".join(letter for letter in text if letter.isprintable()))


def _filter(key: str | None, since: str | None, now: dt.datetime) -> CallFilter:
    name = token_hash(key) if key is not None and key.startswith(PREFIX) else key
    is_hash = name is not None and _HASH.fullmatch(name) is not None
    return CallFilter(
        key_hash=name if is_hash else None,
        key_alias=None if is_hash else name,
        from_us=since_us(since, now) if since is not None else None,
    )

"""`sekisho ledger verify`, its second part: the limits that several processes count together, and the calls.

Flows in: the store of limits, the spools of the data directory, the ledger. Flows out: a line a difference, what goes
on, and, when asked, counts put right. Must stay true: it may run beside gateways: it looks twice, some time apart.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

import typer
from sqlalchemy import select
from sqlalchemy.engine import Connection

from sekisho.config.load import load_settings
from sekisho.core.errors import OperatorError
from sekisho.core.money import usd_text
from sekisho.ledger.open_calls import spooled_calls
from sekisho.ledger.rows import Intent
from sekisho.limits.agreement import Agreement, Ledger, Look, ScopeName, agreement, money_counts
from sekisho.limits.stock import Stock, add_settled, counted, stock_in
from sekisho.store.bindings import member_id
from sekisho.store.db import Store
from sekisho.store.schema import calls
from sekisho.store.spent import has_scope, spent_nano_usd

T = TypeVar("T")
#: Asked of the ledger in one transaction.
_TOGETHER = 200


class Shared(Protocol):
    """A store of limits."""

    def read(self) -> Stock: ...
    def add_settled(self, amounts: Mapping[str, int]) -> None: ...
    def close(self) -> None: ...


class _InDatabase:
    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self) -> Stock:
        return self._store.read(stock_in).result()

    def add_settled(self, amounts: Mapping[str, int]) -> None:
        self._store.write(partial(add_settled, amounts=amounts)).result()

    def close(self) -> None:
        """The store is another's."""


def shared_limits(config: Path | None, store: Store) -> Shared | None:
    """Where gateways of this configuration count together; None where each counts in its memory. Raises OperatorError
    and ConfigError.
    """
    if config is not None:
        secret = load_settings(config, os.environ).redis_url
        url = None if secret is None else secret.reveal()
    elif os.environ.get("REDIS_HOST") and not os.environ.get("REDIS_URL"):
        raise OperatorError("REDIS_HOST is set: name the --config, which says the rest of where limits are.")
    else:
        url = os.environ.get("REDIS_URL")
    if url:
        return _valkey(url)
    return None if store.local else _InDatabase(store)


def compare_limits(shared: Shared, store: Store, data_dir: Path, wait: Callable[[], object]) -> Agreement:
    """Look twice, and ask the ledger before and after the second look; `wait` until what is on its way has arrived."""
    over = spooled_calls(data_dir).over
    first = _look(shared, data_dir)
    names = money_counts(first.stock)
    before = _spent(store, names)
    wait()
    second = _look(shared, data_dir)
    booked = _booked(store, list(first.stock.reservations))
    wait()
    waiting = len(over) - len(_booked(store, sorted(over)))
    return agreement(first, second, Ledger(before, _spent(store, names), booked, waiting))


def tell(found: Agreement) -> None:
    """What was found, for people."""
    for difference in found.differences:
        typer.echo(difference)
    if found.running:
        typer.echo(f"{found.running} calls run and hold {usd_text(found.running_nano_usd)} USD of their budgets.")
    if found.lost:
        typer.echo(
            f"{found.lost} calls of processes that are gone hold {usd_text(found.lost_nano_usd)} USD of their budgets "
            "until they are recovered, or their time is over."
        )
    if found.waiting:
        typer.echo(f"{found.waiting} calls wait in the spools here for a gateway that brings them into the ledger.")
    if not found.differences:
        typer.echo(f"{found.counts} counts of limits: they agree with the calls.")


def _valkey(url: str) -> Shared:
    try:
        from sekisho.limits.stock_valkey import ValkeyStock

        return ValkeyStock(url)
    except ModuleNotFoundError as error:
        raise OperatorError(f"Limits need the package '{error.name}': make setup EXTRAS=valkey") from error


def _look(shared: Shared, data_dir: Path) -> Look:
    opened = {name: _scopes(intent) for name, intent in spooled_calls(data_dir).opened.items()}
    return Look(shared.read(), opened)


def _scopes(intent: Intent) -> frozenset[ScopeName]:
    """What binds a call for certain. A user's own budget does not always bind keys of a team."""
    team, organization, user = intent.team_id, intent.organization_id, intent.user_id
    named = (
        ("gateway", ""),
        ("key", intent.key_hash),
        ("team", team),
        ("user", user if team is None else None),
        ("team_member", _member(team, user)),
        ("organization_member", _member(organization, user)),
        ("project", intent.project_id),
        ("organization", organization),
    )
    return frozenset((kind, name) for kind, name in named if name is not None)


def _member(place: str | None, user: str | None) -> str | None:
    return member_id(place, user) if place is not None and user is not None else None


def _spent(store: Store, names: Sequence[str]) -> dict[str, int]:
    """By count, of scopes that exist."""

    def read(connection: Connection, some: Sequence[str]) -> dict[str, int]:
        found = {}
        for name in some:
            what = counted(name)
            if has_scope(connection, what.scope_kind, what.scope_id):
                period = {"starts_us": what.starts_us, "ends_us": what.ends_us}
                found[name] = spent_nano_usd(connection, what.scope_kind, what.scope_id, what.model, **period)
        return found

    spent: dict[str, int] = {}
    for some in _portions(names):
        spent |= store.read(partial(read, some=some)).result()
    return spent


def _booked(store: Store, names: Sequence[str]) -> frozenset[str]:
    """Those calls that are in the ledger."""

    def read(connection: Connection, some: Sequence[str]) -> list[str]:
        return list(connection.execute(select(calls.c.call_id).where(calls.c.call_id.in_(some))).scalars())

    return frozenset(name for some in _portions(names) for name in store.read(partial(read, some=some)).result())


def _portions(items: Iterable[T]) -> Iterator[list[T]]:
    left = iter(items)
    while some := list(islice(left, _TOGETHER)):
        yield some

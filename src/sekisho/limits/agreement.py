"""Whether what a shared store holds of limits agrees with the calls: reserved with those that run, settled with those
that are in the ledger.

Flows in: the store looked at twice (stock.py), the ledger before and after. Flows out: what differs, scope by scope,
and what merely goes on. Must stay true: gateways run meanwhile, so what may be on its way is no difference: the ledger
before the second look can only be behind what is settled then, the ledger after it only ahead.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping

import msgspec

from sekisho.core.money import usd_text
from sekisho.limits.periods import NEVER_US
from sekisho.limits.rule import Measure
from sekisho.limits.stock import Counted, Stock, counted

#: A scope, as (kind, id).
ScopeName = tuple[str, str]


class Look(msgspec.Struct, frozen=True):
    """The store at one moment, and the calls that the spools here announce as open, each with the scopes that bind it;
    none where nothing was sent yet.
    """

    stock: Stock
    open_calls: Mapping[str, frozenset[ScopeName]]


class Ledger(msgspec.Struct, frozen=True):
    """By the ledger: nano-USD of each count of money before the second look and after it, of those whose scope exists;
    the reservations of the first look whose calls are booked; and how many calls were over then and are not booked.
    """

    before: Mapping[str, int]
    after: Mapping[str, int]
    booked: Collection[str]
    waiting: int = 0


class Agreement(msgspec.Struct, frozen=True):
    """`amounts` is what to add to counts that are settled wrong. Calls that run, and those whose process is gone and
    whose reservations are still kept for whoever recovers them, are told by number and by the money they hold.
    """

    counts: int
    differences: tuple[str, ...]
    amounts: Mapping[str, int]
    running: int
    running_nano_usd: int
    lost: int
    lost_nano_usd: int
    waiting: int = 0


def agreement(first: Look, second: Look, ledger: Ledger) -> Agreement:
    """Compare."""
    amounts = dict(_wrong(second.stock, ledger))
    held = second.stock.reservations
    over = [name for name, each in held.items() if name in ledger.booked and first.stock.reservations.get(name) == each]
    goes_on = {name: each for name, each in held.items() if name not in ledger.booked}
    running = {name: _money(each.lines) for name, each in goes_on.items() if not each.lost}
    lost = {name: _money(each.lines) for name, each in goes_on.items() if each.lost}
    return Agreement(
        counts=len(second.stock.counts),
        differences=(
            *(_settled(name, amount, second.stock) for name, amount in sorted(amounts.items())),
            *_unbalanced(first.stock, second.stock),
            *(_still_reserved(name, second.stock) for name in sorted(over)),
            *_unreserved(first, second),
        ),
        amounts=amounts,
        running=len(running),
        running_nano_usd=sum(running.values()),
        lost=len(lost),
        lost_nano_usd=sum(lost.values()),
        waiting=ledger.waiting,
    )


def money_counts(stock: Stock) -> list[str]:
    """The counts that the ledger can be asked for."""
    return [
        name
        for name, count in stock.counts.items()
        if count.settled is not None and counted(name).measure == Measure.MONEY
    ]


def _wrong(stock: Stock, ledger: Ledger) -> Iterator[tuple[str, int]]:
    for name in ledger.before.keys() & ledger.after.keys() & stock.counts.keys():
        settled = stock.counts[name].settled
        if settled is not None and settled < ledger.before[name]:
            yield name, ledger.before[name] - settled
        elif settled is not None and settled > ledger.after[name]:
            yield name, ledger.after[name] - settled


def _settled(name: str, amount: int, stock: Stock) -> str:
    settled = stock.counts[name].settled or 0
    right = usd_text(settled + amount)
    return f"{_told(counted(name))}: {usd_text(settled)} USD settled, the ledger has {right} USD"


def _unbalanced(first: Stock, second: Stock) -> Iterator[str]:
    """Held without a reservation, or the other way round, at both looks alike."""
    before = first.unbalanced()
    for name, extra in sorted(second.unbalanced().items()):
        if before.get(name) == extra:
            what = counted(name)
            held = second.counts[name].held
            yield f"{_told(what)}: {_amount(what, held)} reserved, its reservations are {_amount(what, held - extra)}"


def _still_reserved(name: str, stock: Stock) -> str:
    lines = [(counted(count), amount) for count, amount in stock.reservations[name].lines if amount]
    told = "; ".join(f"{_amount(what, amount)} of {_told(what)}" for what, amount in lines)
    return f"call {name} is in the ledger and still holds {told or 'nothing'}"


def _unreserved(first: Look, second: Look) -> Iterator[str]:
    """Open calls that hold nothing at both looks, though a budget of theirs is counted for all models."""
    budgets = [counted(name) for name in money_counts(second.stock)]
    bound = {(what.scope_kind, what.scope_id): what for what in budgets if not what.model}
    for name in sorted(second.open_calls.keys() & first.open_calls.keys()):
        if name in first.stock.reservations or name in second.stock.reservations:
            continue
        for scope in sorted(second.open_calls[name] & bound.keys()):
            yield f"call {name} is open and holds nothing of {_told(bound[scope])}"


def _told(what: Counted) -> str:
    subject = "the gateway" if what.scope_kind == "gateway" else f"{what.scope_kind.replace('_', ' ')} {_id(what)}"
    limit = "budget" if what.measure == Measure.MONEY else f"limit of {what.measure.replace('_', ' ')}"
    model = f" for {what.model}" if what.model else ""
    if what.ends_us >= NEVER_US:
        return f"{limit}{model} of {subject}"
    return f"{limit}{model} of {subject}, {what.period} from {_time(what.starts_us)}"


def _id(what: Counted) -> str:
    """Names are chosen by people: no control character reaches the terminal."""
    return "".join(letter for letter in what.scope_id if letter.isprintable())


def _time(at_us: int) -> str:
    return dt.datetime.fromtimestamp(at_us // 1_000_000, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")


def _amount(what: Counted, amount: int) -> str:
    return f"{usd_text(amount)} USD" if what.measure == Measure.MONEY else str(amount)


def _money(lines: tuple[tuple[str, int], ...]) -> int:
    """What a reservation holds of the budget of which it holds most: each of its scopes has the same call."""
    return max((amount for count, amount in lines if counted(count).measure == Measure.MONEY), default=0)

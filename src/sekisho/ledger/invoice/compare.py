"""A provider's export beside the ledger, by day and model.

Flows in: what each line bills, what the ledger has. Flows out: a row for each kind of token and for the cost of every
day and model on either side. Must stay true: exact decimals; what one side does not have at all is told as that; a
difference is excused only by the rounding that the export is known to do.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Final, Literal

import msgspec

from sekisho.core.money import NANO_PER_USD
from sekisho.ledger.invoice.billed import Billed, Layout, LeftOut, likeness
from sekisho.store.billed import UsedModel

COST: Final = "USD"
#: Our own rounding of one call: half a billionth of a dollar.
_OWN_ROUNDING: Final = Decimal("0.5") / NANO_PER_USD
Place = tuple[dt.date, str]


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """`what` is a kind of token, or USD. `missing`: the side that has nothing of this model on this day. `within`: the
    two are as near as rounding and the stated tolerance allow. `incomplete` and `unpriced` are calls of the ledger.
    """

    day: dt.date
    model: str
    what: str
    theirs: Decimal
    ours: Decimal
    within: bool
    missing: Literal["", "ledger", "file"] = ""
    incomplete: int = 0
    unpriced: int = 0

    @property
    def difference(self) -> Decimal:
        """Ours less theirs."""
        return self.ours - self.theirs

    @property
    def percent(self) -> Decimal | None:
        """Of theirs; None where they have nothing."""
        return None if not self.theirs else self.difference * 100 / abs(self.theirs)


class _Theirs:
    """What the lines of one day and model add up to."""

    def __init__(self) -> None:
        self.name = ""
        self.cost = Decimal(0)
        self.lines = 0
        self.vague = False
        self.tokens: dict[str, int] = defaultdict(int)


class _Ours:
    def __init__(self) -> None:
        self.name = ""
        self.cost = Decimal(0)
        self.calls = self.incomplete = self.unpriced = 0
        self.tokens: dict[str, int] = defaultdict(int)


class Invoice:
    """What an export bills, added up line by line; `same` are names of theirs -> ours, where they are not alike."""

    def __init__(self, layout: Layout, same: Mapping[str, str]) -> None:
        self.layout = layout
        self.left_out: dict[str, tuple[int, Decimal]] = {}
        self._same = {likeness(theirs): likeness(ours) for theirs, ours in same.items()}
        self._cells: dict[Place, _Theirs] = {}

    def add(self, lines: Iterable[Billed | LeftOut], days: Callable[[dt.date], bool]) -> None:
        """One line's; those of other days are left out."""
        for line in lines:
            if isinstance(line, LeftOut):
                self._leave_out(line.reason, line.cost_usd)
            elif not days(line.day):
                self._leave_out("other days", line.cost_usd or Decimal(0))
            else:
                self._add(line)

    @property
    def days(self) -> tuple[dt.date, dt.date] | None:
        """The first and the last day that is billed."""
        days = [day for day, _ in self._cells]
        return (min(days), max(days)) if days else None

    def compare(
        self, used: Iterable[UsedModel], model_of: Callable[[UsedModel], str], tolerance_percent: Decimal
    ) -> list[Compared]:
        """Every day and model of either side, by day and name."""
        whole = bool(self._cells) and all(not model for _, model in self._cells)
        ours = self._ours(used, model_of, whole=whole)
        rows: list[Compared] = []
        for place in self._cells.keys() | ours.keys():
            theirs, own = self._cells.get(place, _Theirs()), ours.get(place, _Ours())
            missing: Literal["", "ledger", "file"] = ""
            if place not in ours:
                missing = "ledger"
            elif place not in self._cells:
                missing = "file"
            name = theirs.name or own.name or "all models"
            for what, (left, right, allowed) in self._measures(theirs, own).items():
                if not left and not right:
                    continue
                within = abs(right - left) <= allowed + abs(left) * tolerance_percent / 100
                row = Compared(
                    day=place[0],
                    model=name,
                    what=what,
                    theirs=left,
                    ours=right,
                    within=within,
                    missing=missing,
                    incomplete=own.incomplete,
                    unpriced=own.unpriced,
                )
                rows.append(row)
        return sorted(rows, key=lambda row: (row.day, row.model.lower()))

    def _measures(self, theirs: _Theirs, ours: _Ours) -> dict[str, tuple[Decimal, Decimal, Decimal]]:
        """What -> theirs, ours, what rounding explains."""
        found: dict[str, tuple[Decimal, Decimal, Decimal]] = {}
        if not theirs.vague:
            for kind in self.layout.kinds:
                found[kind] = Decimal(theirs.tokens[kind]), Decimal(ours.tokens[kind]), Decimal(0)
        if self.layout.costs:
            allowed = self.layout.rounded_usd * theirs.lines + _OWN_ROUNDING * ours.calls
            found[COST] = theirs.cost, ours.cost, allowed
        return found

    def _add(self, line: Billed) -> None:
        key = likeness(line.model) if line.model else ""
        cell = self._cells.setdefault((line.day, self._same.get(key, key)), _Theirs())
        cell.name = cell.name or line.model
        cell.cost += line.cost_usd or 0
        cell.lines += 1
        cell.vague |= line.vague
        for kind, tokens in line.tokens.items():
            cell.tokens[self.layout.folds.get(kind, kind)] += tokens

    def _leave_out(self, reason: str, cost: Decimal) -> None:
        lines, billed = self.left_out.get(reason, (0, Decimal(0)))
        self.left_out[reason] = lines + 1, billed + cost

    def _ours(
        self, used: Iterable[UsedModel], model_of: Callable[[UsedModel], str], *, whole: bool
    ) -> dict[Place, _Ours]:
        cells: dict[Place, _Ours] = {}
        for each in used:
            day = dt.datetime.fromtimestamp(each.day_us // 1_000_000, dt.UTC).date()
            name = model_of(each)
            cell = cells.setdefault((day, "" if whole else likeness(name)), _Ours())
            cell.name = cell.name or ("" if whole else name)
            cell.cost += Decimal(each.cost_nano_usd) / NANO_PER_USD
            cell.calls += each.calls
            cell.incomplete += each.incomplete
            cell.unpriced += each.unpriced
            counted = {
                "input": each.input_tokens,
                "cache_read": each.cache_read_tokens,
                "cache_write": each.cache_write_tokens - each.cache_write_1h_tokens,
                "cache_write_1h": each.cache_write_1h_tokens,
                "output": each.output_tokens,
            }
            for kind, tokens in counted.items():
                cell.tokens[self.layout.folds.get(kind, kind)] += tokens
        return cells

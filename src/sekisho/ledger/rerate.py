"""Past calls under the prices that hold now for the day on which they were made.

Flows in: rows of the ledger, the prices of each. Flows out: corrections, and what came of each model. Must stay true:
a row costs what its tokens cost at its time, so that to do it again changes nothing; a row whose price nobody knows now
keeps what it has, and so does one that several attempts share, for nothing says whose tokens they are; one that was
priced by the very same prices is right as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from sekisho.ledger.prices import Rates
from sekisho.ledger.rows import COST_MAX_NANO_USD, CallRow, from_columns
from sekisho.store.correct import Correction

#: The prices of a row's deployment; None where nobody knows them, or where they are not known any more.
RatesOf = Callable[[CallRow], Rates | None]


class Outcome(msgspec.Struct):
    """What came of a model's calls. `corrected` have another cost now, `priced` of them had none before; `unknown` have
    none after all. `before_nano_usd` and `after_nano_usd` are sums over all calls.
    """

    calls: int = 0
    corrected: int = 0
    priced: int = 0
    unknown: int = 0
    before_nano_usd: int = 0
    after_nano_usd: int = 0

    def add(self, other: Outcome) -> None:
        """Both together."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


#: By provider and model.
Outcomes = dict[tuple[str, str], Outcome]


def rerate(rows: Iterable[dict[str, Any]], rates_of: RatesOf, outcomes: Outcomes) -> list[Correction]:
    """The corrections of these rows; what came of them is added to `outcomes`."""
    found: list[Correction] = []
    for columns in rows:
        row = from_columns(columns)
        correction = _corrected(row, columns, rates_of(row))
        if correction is not None:
            found.append(correction)
        key = row.provider or "", row.routed_model or ""
        outcomes.setdefault(key, Outcome()).add(_outcome(row, correction))
    return found


def _corrected(row: CallRow, columns: dict[str, Any], rates: Rates | None) -> Correction | None:
    if rates is None or (row.cost_nano_usd is not None and (row.price_version == rates.version or _is_shared(row))):
        return None
    usage = msgspec.structs.replace(row.usage, inference_geo=row.inference_geo)
    cost = rates.cost_nano_usd(usage, service_tier=row.service_tier, at_us=row.started_us)
    cost = min(cost, COST_MAX_NANO_USD)
    return Correction(columns, cost, rates.version) if cost != row.cost_nano_usd else None


def _is_shared(row: CallRow) -> bool:
    """Whether attempts at other prices may be in it: what an earlier one may be billed for is never complete."""
    return row.attempts > 1 and not row.usage_complete


def _outcome(row: CallRow, correction: Correction | None) -> Outcome:
    before = row.cost_nano_usd
    after = before if correction is None else correction.cost_nano_usd
    return Outcome(
        calls=1,
        corrected=int(correction is not None),
        priced=int(correction is not None and before is None),
        unknown=int(after is None),
        before_nano_usd=before or 0,
        after_nano_usd=after or 0,
    )

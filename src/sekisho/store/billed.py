"""What the ledger has of a provider's models, by UTC day: from the roll-ups, which outlive the calls.

Flows in: a Connection, providers, days. Flows out: sums. Must stay true: every call is in one of them, also those that
were cut or have no price, which are told by number.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import select
from sqlalchemy.engine import Connection

from sekisho.store.schema import USAGE_MEASURES, usage_days
from sekisho.store.totals import total


class UsedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model on the UTC day that begins at `day_us`; `model` is what the provider was told."""

    day_us: int
    provider: str
    model: str
    calls: int
    incomplete: int
    unpriced: int
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cache_write_1h_tokens: int
    output_tokens: int
    cost_nano_usd: int


_MEASURES = tuple(name for name in UsedModel.__struct_fields__ if name in USAGE_MEASURES)


def used_models(connection: Connection, providers: Sequence[str], from_us: int, until_us: int) -> list[UsedModel]:
    """The days that begin in [from_us, until_us), in order: as many rows as days times models."""
    columns = usage_days.c
    named = (columns.starts_us.label("day_us"), columns.provider, columns.model)
    groups = (columns.starts_us, columns.provider, columns.model)
    sums = [total(columns[name]).label(name) for name in _MEASURES]
    wanted = (columns.starts_us >= from_us, columns.starts_us < until_us, columns.provider.in_(providers))
    query = select(*named, *sums).where(*wanted).group_by(*groups).order_by(*groups)
    return [UsedModel(**row) for row in connection.execute(query).mappings()]

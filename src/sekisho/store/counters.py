"""The tables of the limits' counters, for gateways that share them through PostgreSQL.

Must stay true: a row of `limit_counts` is one count in one period; what is held stands in `limit_reservations` too, by
line; both are changed in one transaction. Rows are updated in place many times a second: nothing that changes is
indexed but leases, and pages keep room.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from sekisho.store.domain import metadata, with_room

#: A count of money is there once the ledger was asked what was spent before.
limit_counts = Table(
    "limit_counts",
    metadata,
    Column("count", Text, primary_key=True),
    Column("settled", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("kept_until_us", BigInteger, nullable=False),
    Index("limit_counts_kept", "kept_until_us"),
)

#: `lines` is JSON, [count, amount] each. `stage`: 0 runs, 1 is past its lease, 2 holds nothing any more.
limit_reservations = Table(
    "limit_reservations",
    metadata,
    Column("reservation", Text, primary_key=True),
    Column("lines", Text, nullable=False),
    Column("stage", Integer, nullable=False),
    Column("until_us", BigInteger, nullable=False),
    Index("limit_reservations_until", "until_us"),
)

for _table in (limit_counts, limit_reservations):
    with_room(_table, percent=50)

"""Sums that are integers on every database: PostgreSQL's sum of BIGINTs is a NUMERIC, which Python reads as Decimal.

Flows in: a column. Flows out: an expression. Must stay true: what is summed is bounded (ledger/rows.py): it fits.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ColumnElement, func


def total(column: ColumnElement[int]) -> ColumnElement[int]:
    """The sum of a column; NULL of no rows, and of NULLs alone."""
    return func.sum(column).cast(BigInteger)

from __future__ import annotations

import pytest
from sqlalchemy import BigInteger, Column, Text

from sekisho.store.bulk import VALUES, _with_arrays, _with_values, insert_rows, run_with_rows
from sekisho.store.db import Store
from sekisho.store.domain import budgets

COLUMNS = (Column("id", Text), Column("amount", BigInteger))


@pytest.mark.parametrize("count", [0, 1, 7, 8, 64, 200])
def test_any_number_of_rows_arrives(db: Store, count: int) -> None:
    rows = [(f"{number}", "{}", number, None, 0, None) for number in range(count)]
    ids = db.write(lambda connection: insert_rows(connection, budgets, rows, "RETURNING budget_id")).result()
    assert sorted(ids) == sorted((row[0],) for row in rows)
    again = db.write(lambda connection: insert_rows(connection, budgets, rows, "ON CONFLICT DO NOTHING")).result()
    assert again == []
    text = f"WITH more (id, amount) AS ({VALUES}) SELECT sum(amount) FROM more"
    found = db.write(lambda connection: run_with_rows(connection, text, COLUMNS, [("a", 1)] * count)).result()
    assert sum(total for [total] in found) == count


def test_postgresql_is_told_the_types() -> None:
    assert _with_arrays(f"INTO t {VALUES}", COLUMNS) == "INTO t SELECT * FROM unnest($1::TEXT[], $2::BIGINT[])"
    assert _with_values(f"INTO t {VALUES}", 2, 3) == "INTO t VALUES (?, ?), (?, ?), (?, ?)"

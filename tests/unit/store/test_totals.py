from __future__ import annotations

from sqlalchemy import func, select

from sekisho.ledger.rows import COST_MAX_NANO_USD, to_columns
from sekisho.store.booking import insert_calls
from sekisho.store.db import Store
from sekisho.store.schema import calls
from sekisho.store.totals import total
from tests.support.ledger import row


def test_a_sum_is_an_integer_however_large(db: Store) -> None:
    rows = [to_columns(row(cost_nano_usd=cost)) for cost in (COST_MAX_NANO_USD, COST_MAX_NANO_USD, 1, None)]
    db.write(lambda connection: insert_calls(connection, rows)).result()
    sums = select(total(calls.c.cost_nano_usd), func.coalesce(total(calls.c.attempts), 0))
    found = db.read(lambda connection: connection.execute(sums).one()).result()
    assert tuple(found) == (2 * COST_MAX_NANO_USD + 1, 4)
    assert {type(value) for value in found} == {int}
    nothing = sums.where(calls.c.call_id == "none")
    assert list(db.read(lambda connection: connection.execute(nothing).one()).result()) == [None, 0]

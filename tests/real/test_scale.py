"""A ledger of some size on PostgreSQL, made as `python -m bench.scale` makes a large one: its books agree, and reports
are read from what is closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from bench.scale import REPORTS, close_all
from bench.scale_data import Size, fill
from sekisho.store.closing import differing
from sekisho.store.cube import Rows, Window, count_rows, page, sums
from sekisho.store.db import Store
from sekisho.store.usage import DAY_US
from sekisho.store.verify import verify_day
from tests.support.postgres import PostgresServer, open_postgres

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

LAST_DAY = 20_000 * DAY_US
SIZE = Size(keys=20_000, users=4_000, calls=400_000, days=80, last_day_us=LAST_DAY)
WHOLE = Window(LAST_DAY - 79 * DAY_US, LAST_DAY + DAY_US)


@pytest.fixture(scope="module")
def filled() -> Iterator[Store]:
    server = PostgresServer()
    server.start()
    db = open_postgres(server)
    fill(db, SIZE, lambda _: None)
    yield db
    db.close()
    server.stop()


def report(db: Store, by: tuple[str, ...]) -> tuple[Rows, tuple[int, int] | None]:
    return db.read(lambda connection: page(connection, WHOLE, by, limit=1_000)).result()


def test_closed_days_give_the_same_reports_from_fewer_rows(filled: Store) -> None:
    rows = filled.read(lambda connection: count_rows(connection, WHOLE, (), most=10**6)).result()
    assert rows > 150_000
    before = [report(filled, by) for by in REPORTS]
    assert close_all(filled, LAST_DAY + 2 * DAY_US) > 80
    assert [report(filled, by) for by in REPORTS] == before
    for by, share in (((), 1_000), (("day", "model"), 10), (("team",), 10), (("user",), 3)):
        fewer = filled.read(partial(count_rows, window=WHOLE, conditions=(), by=by, most=10**6)).result()
        assert fewer * share < rows
    assert filled.read(lambda connection: list(differing(connection))).result() == []


def test_its_books_agree(filled: Store) -> None:
    day = filled.read(partial(verify_day, day_us=LAST_DAY)).result()
    assert (day.calls, day.differences) == (SIZE.calls_of(79), ())
    whole = filled.read(lambda connection: sums(connection, WHOLE, (), limit=1)).result()
    assert whole[0]["calls"] == sum(map(SIZE.calls_of, range(80)))

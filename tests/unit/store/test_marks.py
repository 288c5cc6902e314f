from __future__ import annotations

from functools import partial

from sekisho.store.db import Store
from sekisho.store.marks import CALLS_KEPT_FROM, mark, marked_us


def test_a_mark_only_moves_forward(db: Store) -> None:
    seen = []
    for at_us in (5, 3, 9):
        db.write(partial(mark, name=CALLS_KEPT_FROM, at_us=at_us)).result()
        seen.append(db.read(partial(marked_us, name=CALLS_KEPT_FROM)).result())
    assert seen == [5, 5, 9]
    assert db.read(partial(marked_us, name="another")).result() == 0

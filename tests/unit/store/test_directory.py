from __future__ import annotations

import pytest

from sekisho.store import directory
from sekisho.store.entities import Entities

ALL = [value for value in vars(directory).values() if isinstance(value, Entities)]


@pytest.mark.parametrize("entities", ALL, ids=[entities.kind for entities in ALL])
def test_a_row_has_a_field_for_each_column_and_no_other(entities: Entities[directory.BudgetRow]) -> None:
    assert set(entities.row.__struct_fields__) == {column.name for column in entities.table.columns}


def test_kinds_are_told_apart() -> None:
    assert len({entities.kind for entities in ALL}) == len(ALL) > 1

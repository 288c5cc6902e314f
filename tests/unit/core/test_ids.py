from __future__ import annotations

import uuid

from sekisho.core.ids import new_uuid7


def test_ids_are_version_7_and_unique() -> None:
    ids = [new_uuid7() for _ in range(2000)]
    assert len(set(ids)) == len(ids)
    assert {(uuid.UUID(one).version, uuid.UUID(one).variant) for one in ids} == {(7, uuid.RFC_4122)}


def test_ids_sort_by_their_millisecond() -> None:
    ids = [new_uuid7()[:13] for _ in range(2000)]
    assert ids == sorted(ids)

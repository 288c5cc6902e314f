from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sekisho.identity.lru import Lru


def test_what_was_read_last_stays() -> None:
    lru = Lru[str, int](2)
    lru.put("a", 1)
    lru.put("b", 2)
    assert lru.get("a") == 1
    lru.put("c", 3)
    assert (lru.get("a"), lru.get("b"), lru.get("c")) == (1, None, 3)


@given(st.lists(st.integers(0, 9)), st.integers(1, 5))
def test_it_never_holds_more_than_its_size(keys: list[int], size: int) -> None:
    lru = Lru[int, int](size)
    for key in keys:
        lru.put(key, key)
    assert len(lru) == min(size, len(set(keys)))
    for key in list(dict.fromkeys(reversed(keys)))[:size]:
        assert lru.get(key) == key


def test_what_was_dropped_is_gone() -> None:
    lru = Lru[str, int](2)
    lru.put("a", 1)
    for key in ("a", "b"):
        lru.drop(key)
        assert lru.get(key) is None

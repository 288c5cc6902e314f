"""What has been looked up, for as long as it holds, and look-ups under way that several wait for.

Flows in: values with what they depend on, notices of what changed. Flows out: the values. Must stay true: bounded; a
value read before a change is never kept after it; one event loop uses it, so it needs no lock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

#: (kind, id) of something that can change.
Need = tuple[str, str]


def remember(cache: dict[K, V], key: K, value: V, bound: int) -> None:
    """Add to a bounded cache; the entry that came first makes room."""
    if len(cache) >= bound:
        del cache[next(iter(cache))]
    cache[key] = value


class Remembered(Generic[V]):
    """Name -> value, at most `size`, forgotten by name of what they depend on."""

    __slots__ = ("_names", "_needs", "_size", "_values", "get")

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: dict[str, V] = {}
        #: Name -> what its value depends on; for a while also of names that were forgotten.
        self._needs: dict[str, tuple[Need, ...]] = {}
        #: The other way: one name as it is, several as a set (most needs have one, and a set is large).
        self._names: dict[Need, str | set[str]] = {}
        #: The value of a name, None for none: a dictionary's own method, for every request calls it.
        self.get: Callable[[str], V | None] = self._values.get

    def __len__(self) -> int:
        return len(self._values)

    def put(self, name: str, value: V, needs: Iterable[Need]) -> None:
        """Keep `value` until one of `needs` changes; the entry that came first makes room."""
        self._leave(name)
        if len(self._needs) >= self._size:
            self._leave(next(iter(self._needs)))
        self._values[name], self._needs[name] = value, tuple(needs)
        for need in self._needs[name]:
            others = self._names.get(need)
            if others is None:
                self._names[need] = name
            elif isinstance(others, set):
                others.add(name)
            else:
                self._names[need] = {others, name}

    def drop(self, need: Need) -> None:
        """Forget everything that depends on `need`, ten thousand values a millisecond: what else is kept of them leaves
        as they are put again, or as others need their room.
        """
        names = self._names.pop(need, ())
        for name in (names,) if isinstance(names, str) else names:
            self._values.pop(name, None)

    def clear(self) -> None:
        """Forget everything."""
        for table in (self._values, self._needs, self._names):
            table.clear()

    def _leave(self, name: str) -> None:
        self._values.pop(name, None)
        for need in self._needs.pop(name, ()):
            names = self._names.get(need)
            if isinstance(names, set):
                names.discard(name)
            if not names or names == name:
                self._names.pop(need, None)


class Flight:
    """One look-up under way: what changed since it began."""

    __slots__ = ("_all", "_changed")

    def __init__(self) -> None:
        self._all = False
        self._changed: set[Need] = set()

    def spoil(self, need: Need | None) -> None:
        """This changed, or everything (None)."""
        if need is None:
            self._all = True
        else:
            self._changed.add(need)

    def spoilt_by(self, needs: Collection[Need]) -> bool:
        """Whether what was read may be older than a change of one of these."""
        return self._all or not self._changed.isdisjoint(needs)


class Flights(Generic[V]):
    """Look-ups by name: who asks for a name that is being looked up waits for that answer."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[V]] = {}
        self._flights: set[Flight] = set()

    async def share(self, name: str, look_up: Callable[[Flight], Awaitable[V]]) -> V:
        """The answer for `name`. A caller who goes away takes it from nobody else."""
        task = self._tasks.get(name)
        if task is None:
            task = self._tasks[name] = asyncio.get_running_loop().create_task(self._fly(look_up))
            task.add_done_callback(lambda done: self._landed(name, done))
        return await asyncio.shield(task)

    def spoil(self, need: Need | None) -> None:
        """This changed, or everything (None)."""
        for flight in self._flights:
            flight.spoil(need)

    async def _fly(self, look_up: Callable[[Flight], Awaitable[V]]) -> V:
        flight = Flight()
        self._flights.add(flight)
        try:
            return await look_up(flight)
        finally:
            self._flights.discard(flight)

    def _landed(self, name: str, done: asyncio.Task[V]) -> None:
        del self._tasks[name]
        if not done.cancelled():
            done.exception()  # whoever waited has it; where nobody waits any more, it is no warning

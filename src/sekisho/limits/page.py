"""A batch of commands, carried out on the rows that are locked for it.

Flows in: rows of counts and reservations, commands. Flows out: answers, and the statements that write what changed.
Must stay true: commands see what those before them in the batch did; all lines of a reservation are taken or none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

import msgspec

from sekisho.limits import postgres_sql as sql
from sekisho.limits.sender import Answer, Command

#: How long it is remembered that a reservation holds nothing any more, for who may book its call at last.
_REMEMBERED_US: Final = 172_800_000_000
_RUNS, _PAST_LEASE, _OVER = range(3)


class Row(Protocol):
    """A row, by the names of its columns."""

    def __getitem__(self, name: str) -> Any: ...


class _Reservation:
    __slots__ = ("after_us", "lines", "stage")

    def __init__(self, lines: list[tuple[str, int]], stage: int = _RUNS) -> None:
        self.lines = lines
        self.stage = stage
        #: Looked at again after so long; None where nothing is to be written.
        self.after_us: int | None = None

    def held(self) -> list[tuple[str, int]]:
        """The lines that still count."""
        if self.stage == _OVER:
            return []
        return self.lines if self.stage == _RUNS else [line for line in self.lines if not _is_slot(line[0])]


class Page:
    """One batch."""

    def __init__(self) -> None:
        #: [settled, held] of each count.
        self._counts: dict[str, list[int]] = {}
        self._reservations: dict[str, _Reservation] = {}
        self._expired: list[str] = []
        self._changed: set[str] = set()
        self._dropped: set[str] = set()
        #: For a sign of life: the server's time, and who shares it.
        self.now_us = 0
        self.members: Sequence[str] = ()

    def note_reservations(self, rows: Sequence[Row]) -> None:
        """Reservations, locked."""
        for row in rows:
            self._reservations[row["reservation"]] = _Reservation(_decoder.decode(row["lines"]), row["stage"])

    def note_expired(self, rows: Sequence[Row]) -> None:
        """Those whose time is over."""
        self.note_reservations(rows)
        self._expired += [row["reservation"] for row in rows]

    def note_counts(self, rows: Sequence[Row]) -> None:
        """Counts, locked."""
        for row in rows:
            self._counts[row["count"]] = [row["settled"], row["held"]]

    def counts_of(self, batch: Sequence[Command]) -> set[str]:
        """Every count that these commands and the reservations name."""
        wanted = {count for each in self._reservations.values() for count, _ in each.lines}
        for command in batch:
            if command.name == "reserve":
                wanted.update(command.arguments[4::4])
            elif command.name == "used":
                wanted.update(command.arguments)
            elif command.name in {"seed", "reseed"}:
                wanted.add(command.arguments[0])
            elif command.name == "settle" and command.arguments[1] == "named":
                wanted.update(command.arguments[2::2])
        return wanted

    def beginnings(self, batch: Sequence[Command]) -> dict[str, tuple[int, int]]:
        """Counts that are not there and begin now: (what was used before, µs to keep). Money begins with the ledger."""
        begin: dict[str, tuple[int, int]] = {}
        for command in batch:
            if command.name == "reserve":
                for count, kept_ms in zip(command.arguments[4::4], command.arguments[7::4], strict=True):
                    if count not in self._counts and not _is_money(count):
                        begin[count] = 0, int(kept_ms) * 1_000
            elif command.name == "seed" and command.arguments[0] not in self._counts:
                begin[command.arguments[0]] = int(command.arguments[1]), int(command.arguments[2]) * 1_000
        return begin

    def answer(self, command: Command) -> Answer:
        """Carry out a command."""
        if command.name == "reserve":
            return self._reserve(command.arguments)
        if command.name == "settle":
            return self._settle(command.arguments)
        if command.name == "used":
            return self._used(command.arguments)
        if command.name == "beat":
            self._sweep(int(command.arguments[0]))
            return "beat", str(self.now_us), *self.members
        if command.name == "reseed" and command.arguments[0] in self._counts:
            self._counts[command.arguments[0]][0] = int(command.arguments[1])
            self._changed.add(command.arguments[0])
        return ("seeded",)

    def changes(self) -> Iterator[tuple[str, tuple[Sequence[Any], ...]]]:
        """Statements with their arguments, for all that changed."""
        counts = sorted(self._changed)
        if counts:
            settled, held = ([self._counts[count][at] for count in counts] for at in (0, 1))
            yield sql.CHANGE, (counts, settled, held)
        kept = {name: each for name, each in self._reservations.items() if each.after_us is not None}
        if kept:
            lines = [_encoder.encode(each.lines).decode() for each in kept.values()]
            stages, after = [each.stage for each in kept.values()], [each.after_us for each in kept.values()]
            yield sql.KEEP, (list(kept), lines, stages, after)
        dropped = sorted(self._dropped - self._reservations.keys())
        if dropped:
            yield sql.DROP, (dropped,)

    def _reserve(self, arguments: Sequence[str]) -> Answer:
        name, lease_us = arguments[1], int(arguments[2])
        lines = [(count, int(amount)) for count, amount in zip(arguments[4::4], arguments[5::4], strict=True)]
        unknown = [str(at) for at, (count, _) in enumerate(lines) if count not in self._counts]
        if unknown:
            return "seed", *unknown
        earlier = self._reservations.get(name)
        self._hold(earlier.held() if earlier is not None else [], -1)
        for at, (count, amount) in enumerate(lines):
            settled, held = self._counts[count]
            if amount and settled + held + amount > int(arguments[6 + 4 * at]):
                self._hold(lines[:at], -1)
                self._hold(earlier.held() if earlier is not None else [], 1)
                return "no", str(at), str(settled + held)
            self._hold([(count, amount)], 1)
        taken = self._reservations[name] = _Reservation(lines)
        taken.after_us = lease_us
        return ("taken",)

    def _settle(self, arguments: Sequence[str]) -> Answer:
        name, how = arguments[0], arguments[1]
        found = self._reservations.pop(name, None)
        if found is None:
            return ("settled",)
        self._dropped.add(name)
        self._hold(found.held(), -1)
        said = list(zip(arguments[2::2], map(int, arguments[3::2]), strict=True))
        if how == "named":
            used = said
        else:
            by_measure = dict(said)
            used = [(count, by_measure.get(count.split(":", 3)[2], reserved)) for count, reserved in found.lines]
        for count, amount in used:
            if count in self._counts and not _is_slot(count):
                self._counts[count][0] += amount
                self._changed.add(count)
        return ("settled",)

    def _used(self, counts: Sequence[str]) -> Answer:
        unknown = [str(at) for at, count in enumerate(counts) if count not in self._counts and _is_money(count)]
        if unknown:
            return "seed", *unknown
        return "used", *(str(sum(self._counts.get(count, (0, 0)))) for count in counts)

    def _sweep(self, grace_us: int) -> None:
        """Slots are given back after the lease, the rest after the grace; then it is forgotten."""
        for name in self._expired:
            found = self._reservations.get(name)
            if found is None or found.after_us is not None:
                continue  # settled, or taken anew, in this batch
            if found.stage == _OVER:
                del self._reservations[name]
                self._dropped.add(name)
                continue
            before = found.held()
            found.stage += 1
            after = found.held()
            self._hold([line for line in before if line not in after], -1)
            found.after_us = grace_us if found.stage == _PAST_LEASE else _REMEMBERED_US
        self._expired = []

    def _hold(self, lines: Sequence[tuple[str, int]], sign: int) -> None:
        for count, amount in lines:
            if amount and count in self._counts:
                self._counts[count][1] += sign * amount
                self._changed.add(count)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[tuple[str, int]])


def _is_money(count: str) -> bool:
    return count.startswith("m")


def _is_slot(count: str) -> bool:
    return count.startswith("t")

"""The tables of the limits' counters in memory, as the statements of pages leave them behind.

In: commands. Out: their answers, each batch on what the one before it wrote.
"""

from __future__ import annotations

from typing import Any

from sekisho.limits import postgres_sql as sql
from sekisho.limits.page import Page
from sekisho.limits.sender import Answer, Command


class Tables:
    """Of one database."""

    def __init__(self) -> None:
        self.counts: dict[str, list[int]] = {}
        self.reservations: dict[str, tuple[str, int]] = {}

    def carry_out(self, *batch: Command, expired: tuple[str, ...] = ()) -> list[Answer]:
        page = Page()
        page.now_us, page.members = 7, ("me", "you")
        page.note_expired(self.rows(expired))
        page.note_reservations(self.rows(tuple(self.reservations)))
        page.note_counts(self.count_rows(page.counts_of(batch)))
        begun = page.beginnings(batch)
        self.counts |= {count: [settled, 0] for count, (settled, _) in begun.items()}
        page.note_counts(self.count_rows(set(begun)))
        answers = [page.answer(command) for command in batch]
        for text, arguments in page.changes():
            self.write(text, *arguments)
        return answers

    def write(self, text: str, *arguments: Any) -> None:
        if text == sql.CHANGE:
            self.counts |= {count: [settled, held] for count, settled, held in zip(*arguments, strict=True)}
        elif text == sql.KEEP:
            self.reservations |= {name: (lines, stage) for name, lines, stage, _ in zip(*arguments, strict=True)}
        else:
            assert text == sql.DROP
            for name in arguments[0]:
                self.reservations.pop(name, None)

    def rows(self, names: tuple[str, ...]) -> list[dict[str, Any]]:
        kept = self.reservations
        return [{"reservation": name, "lines": kept[name][0], "stage": kept[name][1]} for name in names]

    def count_rows(self, wanted: set[str]) -> list[dict[str, Any]]:
        found = {count: self.counts[count] for count in wanted if count in self.counts}
        return [{"count": count, "settled": settled, "held": held} for count, (settled, held) in found.items()]

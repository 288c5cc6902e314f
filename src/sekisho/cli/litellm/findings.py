"""What of LiteLLM's has no counterpart here: gathered by what it is, told by name and count.

Flows in: a word for it and a row's name. Flows out: lines. Must stay true: each row is named once under a word, no
secret is in a name.
"""

from __future__ import annotations

from collections.abc import Iterator

#: Names told of one kind.
NAMED_MAX = 5


class Findings:
    """Filled while rows are read and written."""

    def __init__(self) -> None:
        self._names: dict[str, dict[str, None]] = {}

    def add(self, what: str, name: str) -> None:
        """`name` has `what`, which was not taken over."""
        self._names.setdefault(what, {})[name] = None

    def __iter__(self) -> Iterator[tuple[str, list[str]]]:
        """What, and whose."""
        return iter((what, list(names)) for what, names in sorted(self._names.items()))

    def lines(self) -> list[str]:
        """`keys: guardrails (2): alias-a, alias-b`."""
        return [f"{what} ({len(names)}): {_some(names)}" for what, names in self]


def _some(names: list[str]) -> str:
    rest = len(names) - NAMED_MAX
    return ", ".join(names[:NAMED_MAX]) + (f", and {rest} more" if rest > 0 else "")

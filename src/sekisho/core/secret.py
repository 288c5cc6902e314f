"""A string that does not print itself: provider keys, master key. Must stay true: only `reveal()` gives the text."""

from __future__ import annotations


class Secret:
    """Holds a secret; `repr`, `str`, formatting and pickling never show it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself: call it where it is put on the wire, nowhere else."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Secret is not pickled")

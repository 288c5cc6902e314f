"""Which operating system a text or a header names: linux, macos, windows, or unknown.

Must stay true: only a word of the data file at the beginning counts, so that "darwin" is no "win" and a sentence about
platforms is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sekisho.identity.signals import Systems

#: The longest word looked for, with the quotation mark or bracket before it.
_WORD_CHARS = 40
#: As much of the word as tells the systems apart.
_SHORTEST_WORD_CHARS = 5


def system_named(text: str, systems: Systems) -> str:
    """The system that `text` begins with; "unknown" where it begins with none."""
    start = text[:_WORD_CHARS].lstrip(" \t\"'`(*").lower()
    for system, words in systems.words.items():
        if start.startswith(words):
            return system
    return "unknown"


def system_in_texts(texts: Iterable[tuple[str, str]], systems: Systems) -> tuple[str, list[tuple[str, str]]]:
    """The first system named after one of the labels, and the (key, literal) it was read from."""
    for key, text in texts:
        for start, end in _after_labels(text, systems.labels):
            system = system_named(text[end : end + _WORD_CHARS], systems)
            if system != "unknown":
                return system, [(key, text[start : end + _SHORTEST_WORD_CHARS])]
    return "unknown", []


def _after_labels(text: str, labels: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """(start, end) of each label in the text, label by label: `str.find` is far quicker here than a pattern."""
    for label in labels:
        at = text.find(label)
        while at >= 0:
            yield at, at + len(label)
            at = text.find(label, at + len(label))

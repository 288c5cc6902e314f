"""Typed access to a request's JSON, knowing the path of every value.

Flows in: a request body. Flows out: texts, numbers, objects and lists, or MalformedRequest naming the path
(`input.3.content.0`). Must stay true: null counts as absent; a value never stands in a message, only its path.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sekisho.core.errors import MalformedRequest


class Node:
    """One JSON object and where it stands ("" at the top)."""

    __slots__ = ("path", "values")

    def __init__(self, values: dict[str, Any], path: str = "") -> None:
        self.values = values
        self.path = path

    def where(self, key: str) -> str:
        """The path of `key`."""
        return f"{self.path}.{key}" if self.path else key

    def has(self, key: str) -> bool:
        """Whether `key` is there and not null."""
        return self.values.get(key) is not None

    def text(self, key: str) -> str | None:
        """A string, or None when absent."""
        value = self.values.get(key)
        if value is None or isinstance(value, str):
            return value
        raise wrong(self.where(key), "a string")

    def need_text(self, key: str) -> str:
        """A string that must be there."""
        value = self.text(key)
        if value is None:
            raise wrong(self.where(key), "a string")
        return value

    def integer(self, key: str) -> int | None:
        """A whole number, or None when absent."""
        value = self.values.get(key)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise wrong(self.where(key), "a whole number")

    def number(self, key: str) -> float | None:
        """A number, or None when absent."""
        value = self.values.get(key)
        if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
            return value
        raise wrong(self.where(key), "a number")

    def flag(self, key: str) -> bool | None:
        """True or false, or None when absent."""
        value = self.values.get(key)
        if value is None or isinstance(value, bool):
            return value
        raise wrong(self.where(key), "true or false")

    def child(self, key: str) -> Node | None:
        """An object, or None when absent."""
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, dict):
            return Node(value, self.where(key))
        raise wrong(self.where(key), "an object")

    def children(self, key: str) -> list[Node]:
        """A list of objects; empty when absent."""
        values = self.values.get(key)
        if values is None:
            return []
        path = self.where(key)
        if not isinstance(values, list):
            raise wrong(path, "a list")
        for at, value in enumerate(values):
            if not isinstance(value, dict):
                raise wrong(f"{path}.{at}", "an object")
        return [Node(value, f"{path}.{at}") for at, value in enumerate(values)]

    def texts(self, key: str) -> list[str]:
        """A list of strings; empty when absent."""
        values = self.values.get(key)
        if values is None:
            return []
        if isinstance(values, list) and all(isinstance(value, str) for value in values):
            return list(values)
        raise wrong(self.where(key), "a list of strings")


def load(body: bytes) -> Node:
    """The request as a Node. Raises MalformedRequest when it is not a JSON object."""
    try:
        value = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        raise MalformedRequest("The request body is not valid JSON.") from None
    if not isinstance(value, dict):
        raise MalformedRequest("The request body must be a JSON object.")
    return Node(value)


def wrong(path: str, kind: str) -> MalformedRequest:
    """The error for a value of another type, or a missing one."""
    return MalformedRequest(f"'{path}' must be {kind}.", param=path)

"""The environment as the settings see it: the process's variables under those of `environment_variables`.

Flows in: a mapping of names, a tree with `os.environ/NAME` values. Flows out: the tree with the values put in; what is
not set is marked on its node (`missing`), because only the reader of a key knows whether that is fatal.
Must stay true: nothing here prints a value; the process's own environment is never changed.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from sekisho.config.nodes import Node, collection
from sekisho.config.problems import Findings

PREFIX = "os.environ/"


class Environment:
    """Variables by name; `repr` and `str` show how many there are, never their values."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def get(self, name: str) -> str | None:
        """The value of `name`; None when it is not set or empty."""
        return self._values.get(name) or None

    def over(self, values: Mapping[str, str]) -> Environment:
        """This environment with `values` on top."""
        return Environment({**self._values, **values})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Environment) and other._values == self._values

    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))

    def __repr__(self) -> str:
        return f"Environment({len(self._values)} variables)"


def fill_in(node: Node, environment: Environment) -> Node:
    """`node` with each whole-string `os.environ/NAME` replaced by that variable, or marked `missing`."""
    if isinstance(node.value, dict):
        return collection({key: fill_in(child, environment) for key, child in node.value.items()}, node.where)
    if isinstance(node.value, tuple):
        return collection(tuple(fill_in(child, environment) for child in node.value), node.where)
    if not isinstance(node.value, str) or not node.value.startswith(PREFIX):
        return node
    name = node.value.removeprefix(PREFIX)
    value = environment.get(name)
    return msgspec.structs.replace(node, value=value, text=value, missing=name if value is None else None)


def overlay(section: Node, environment: Environment, findings: Findings) -> Environment:
    """`environment` under the variables that the section `environment_variables` declares, as LiteLLM sets them."""
    values = {}
    for name, node in fill_in(section, environment).entries.items():
        key = f"environment_variables.{name}"
        if node.missing:
            findings.refuse(node.where, key, f"The environment variable {node.missing} is not set.")
        elif node.text is None:
            findings.refuse(node.where, key, "Expected text.")
        else:
            values[name] = node.text
    return environment.over(values)

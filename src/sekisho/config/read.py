"""Nodes -> the Structs of the settings, field by field, so that each finding has its line.

Flows in: a mapping node, a Struct class and the section's name in config/keys.py. Flows out: the Struct's arguments.
Must stay true: never raises on any tree; what cannot be read is a finding and the field keeps its default; no finding
shows a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from sekisho.config import keys
from sekisho.config.keys import Status
from sekisho.config.nodes import Node
from sekisho.config.problems import Findings
from sekisho.config.values import convert
from sekisho.core.secret import Secret


@cache
def _fields(struct: type[msgspec.Struct]) -> dict[str, tuple[str, Any]]:
    """YAML key -> (field name, type)."""
    hints = get_type_hints(struct, include_extras=True)
    return {field.encode_name: (field.name, hints[field.name]) for field in msgspec.structs.fields(struct)}


def plain(node: Node, *, hide: bool = False) -> Any:
    """The bare value of a tree. With `hide`, texts under names that may be secrets become `Secret`."""
    if isinstance(node.value, dict):
        return {key: _hidden(key, child) if hide else plain(child) for key, child in node.value.items()}
    if isinstance(node.value, tuple):
        return [plain(child, hide=hide) for child in node.value]
    return node.value


def _hidden(key: str, node: Node) -> Any:
    if isinstance(node.value, str) and keys.is_secret(key):
        return Secret(node.value)
    return plain(node, hide=True)


def off(node: Node) -> bool:
    """Whether a switch is not on: empty, false, zero or missing from the environment."""
    text = node.text if isinstance(node.value, str) else None
    return not node.value or (text is not None and text.strip().lower() in {"false", "0", "no", "off"})


class Reader:
    """Reads the sections of one configuration and tells `findings` what is wrong with them."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings

    def section(self, name: str, node: Node, path: str, *, taken: frozenset[str] = frozenset()) -> dict[str, Any]:
        """The arguments for the Struct of section `name`; keys in `taken` are the caller's.

        Every other key is used, named in a warning, or refused.
        """
        struct = keys.SECTIONS[name]
        values: dict[str, Any] = {}
        for key, child in self.mapping(node, path).items():
            if key in taken:
                continue
            inside = f"{path}.{key}" if path else key
            status = keys.status(name, key)
            if status is not Status.USED:
                self.name_key(name, key, child, inside)
            if key in keys.yaml_keys(name) and status is not Status.REFUSED:
                self.field(struct, key, child, inside, values)
        return values

    def mapping(self, node: Node, path: str) -> dict[str, Node]:
        """The entries of a mapping; a section left empty is an empty one."""
        if node.value is not None and not isinstance(node.value, dict):
            self.findings.refuse(node.where, path, "Expected a mapping.")
        return node.entries

    def field(self, struct: type[msgspec.Struct], key: str, node: Node, path: str, values: dict[str, Any]) -> None:
        """Read one field of `struct` into `values`; nothing and a finding where it cannot be read."""
        name, kind = _fields(struct)[key]
        missing = next((child for child in node.walk() if child.missing), None)
        if missing is not None:
            self.findings.refuse(missing.where, path, f"The environment variable {missing.missing} is not set.")
        elif node.value is not None:
            try:
                value = self._value(kind, node, path)
            except ValueError as error:
                self.findings.refuse(node.where, path, str(error))
            else:
                values |= {} if value is None else {name: value}

    def needs(self, key: str, node: Node, path: str) -> None:
        """Name a required key that `node` does not have."""
        child = node.entries.get(key)
        if child is None or (child.value is None and not child.missing):
            self.findings.refuse(node.where, path, f"Needs the key '{key}'.")

    def _value(self, kind: Any, node: Node, path: str) -> Any:
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return self._struct(kind, node, path)
        arguments = get_args(kind)
        if get_origin(kind) is Mapping and isinstance(arguments[1], type) and issubclass(arguments[1], msgspec.Struct):
            children = self.mapping(node, path).items()
            read = {key: self._struct(arguments[1], child, f"{path}.{key}") for key, child in children}
            return {key: value for key, value in read.items() if value is not None}
        value = plain(node)
        if get_origin(kind) is tuple and isinstance(value, str):
            value = [value]
        return convert(value, kind)

    def _struct(self, struct: type[msgspec.Struct], node: Node, path: str) -> msgspec.Struct | None:
        values: dict[str, Any] = {}
        fields = _fields(struct)
        for key, child in self.mapping(node, path).items():
            if key in fields:
                self.field(struct, key, child, f"{path}.{key}", values)
            else:
                self.unknown(key, child, f"{path}.{key}", frozenset(fields))
        required = [field for field in msgspec.structs.fields(struct) if field.required]
        for field in required:
            self.needs(field.encode_name, node, path)
        return struct(**values) if all(field.name in values for field in required) else None

    def unknown(self, key: str, node: Node, path: str, known: frozenset[str]) -> None:
        """Name a key that nobody knows, with the one that was probably meant."""
        close = keys.nearest(key, known)
        advice = f" Did you mean '{close}'?" if close else ""
        self.findings.warn(node.where, path, f"Unknown key: it has no effect.{advice}")

    def name_key(self, section: str, key: str, node: Node, path: str) -> None:
        """Name a key that is not used: in a warning, or as a problem where it is refused and switched on."""
        match keys.status(section, key):
            case Status.ACCEPTED:
                self.findings.warn(node.where, path, f"Accepted, without effect: {keys.meaning(section, key)}")
            case Status.REFUSED if not off(node):
                meaning = keys.meaning(section, key)
                self.findings.refuse(
                    node.where, path, f"Not supported in this release. {meaning} Remove it to start without it."
                )
            case None:
                self.unknown(key, node, path, keys.known_keys(section))

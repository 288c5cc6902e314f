"""YAML text -> a tree in which each value knows its file and line.

Flows in: the text of one file. Flows out: a `Node`, or None with a finding for everything that is not plain YAML.
Must stay true: total over any text. The tree is built from parser events without recursion, because PyYAML's own
composer overflows the C stack on deeply nested input; depth and size are bounded, also through aliases.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
import yaml

from sekisho.config.problems import Findings, Where

MAX_DEPTH: Final = 40
#: Counted with every alias written out.
MAX_NODES: Final = 200_000

Scalar = str | int | float | bool | None
_RESOLVER: Final = yaml.resolver.Resolver()
_CONSTRUCTOR: Final = yaml.constructor.SafeConstructor()
_TAG: Final = "tag:yaml.org,2002:"
_BUILT_IN: Final = {_TAG + "str", _TAG + "null", _TAG + "bool", _TAG + "int", _TAG + "float"}
#: Kept as the text they are: a date such as 2025-01-01 is an API version here.
_AS_TEXT: Final = {_TAG + "timestamp", _TAG + "value"}
_MERGE: Final = _TAG + "merge"


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A value and its place. For an entry of a mapping the place is that of its key.

    `text` is what a scalar looked like in the file (prices are read from it exactly); `missing` names the environment
    variable that a value asked for and that is not set; `size` and `depth` count the whole tree below.
    """

    value: Scalar | tuple[Node, ...] | dict[str, Node]
    where: Where
    text: str | None = None
    missing: str | None = None
    size: int = 1
    depth: int = 1

    @property
    def entries(self) -> dict[str, Node]:
        """The mapping's entries; empty for anything else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> tuple[Node, ...]:
        """The list's items; empty for anything else."""
        return self.value if isinstance(self.value, tuple) else ()

    def walk(self) -> Iterator[Node]:
        """This node and all below it."""
        yield self
        for child in (*self.entries.values(), *self.items):
            yield from child.walk()


def collection(value: tuple[Node, ...] | dict[str, Node], where: Where) -> Node:
    """A list or mapping with its size and depth counted."""
    children = value.values() if isinstance(value, dict) else value
    size = 1 + sum(child.size for child in children)
    depth = 1 + max((child.depth for child in children), default=0)
    return Node(value=value, where=where, size=size, depth=depth)


def scalar(text: str, where: Where) -> Node:
    """A plain text value."""
    return Node(value=text, where=where, text=text)


def parse_yaml(text: str, file: str, findings: Findings) -> Node | None:
    """The tree of one YAML document; an empty one is an empty mapping. None when findings say why not."""
    builder = _Builder(file, findings)
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            builder.feed(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        findings.refuse(Where(file, mark.line + 1 if mark else 0), "", f"Not YAML: {error.problem or error.context}.")
        return None
    except yaml.YAMLError:
        findings.refuse(Where(file), "", "Not YAML: it holds a character that YAML does not allow.")
        return None
    except _GiveUpError as error:
        findings.refuse(error.where, "", str(error))
        return None
    return builder.root or collection({}, Where(file))


class _GiveUpError(Exception):
    def __init__(self, where: Where, message: str) -> None:
        super().__init__(message)
        self.where = where


class _Open(msgspec.Struct):
    """A list or mapping whose end has not come; `key` is the mapping key that waits for its value."""

    where: Where
    anchor: str | None
    mapping: bool
    items: list[Node] = []
    entries: dict[str, Node] = {}
    merged: list[Node] = []
    key: Node | None = None
    key_tag: str = ""


class _Builder:
    def __init__(self, file: str, findings: Findings) -> None:
        self.root: Node | None = None
        self._file = file
        self._findings = findings
        self._open: list[_Open] = []
        self._anchors: dict[str, Node | None] = {}
        self._documents = 0

    def feed(self, event: yaml.Event) -> None:
        where = Where(self._file, event.start_mark.line + 1 if event.start_mark else 0)
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise _GiveUpError(where, "A second document begins here ('---'); one file holds one document.")
            case yaml.ScalarEvent():
                tag = event.tag
                if tag in {None, "!"}:
                    tag = _RESOLVER.resolve(yaml.ScalarNode, event.value, event.implicit)  # type: ignore[no-untyped-call]
                node = self._scalar(event.value, tag, where)
                self._anchor(event.anchor, node)
                self._place(node, tag)
            case yaml.AliasEvent():
                self._place(self._alias(event.anchor or "", where))
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                if len(self._open) >= MAX_DEPTH:
                    raise _GiveUpError(where, f"Nested deeper than {MAX_DEPTH} levels.")
                if event.anchor is not None:
                    self._anchors[event.anchor] = None
                self._open.append(_Open(where, event.anchor, isinstance(event, yaml.MappingStartEvent)))
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._close(self._open.pop())

    def _scalar(self, text: str, tag: str, where: Where) -> Node:
        if tag in _AS_TEXT or tag == _MERGE:
            return scalar(text, where)
        if tag not in _BUILT_IN:
            raise _GiveUpError(where, "This tag is not known; put a value that begins with '!' in quotes.")
        try:
            value = _CONSTRUCTOR.construct_object(yaml.ScalarNode(tag, text))
        except (ValueError, ArithmeticError, LookupError):
            raise _GiveUpError(where, f"Not a value of the type {tag.removeprefix(_TAG)}; put it in quotes.") from None
        return Node(value=value, where=where, text=text)

    def _anchor(self, name: str | None, node: Node) -> None:
        if name is not None:
            self._anchors[name] = node

    def _alias(self, name: str, where: Where) -> Node:
        if name not in self._anchors:
            raise _GiveUpError(
                where, "No anchor of this name stands above; put a value that begins with '*' in quotes."
            )
        node = self._anchors[name]
        if node is None:
            raise _GiveUpError(where, "This alias refers to what it stands in.")
        return node

    def _place(self, node: Node, tag: str = "") -> None:
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        if not parent.mapping:
            parent.items.append(node)
        elif parent.key is None:
            if node.text is None:
                raise _GiveUpError(node.where, "A key must be text.")
            parent.key, parent.key_tag = node, tag
        else:
            self._entry(parent, parent.key, node)
            parent.key = None

    def _entry(self, parent: _Open, key: Node, node: Node) -> None:
        name = key.text or ""
        if parent.key_tag == _MERGE:
            sources = node.items or (node,)
            if not all(isinstance(source.value, dict) for source in sources):
                raise _GiveUpError(key.where, "<< takes a mapping or a list of mappings.")
            parent.merged.extend(sources)
        elif name in parent.entries:
            first = parent.entries[name].where.line
            self._findings.refuse(key.where, name, f"Written twice in one mapping (first on line {first}); keep one.")
        else:
            parent.entries[name] = msgspec.structs.replace(node, where=key.where)

    def _close(self, done: _Open) -> None:
        value: tuple[Node, ...] | dict[str, Node] = tuple(done.items)
        if done.mapping:
            value = done.entries
            for source in done.merged:
                value = {**source.entries, **value}
        node = collection(value, done.where)
        if node.size > MAX_NODES:
            raise _GiveUpError(done.where, f"More than {MAX_NODES} values, with aliases written out.")
        if node.depth > MAX_DEPTH:
            raise _GiveUpError(done.where, f"Nested deeper than {MAX_DEPTH} levels.")
        self._anchor(done.anchor, node)
        self._place(node)

"""A file and the files it includes -> one tree.

Flows in: the path of the main file. Flows out: the top-level mapping with every `include` merged in: lists are joined,
mappings merged key by key, and where both files set a key the included one holds, as in LiteLLM.
Must stay true: paths are relative to the file that names them; a file that includes itself is refused.
"""

from __future__ import annotations

import os
from pathlib import Path

from sekisho.config.nodes import Node, collection, parse_yaml
from sekisho.config.problems import Findings, Where

#: Files under one main file, so that a long chain ends.
MAX_FILES = 100


def load_tree(path: Path, findings: Findings) -> tuple[Node, bool]:
    """The merged top-level mapping of `path`, and whether every file of it could be read."""
    including = _Including(findings)
    tree = including.load(path, Where(str(path)), ())
    return tree, including.complete


class _Including:
    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._files = 0
        self.complete = True

    def load(self, path: Path, named_at: Where, above: tuple[Path, ...]) -> Node:
        tree = self._load(path, named_at, above)
        self.complete = self.complete and tree is not None
        return tree or collection({}, Where(str(path)))

    def _load(self, path: Path, named_at: Where, above: tuple[Path, ...]) -> Node | None:
        self._files += 1
        real = Path(os.path.realpath(path))
        if real in above or self._files > MAX_FILES:
            reason = "includes itself" if real in above else f"is one of more than {MAX_FILES} files"
            self._findings.refuse(named_at, "include", f"The file {path} {reason}.")
            return None
        text = self._read(path, named_at, "include" if above else "")
        tree = parse_yaml(text, str(path), self._findings) if text is not None else None
        if tree is None:
            return None
        if tree.value is None:
            return collection({}, tree.where)
        if not isinstance(tree.value, dict):
            self._findings.refuse(tree.where, "", "A configuration file is a mapping of sections (model_list: …).")
            return None
        return self._with_includes(path, tree, (*above, real))

    def _read(self, path: Path, named_at: Where, key: str) -> str | None:
        try:
            return path.read_bytes().decode()
        except OSError as error:
            self._findings.refuse(named_at, key, f"The file {path} cannot be read: {error.strerror}.")
        except UnicodeDecodeError as error:
            self._findings.refuse(Where(str(path)), "", f"Not UTF-8 (byte {error.start}).")
        return None

    def _with_includes(self, path: Path, tree: Node, above: tuple[Path, ...]) -> Node:
        entries = dict(tree.entries)
        include = entries.pop("include", None)
        if include is None:
            return tree
        for item in include.items or (include,):
            if not isinstance(item.value, str) or "\0" in item.value:
                self._findings.refuse(item.where, "include", "Expected a list of file names.")
                continue
            entries = self._merge(entries, self.load(path.parent / item.value, item.where, above).entries)
        return collection(entries, tree.where)

    def _merge(self, main: dict[str, Node], included: dict[str, Node], path: str = "") -> dict[str, Node]:
        merged = dict(main)
        for key, node in included.items():
            old = merged.get(key)
            if old is None:
                merged[key] = node
            elif isinstance(old.value, tuple) and isinstance(node.value, tuple):
                merged[key] = collection(old.value + node.value, old.where)
            elif isinstance(old.value, dict) and isinstance(node.value, dict) and not path:
                merged[key] = collection(self._merge(old.value, node.value, f"{key}."), old.where)
            else:
                merged[key] = node
                self._findings.warn(node.where, path + key, f"Holds over the same key at {old.where}.")
        return merged

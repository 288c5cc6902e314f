"""Writes an agent's settings into files that may be there already: merged, with a copy of what was there before.

Flows in: a path and the wanted text. Flows out: the written path and the copy's. Must stay true: what the wanted text
does not name is kept; a file that cannot be understood is left as it is; the file is replaced whole or not at all,
and only its owner may read it, for it holds a key.
"""

from __future__ import annotations

import os
import re
import tempfile
import tomllib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import yaml

from sekisho.core.errors import OperatorError

_TABLE = re.compile(r"\s*\[")


def write_merged(path: Path, wanted: str) -> Path | None:
    """Bring `path` to hold `wanted` beside what it holds. Returns the copy made, None when there was nothing to keep.

    Raises OperatorError when the file cannot be read, understood or written.
    """
    path = path.resolve()
    try:
        before = path.read_text("utf-8") if path.exists() else None
        after = wanted if before is None or not before.strip() else merged(path, before, wanted)
        if after == before:
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        copy = None
        if before is not None:
            copy = _free_name(path)
            _replace(copy, before)
        _replace(path, after)
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(f"{path} cannot be changed: {error}.") from None
    return copy


def merged(path: Path, before: str, wanted: str) -> str:
    """The text of a settings file with the wanted settings in it. Raises OperatorError where that cannot be done."""
    merge = _MERGES.get(path.suffix)
    if merge is None:
        return wanted
    try:
        return merge(before, wanted)
    except (ValueError, msgspec.DecodeError, yaml.YAMLError):
        raise OperatorError(
            f"{path} is written in a way that this command cannot edit safely; it was left as it is. "
            "Use --print and put the settings in by hand."
        ) from None


def merged_json(before: str, wanted: str) -> str:
    """Objects are merged key by key; what is wanted wins. Comments cannot be kept, so a file with any is refused."""
    old, new = msgspec.json.decode(before), msgspec.json.decode(wanted)
    if not isinstance(old, dict):
        raise ValueError("not an object")  # noqa: TRY004  # the file's fault, not the caller's
    return msgspec.json.format(msgspec.json.encode(_deep(old, new)), indent=2).decode() + "\n"


def merged_yaml(before: str, wanted: str) -> str:
    """What is there stays; the wanted models come first, in place of those of the same name."""
    old, new = yaml.safe_load(before), yaml.safe_load(wanted)
    models = old.get("models") if isinstance(old, dict) else None
    if not isinstance(old, dict) or not isinstance(models or [], list):
        raise ValueError("not a mapping with a list of models")  # noqa: TRY004  # the file's fault
    names = [model["name"] for model in new["models"]]
    kept = [model for model in models or [] if not (isinstance(model, dict) and model.get("name") in names)]
    return yaml.safe_dump({**new, **old, "models": [*new["models"], *kept]}, sort_keys=False, allow_unicode=True)


def merged_toml(before: str, wanted: str) -> str:
    """Keys at the top are set where they stand or put first; wanted tables replace those of the same name."""
    new = tomllib.loads(wanted)
    top, tables = _split(wanted.splitlines())
    old_top, old_tables = _split(before.splitlines())
    for line in reversed(top):
        name = line.partition("=")[0].strip()
        same = re.compile(rf"\s*{re.escape(name)}\s*=")
        at = next((number for number, old in enumerate(old_top) if same.match(old)), None)
        if at is None:
            old_top.insert(0, line)
        else:
            old_top[at] = line
    headers = {table[0].strip() for table in tables}
    kept = [table for table in old_tables if table[0].strip() not in headers]
    lines = [*old_top, "", *(line for table in (*kept, *tables) for line in table)]
    after = "\n".join(lines) + "\n"
    if tomllib.loads(after) != _deep_tables(tomllib.loads(before), new):
        raise ValueError("edited wrongly")
    return after


_MERGES: dict[str, Callable[[str, str], str]] = {".json": merged_json, ".yaml": merged_yaml, ".toml": merged_toml}


def _deep(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    both = {key: _deep(old[key], new[key]) for key in old.keys() & new.keys() if _are_objects(old[key], new[key])}
    return old | new | both


def _are_objects(*values: object) -> bool:
    return all(isinstance(value, dict) for value in values)


def _deep_tables(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """As the edited TOML must read: a table of tables is merged, a table of values replaced."""
    after = old | {key: value for key, value in new.items() if not isinstance(value, dict)}
    for key, tables in new.items():
        if isinstance(tables, dict):
            after[key] = old.get(key, {}) | tables
    return after


def _split(lines: list[str]) -> tuple[list[str], list[list[str]]]:
    """The lines before the first table, without blank ones at their end, and the lines of each table."""
    starts = [number for number, line in enumerate(lines) if _TABLE.match(line)]
    top = lines[: starts[0]] if starts else list(lines)
    while top and not top[-1].strip():
        top.pop()
    tables = [lines[start:end] for start, end in pairwise([*starts, len(lines)])] if starts else []
    return top, tables


def _free_name(path: Path) -> Path:
    names = (path.with_name(f"{path.name}.before-sekisho{number or ''}") for number in range(1_000))
    return next(name for name in names if not name.exists())


def _replace(path: Path, text: str) -> None:
    """Put the text in place in one step, readable by the owner alone."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)

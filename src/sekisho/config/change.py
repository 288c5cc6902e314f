"""What a reload changes.

Flows in: a path, an environment and the settings in force. Flows out: the new settings with the keys that differ, and
those of them that take effect only after a restart.
Must stay true: whole or not at all: a file with problems raises ConfigError and the old settings stay in force.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from sekisho.config.load import load_settings
from sekisho.config.model import ModelEntry, Settings
from sekisho.config.problems import Where

#: Keys that are read once, when the program starts.
NEEDS_RESTART: Final = frozenset(
    {
        "sekisho.database",
        "general_settings.database_url",
        "general_settings.master_key",
        *(f"router_settings.redis_{part}" for part in ("url", "host", "port", "username", "password", "db", "ssl")),
    }
)


class Reload(msgspec.Struct, frozen=True, kw_only=True):
    """`changed` names keys of the file, models as `model_list.NAME`; `needs_restart` is a part of it."""

    settings: Settings
    changed: tuple[str, ...]
    needs_restart: tuple[str, ...]


def reload_settings(path: Path, environ: Mapping[str, str], current: Settings) -> Reload:
    """Load `path` again and compare. Raises ConfigError, and then nothing has changed."""
    settings = load_settings(path, environ)
    changed = changed_keys(current, settings)
    restart = tuple(key for key in changed if key in NEEDS_RESTART)
    return Reload(settings=settings, changed=changed, needs_restart=restart)


def changed_keys(old: Settings, new: Settings) -> tuple[str, ...]:
    """The keys of the file whose values differ, in the file's usual order."""
    changed = [f"model_list.{name}" for name in _changed_models(old.model_list, new.model_list)]
    for field in msgspec.structs.fields(Settings):
        if field.name not in {"model_list", "warnings"}:
            changed += _differences(getattr(old, field.name), getattr(new, field.name), field.encode_name)
    return tuple(changed)


def _changed_models(old: tuple[ModelEntry, ...], new: tuple[ModelEntry, ...]) -> list[str]:
    before, after = _by_name(old), _by_name(new)
    return [name for name in {**before, **after} if before.get(name) != after.get(name)]


def _by_name(entries: tuple[ModelEntry, ...]) -> dict[str, list[ModelEntry]]:
    """The entries of each name, without their lines: a comment added above is no change."""
    groups: dict[str, list[ModelEntry]] = {}
    for entry in entries:
        groups.setdefault(entry.model_name, []).append(msgspec.structs.replace(entry, where=Where("")))
    return groups


def _differences(old: Any, new: Any, path: str) -> Iterator[str]:
    if old == new:
        return
    if not isinstance(old, msgspec.Struct):
        yield path
        return
    for field in msgspec.structs.fields(old):
        yield from _differences(getattr(old, field.name), getattr(new, field.name), f"{path}.{field.encode_name}")

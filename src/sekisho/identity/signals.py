"""The signals by which tools are known: the shape of data/signals.json, checked whole when it is loaded.

Flows in: the file's bytes. Flows out: frozen values, with every pattern compiled once. Must stay true: a file with an
unknown key, a pattern that is none or a tool named twice is refused at load, so that recognising never fails later.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Literal

import msgspec

from sekisho.core.errors import OperatorError

#: The only layout that this version reads.
LAYOUT = 1
System = Literal["linux", "macos", "windows"]


class _Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One object of the file."""


class PromptSignal(_Data, frozen=True):
    """How a stock system prompt begins (ASCII, case-sensitive); `shared_with` names forks that send the same text."""

    id: str
    starts: str
    interface: str | None = None
    shared_with: tuple[str, ...] = ()


class HeaderSignal(_Data, frozen=True):
    """A header that a tool sends. Without `pattern` its presence is enough.

    Each header of `with` must match its pattern and none of `unless`; an empty pattern means "is there". Groups
    `version` and `interface` are read from it. `weight`: 3 = only this tool sends it, 2 = names the tool but is
    easily copied (a User-Agent), 1 = a hint that counts only beside others.
    """

    header: str
    weight: int
    pattern: str | None = None
    with_: dict[str, str] = msgspec.field(default_factory=dict, name="with")
    unless: dict[str, str] = msgspec.field(default_factory=dict)


class Tool(_Data, frozen=True):
    """One tool: an agent, or an SDK that any program may use.

    `tool_names` and `at_least`: how many of these function names must be offered. `details`: searched in the system
    prompt for `version` and `interface` once the tool is known. `interfaces`: the tool's own word -> ours;
    `interface` where nothing says it. `disguised_as`: tools whose headers it is known to send.
    """

    name: str
    kind: Literal["agent", "sdk"]
    prompts: tuple[PromptSignal, ...] = ()
    details: tuple[str, ...] = ()
    headers: tuple[HeaderSignal, ...] = ()
    tool_names: frozenset[str] = frozenset()
    at_least: int = 0
    interface: str = "unknown"
    interfaces: dict[str, str] = msgspec.field(default_factory=dict)
    disguised_as: tuple[str, ...] = ()


class SystemHeader(_Data, frozen=True):
    """A header that may name the operating system, in its group `os`."""

    header: str
    pattern: str


class Systems(_Data, frozen=True):
    """Where an operating system is named, and the words for each (lower case, at the beginning)."""

    headers: tuple[SystemHeader, ...]
    labels: tuple[str, ...]
    words: dict[System, tuple[str, ...]]


class SessionField(_Data, frozen=True):
    """A body value that may hold a session id, in its group `session`; with `tool`, in that tool's requests only."""

    path: tuple[str, ...]
    pattern: str
    tool: str | None = None


class Sessions(_Data, frozen=True):
    """Where a session id stands, first hit wins: headers, then body. `side_prefixes` mark a session's side requests."""

    headers: tuple[str, ...]
    fields: tuple[SessionField, ...]
    side_prefixes: tuple[str, ...] = ()


class Signals(_Data, frozen=True):
    """The whole file."""

    version: int
    tools: tuple[Tool, ...]
    systems: Systems
    sessions: Sessions


def load_signals(data: bytes) -> Signals:
    """Read and check a signals file. Raises OperatorError with the place of the first fault."""
    try:
        signals = msgspec.json.decode(data, type=Signals)
    except msgspec.DecodeError as error:
        raise OperatorError(f"The client signals cannot be read: {error}.") from None
    if signals.version != LAYOUT:
        raise OperatorError(f"The client signals have version {signals.version}; this program reads version {LAYOUT}.")
    names = [tool.name for tool in signals.tools]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise OperatorError(f"The client signals name a tool twice: {', '.join(sorted(twice))}.")
    for tool in signals.tools:
        _check_tool(tool, names)
    for pattern in [rule.pattern for rule in signals.systems.headers]:
        compiled(pattern, "systems")
    for pattern in [field.pattern for field in signals.sessions.fields]:
        compiled(pattern, "sessions")
    return signals


def shipped_signals() -> Signals:
    """The signals that come with this version."""
    return load_signals(files("sekisho.identity").joinpath("data", "signals.json").read_bytes())


def compiled(pattern: str, where: str) -> re.Pattern[str]:
    """The pattern, or OperatorError naming `where` it stands."""
    try:
        return re.compile(pattern)
    except re.error as error:
        raise OperatorError(f"The client signals have a pattern that is none in {where}: {error}.") from None


def _check_tool(tool: Tool, names: list[str]) -> None:
    for signal in tool.headers:
        patterns = [signal.pattern or "", *signal.with_.values(), *signal.unless.values()]
        for pattern in patterns:
            compiled(pattern, tool.name)
    for pattern in tool.details:
        compiled(pattern, tool.name)
    others = [other for prompt in tool.prompts for other in prompt.shared_with]
    unknown = {*others, *tool.disguised_as} - set(names)
    if unknown:
        raise OperatorError(f"The client signals of {tool.name} name no such tool: {', '.join(sorted(unknown))}.")
    if any(not prompt.starts.isascii() or len(prompt.starts) < 8 for prompt in tool.prompts):
        raise OperatorError(f"A prompt of {tool.name} in the client signals is shorter than 8 characters or not ASCII.")

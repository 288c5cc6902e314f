"""What the headers say about the tool: claims with a weight, the operating system.

Flows in: header values by lower-case name. Flows out: `HeaderFacts`, remembered by the values that were looked at.
Must stay true: a header whose value differs from call to call (a session id) is looked at for its presence only, so
that one tool stays one remembered entry.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from sekisho.identity.lru import Lru
from sekisho.identity.signals import HeaderSignal, Signals, Tool, compiled
from sekisho.identity.systems import system_named

_HEADERS_REMEMBERED = 2_048
#: No tool's name stands further out in a header.
_VALUE_CHARS = 512


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One tool that the headers speak for; `headers` are the names that said so."""

    tool: Tool
    weight: int
    headers: tuple[str, ...]
    version: str | None
    interface: str | None


class HeaderFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Claims from the heaviest down (an agent before an SDK of the same weight), and the system."""

    claims: tuple[Claim, ...]
    system: str


class _Matcher:
    """One header signal, compiled."""

    __slots__ = ("_needed", "_pattern", "_unless", "signal")

    def __init__(self, signal: HeaderSignal, where: str) -> None:
        self.signal = signal
        self._pattern = compiled(signal.pattern or "", where)
        self._needed = [(name, compiled(pattern, where)) for name, pattern in signal.with_.items()]
        self._unless = [(name, compiled(pattern, where)) for name, pattern in signal.unless.items()]

    def match(self, values: Mapping[str, str]) -> re.Match[str] | None:
        value = values.get(self.signal.header)
        match = self._pattern.search(value) if value is not None else None
        if match and all(_holds(values, *rule) for rule in self._needed):
            return None if any(_holds(values, *rule) for rule in self._unless) else match
        return None


class HeaderReader:
    """Reads headers by one set of signals and remembers what it has read."""

    def __init__(self, signals: Signals) -> None:
        self._tools = [(tool, [_Matcher(signal, tool.name) for signal in tool.headers]) for tool in signals.tools]
        self._systems = signals.systems
        self._system_headers = [(rule.header, compiled(rule.pattern, "systems")) for rule in signals.systems.headers]
        valued, named = _looked_at(signals)
        self._valued = tuple(sorted(valued))
        self._present = tuple(sorted(named - valued))
        self._known: Lru[tuple[str | bool | None, ...], HeaderFacts] = Lru(_HEADERS_REMEMBERED)

    def read(self, headers: Mapping[str, str]) -> HeaderFacts:
        """The facts of one request's headers."""
        key = (*map(headers.get, self._valued), *[name in headers for name in self._present])
        facts = self._known.get(key)
        if facts is None:
            facts = self._study(headers)
            self._known.put(key, facts)
        return facts

    def _study(self, headers: Mapping[str, str]) -> HeaderFacts:
        values = {name: headers[name][:_VALUE_CHARS] for name in (*self._valued, *self._present) if name in headers}
        claims = [claim for tool, matchers in self._tools if (claim := _claim(tool, matchers, values))]
        claims.sort(key=lambda claim: (-claim.weight, claim.tool.kind != "agent"))
        return HeaderFacts(claims=tuple(claims), system=self._system(values))

    def _system(self, values: Mapping[str, str]) -> str:
        for header, pattern in self._system_headers:
            for match in pattern.finditer(values.get(header, "")):
                system = system_named(match["os"], self._systems)
                if system != "unknown":
                    return system
        return "unknown"


def _claim(tool: Tool, matchers: list[_Matcher], values: Mapping[str, str]) -> Claim | None:
    """What the headers say for one tool; a weight of 1 alone is a hint, not a claim."""
    weight, names, details = 0, [], dict[str, str]()
    for matcher in matchers:
        match = matcher.match(values)
        if match:
            weight += matcher.signal.weight
            names.append(matcher.signal.header)
            details = {name: value for name, value in match.groupdict().items() if value} | details
    if weight < 2:
        return None
    return Claim(
        tool=tool,
        weight=weight,
        headers=tuple(dict.fromkeys(names)),
        version=details.get("version"),
        interface=tool.interfaces.get(details.get("interface", "")),
    )


def _holds(values: Mapping[str, str], name: str, pattern: re.Pattern[str]) -> bool:
    value = values.get(name)
    return value is not None and pattern.search(value) is not None


def _looked_at(signals: Signals) -> tuple[set[str], set[str]]:
    """The headers whose value counts, and all that are looked at."""
    rules = [(rule.header, rule.pattern) for rule in signals.systems.headers]
    for tool in signals.tools:
        for signal in tool.headers:
            rules += [(signal.header, signal.pattern or ""), *signal.with_.items(), *signal.unless.items()]
    return {name for name, pattern in rules if pattern}, {name for name, _ in rules}

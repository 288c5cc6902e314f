"""What the body says about the tool: its stock system prompt, the tools it offers, the system it runs on.

Flows in: a dialect's name and raw top-level values. Flows out: `PromptFacts`. Must stay true: what is remembered for
a prompt is used only where the evidence stands again: the first bytes are the same, and whatever was read further
down stands at the same place. No text of the prompt leaves here but a version number and the words of our own data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from sekisho.identity.lru import Lru
from sekisho.identity.places import PLACES, Opening, Places, read_opening, read_tool_names
from sekisho.identity.signals import PromptSignal, Signals, Tool, compiled
from sekisho.identity.systems import system_in_texts

#: A prompt is known again by its first bytes; agents say who they are well before that.
_HEAD_BYTES = 4096
_PROMPTS_REMEMBERED = 2_048
#: The same head with other evidence further down: the same tool on another system, in another folder.
_VARIANTS_REMEMBERED = 32


class PromptFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What one body says. `overlaps`: tool -> how many of its function names are offered, of `offered` in all."""

    tool: str | None = None
    signal: PromptSignal | None = None
    version: str | None = None
    interface: str | None = None
    system: str = "unknown"
    offered: int = 0
    overlaps: dict[str, int] = msgspec.field(default_factory=dict)


NOTHING = PromptFacts()


class _Spot(msgspec.Struct, frozen=True):
    """Evidence further down than the head: these bytes at this place under this key."""

    key: str
    start: int
    literal: bytes

    def stands_in(self, values: Mapping[str, msgspec.Raw]) -> bool:
        raw = values.get(self.key)
        return raw is not None and memoryview(raw)[self.start : self.start + len(self.literal)] == self.literal


class _Variant(msgspec.Struct, frozen=True):
    spots: tuple[_Spot, ...]
    facts: PromptFacts


class PromptReader:
    """Reads bodies by one set of signals and remembers what it has read."""

    def __init__(self, signals: Signals) -> None:
        self._tools = signals.tools
        self._starts = {prompt.starts: (tool, prompt) for tool in signals.tools for prompt in tool.prompts}
        self._any_start = tuple(self._starts)
        self._details = {tool.name: tuple(compiled(p, tool.name) for p in tool.details) for tool in signals.tools}
        self._systems = signals.systems
        self._known: Lru[tuple[object, ...], list[_Variant]] = Lru(_PROMPTS_REMEMBERED)

    def read(self, dialect: str, values: Mapping[str, msgspec.Raw], *, wants_system: bool) -> PromptFacts:
        """The facts of a body; its operating system is looked for only where it is wanted."""
        places = PLACES.get(dialect)
        if places is None:
            return NOTHING
        key = _memo_key(dialect, values, places, wants_system=wants_system)
        variants = self._known.get(key)
        for variant in variants or ():
            if all(spot.stands_in(values) for spot in variant.spots):
                return variant.facts
        facts, literals = self._study(values, places, wants_system=wants_system)
        spots = _spots(values, literals)
        if spots is not None:
            self._known.put(key, [_Variant(spots, facts), *(variants or ())][:_VARIANTS_REMEMBERED])
        return facts

    def _study(
        self, values: Mapping[str, msgspec.Raw], places: Places, *, wants_system: bool
    ) -> tuple[PromptFacts, list[tuple[str, str]]]:
        """The facts, and the (key, literal text) that they rest on."""
        opening = read_opening(values, places, with_turns=wants_system)
        system, literals = "unknown", list[tuple[str, str]]()
        if wants_system:
            texts = [*opening.system, *((places.turns, text) for text in opening.user)]
            system, literals = system_in_texts(texts, self._systems)
        found = self._fingerprint(opening)
        if found is None:
            names = opening.tool_names | read_tool_names(values, places)
            return PromptFacts(system=system, offered=len(names), overlaps=self._overlaps(names)), literals
        key, tool, signal = found
        literals.append((key, signal.starts))
        details: dict[str, str] = {}
        for key, name, value, literal in self._detail_matches(opening, tool):
            details[name] = value
            literals.append((key, literal))
        facts = PromptFacts(
            tool=tool.name,
            signal=signal,
            version=details.get("version"),
            interface=tool.interfaces.get(details.get("interface", ""), signal.interface),
            system=system,
        )
        return facts, literals

    def _fingerprint(self, opening: Opening) -> tuple[str, Tool, PromptSignal] | None:
        for key, text in opening.system:
            stripped = text.lstrip()
            if stripped.startswith(self._any_start):
                start = next(start for start in self._any_start if stripped.startswith(start))
                return key, *self._starts[start]
        return None

    def _detail_matches(self, opening: Opening, tool: Tool) -> Iterator[tuple[str, str, str, str]]:
        for pattern in self._details[tool.name]:
            for key, text in opening.system:
                match = pattern.search(text)
                if match:
                    yield from ((key, name, value, match.group()) for name, value in match.groupdict().items())
                    break

    def _overlaps(self, names: set[str]) -> dict[str, int]:
        counts = {tool.name: len(tool.tool_names & names) for tool in self._tools if tool.tool_names}
        return {tool: count for tool, count in counts.items() if count}


def _memo_key(
    dialect: str, values: Mapping[str, msgspec.Raw], places: Places, *, wants_system: bool
) -> tuple[object, ...]:
    keys = [*places.system, places.tools]
    if wants_system or places.roles:
        keys.append(places.turns)
    tools = values.get(places.tools)
    tools_bytes = memoryview(tools).nbytes if tools is not None else 0
    return (dialect, wants_system, tools_bytes, *[_head(values.get(key)) for key in keys])


def _head(raw: msgspec.Raw | None) -> int:
    """A hash of the first bytes, keyed by process; two prompts meet in it once in 2^64."""
    return 0 if raw is None else hash(bytes(memoryview(raw)[:_HEAD_BYTES]))


def _spots(values: Mapping[str, msgspec.Raw], literals: list[tuple[str, str]]) -> tuple[_Spot, ...] | None:
    """Where evidence stands that the head does not cover; None where it cannot be found again in the raw bytes."""
    spots = []
    for key, text in literals:
        literal = msgspec.json.encode(text)[1:-1]
        start = bytes(values[key]).find(literal)
        if start < 0:
            return None
        if start + len(literal) > _HEAD_BYTES:
            spots.append(_Spot(key, start, literal))
    return tuple(spots)

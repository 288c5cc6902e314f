"""Which tool sends a request: name, version, interface, operating system, session, and how sure that is.

Flows in: headers (lower-case names), the dialect, the body as raw top-level values. Flows out: a `Client`.
Must stay true: a stock system prompt beats headers, headers beat tool names, for headers are copied most often (one
agent sends another's User-Agent, many send their SDK's); what is not known is "unknown", never a guess. All of it is
the caller's own word: it may tighten policy, not relax it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Literal

import msgspec

from sekisho.identity.headers import Claim, HeaderFacts, HeaderReader
from sekisho.identity.prompt import PromptFacts, PromptReader
from sekisho.identity.sessions import SessionReader
from sekisho.identity.signals import Signals, Tool, shipped_signals
from sekisho.wire.json_edit import JsonObject

Confidence = Literal["high", "medium", "low", "none"]
_LOWER: dict[Confidence, Confidence] = {"high": "medium", "medium": "low", "low": "low", "none": "none"}
#: From this weight on, headers are more than a copied User-Agent.
_WEIGHT_TRUSTED = 3


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """Who sends a request, by its own word.

    `interface`: tui, exec, cli, ide, sdk or unknown; `os`: linux, macos, windows or unknown. `evidence` names what
    was matched ("prompt:…", "header:…", "tools:n/m", "contradicted:…"), never what the caller wrote.
    """

    tool: str = "unknown"
    version: str | None = None
    interface: str = "unknown"
    os: str = "unknown"
    session_id: str | None = None
    evidence: tuple[str, ...] = ()
    confidence: Confidence = "none"


class _Verdict(msgspec.Struct, frozen=True):
    tool: Tool | None
    confidence: Confidence
    evidence: tuple[str, ...]
    claim: Claim | None = None


class ClientRecogniser:
    """Recognises by one set of signals; replaced whole when these change."""

    def __init__(self, signals: Signals) -> None:
        self._tools = {tool.name: tool for tool in signals.tools}
        self._headers = HeaderReader(signals)
        self._prompts = PromptReader(signals)
        self._sessions = SessionReader(signals)

    def recognise(self, headers: Mapping[str, str], dialect: str, body: JsonObject) -> Client:
        """Who sends this request. Total over any headers and any body; no I/O."""
        said = self._headers.read(headers)
        values = body.values
        read = self._prompts.read(dialect, values, wants_system=said.system == "unknown")
        verdict = self._by_prompt(read, said) or _by_headers(read, said) or self._by_tool_names(read)
        system = said.system if said.system != "unknown" else read.system
        name = verdict.tool.name if verdict.tool else "unknown"
        return Client(
            tool=name,
            version=(read.version if read.tool == name else None) or (verdict.claim.version if verdict.claim else None),
            interface=_interface(verdict, read),
            os=system,
            session_id=self._sessions.read(headers, values, name),
            evidence=verdict.evidence,
            confidence=verdict.confidence,
        )

    def _by_prompt(self, read: PromptFacts, said: HeaderFacts) -> _Verdict | None:
        if read.tool is None or read.signal is None:
            return None
        family = (read.tool, *read.signal.shared_with)
        claims = [claim for claim in said.claims if claim.tool.kind == "agent"]
        same = next((claim for claim in claims if claim.tool.name in family), None)
        tool = same.tool if same else self._tools[read.tool]
        others = [claim for claim in claims if claim.tool.name not in (tool.name, *tool.disguised_as)]
        doubtful = bool(others) or (not same and bool(read.signal.shared_with))
        evidence = (f"prompt:{read.tool}/{read.signal.id}", *_named(same), *_contradicted(others))
        return _Verdict(tool, "medium" if doubtful else "high", evidence, same)

    def _by_tool_names(self, read: PromptFacts) -> _Verdict:
        enough = [name for name, count in read.overlaps.items() if count >= self._tools[name].at_least]
        if not enough:
            return _Verdict(None, "none", ())
        name = max(enough, key=lambda name: read.overlaps[name])
        return _Verdict(self._tools[name], "medium", (_tools_evidence(name, read),))


def _by_headers(read: PromptFacts, said: HeaderFacts) -> _Verdict | None:
    """The heaviest claim; a User-Agent alone does not stand against tools that are none of that agent's."""
    doubted = [claim for claim in said.claims if _body_speaks_against(claim, read)]
    claims = [claim for claim in said.claims if claim not in doubted]
    if not claims:
        return None
    best, rivals = claims[0], [claim for claim in claims[1:] if claim.tool.kind == claims[0].tool.kind]
    confidence: Confidence = _confidence(best)
    evidence = (*_named(best), *_contradicted(doubted))
    if best.tool.at_least and read.overlaps.get(best.tool.name, 0) >= best.tool.at_least:
        confidence, evidence = "high", (*evidence, _tools_evidence(best.tool.name, read))
    return _Verdict(best.tool, _LOWER[confidence] if rivals or doubted else confidence, evidence, best)


def _confidence(claim: Claim) -> Confidence:
    """A User-Agent alone names an SDK well enough, for nobody copies it; an agent's is copied."""
    if claim.weight >= _WEIGHT_TRUSTED:
        return "high"
    return "medium" if claim.tool.kind == "sdk" else "low"


def _body_speaks_against(claim: Claim, read: PromptFacts) -> bool:
    copied = _confidence(claim) == "low"
    return copied and read.offered > 0 and read.overlaps.get(claim.tool.name, 0) < claim.tool.at_least


def _interface(verdict: _Verdict, read: PromptFacts) -> str:
    if verdict.tool is None:
        return "unknown"
    told = verdict.claim.interface if verdict.claim else None
    in_prompt = read.interface if read.tool == verdict.tool.name else None
    return in_prompt or told or verdict.tool.interface


def _named(claim: Claim | None) -> tuple[str, ...]:
    return tuple(f"header:{name}" for name in claim.headers) if claim else ()


def _contradicted(claims: list[Claim]) -> tuple[str, ...]:
    return tuple(f"contradicted:{claim.tool.name}" for claim in claims)


def _tools_evidence(name: str, read: PromptFacts) -> str:
    return f"tools:{read.overlaps[name]}/{read.offered}"


@cache
def _shipped() -> ClientRecogniser:
    return ClientRecogniser(shipped_signals())


def recognise(headers: Mapping[str, str], dialect: str, body: JsonObject) -> Client:
    """Who sends this request, by the signals that come with this version."""
    return _shipped().recognise(headers, dialect, body)

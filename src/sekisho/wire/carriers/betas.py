"""Which of Anthropic's betas the clouds take: they answer 400 to a word that they do not know.

Flows in: the words of a caller. Flows out: those that may be said there, and those that may not. Must stay true: a
feature is known by its name, whatever its date, because clients move to new dates before this table does.
Source: what Claude Code says in its Bedrock and Vertex modes (November 2026); the clouds' pages on Claude's requests.
"""

from __future__ import annotations

#: Beginnings of words, up to the date.
BEDROCK = (
    "compact-",
    "computer-use-",
    "context-1m-",
    "context-management-",
    "dev-full-thinking-",
    "effort-",
    "fine-grained-tool-streaming-",
    "interleaved-thinking-",
    "output-128k-",
    "token-efficient-tools-",
    "tool-examples-",
    "tool-search-tool-",
)
VERTEX = (
    "claude-code-",
    "compact-",
    "computer-use-",
    "context-1m-",
    "context-management-",
    "dev-full-thinking-",
    "fine-grained-tool-streaming-",
    "interleaved-thinking-",
    "output-128k-",
    "token-efficient-tools-",
    "tool-search-tool-",
    "web-search-",
)
#: What Anthropic calls by one name and the clouds by another.
_OTHER_NAMES = {"advanced-tool-use-": "tool-search-tool-2025-10-19"}


def sorted_out(betas: tuple[str, ...], known: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(what may be said, what has to stay behind), each once and in the caller's order."""
    kept: dict[str, None] = {}
    dropped: dict[str, None] = {}
    for beta in betas:
        name = next((other for start, other in _OTHER_NAMES.items() if beta.startswith(start)), beta)
        if name.startswith(known):
            kept[name] = None
        else:
            dropped[f"anthropic-beta.{beta}"] = None
    return tuple(kept), tuple(dropped)

"""What a scripted call does, and how a caller says so.

Flows in: the caller's text (`[fake: chunks=3 text="Hello there" cut_after=2]` in its last user message), the query
(`?fake_status=429`) and headers (`x-fake-status: 429`). Flows out: one frozen Script; the text wins over the query,
the query over headers, headers over the provider's defaults.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

import msgspec

_DIRECTIVE = re.compile(r"""\[fake:((?:"[^"]*"|'[^']*'|[^\]"'])*)\]""")
_HEADER, _QUERY = "x-fake-", "fake_"
#: Short forms: the fault at once instead of after so many events.
_SHORT = {"cut": "cut_after", "stall": "stall_after", "reset": "reset_after", "garbage": "garbage_after"}


class ScriptError(ValueError):
    """A directive that nobody can follow; the message names it."""


class Script(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One call's instructions.

    What is said: `text` cut into `chunks` deltas (`chunks` alone: that many words, each filled up to `chunk_bytes`);
    `thinking` before it; a call of
    `tool` (a name, or `*` for the first one offered) with `args` (JSON text, default an instance of the tool's
    schema) when the request offers it and holds no tool result yet; `stop` overrides the stop reason, in the
    dialect's own word.
    When: `first_delay_ms` before anything, `delay_ms` before each further event, `pings` empty signs of life after
    the first event.
    What it costs: tokens by kind, in Anthropic's sense (`input_tokens` excludes cached ones); `no_usage` is silent
    about them.
    How it fails: `status` with `error` (a kind of `errors.KINDS`), `message` and `retry_after` (seconds); `html`, a
    page with `status`; `not_http`, bytes of no protocol; `error_in_stream`, a kind, after `error_after` events;
    after so many events `cut_after` closes, `reset_after` resets, `stall_after` falls silent, `garbage_after` sends
    a broken event; `no_done` ends well in HTTP without the dialect's last word. `fail_times` limits all faults to
    the first calls of that `id`; 0 means every call fails.
    """

    id: str = ""
    text: str = ""
    chunks: int = 0
    chunk_bytes: int = 0
    thinking: bool = False
    tool: str = ""
    args: str = ""
    stop: str = ""
    first_delay_ms: int = 0
    delay_ms: int = 0
    pings: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    reasoning_tokens: int = 0
    no_usage: bool = False
    status: int = 200
    error: str = ""
    message: str = ""
    retry_after: float | None = None
    html: bool = False
    not_http: bool = False
    error_in_stream: str = ""
    error_after: int = 1
    cut_after: int | None = None
    reset_after: int | None = None
    stall_after: int | None = None
    garbage_after: int | None = None
    no_done: bool = False
    fail_times: int = 0

    def well(self) -> Script:
        """The same call without its faults."""
        return msgspec.structs.replace(
            self,
            status=200,
            error="",
            html=False,
            not_http=False,
            error_in_stream="",
            cut_after=None,
            reset_after=None,
            stall_after=None,
            garbage_after=None,
            no_done=False,
        )


def parse_directives(text: str) -> dict[str, str]:
    """Every `[fake: …]` in `text`, as names and values; a bare word is a switch. Raises ScriptError."""
    values: dict[str, str] = {}
    for found in _DIRECTIVE.finditer(text):
        try:
            words = shlex.split(found.group(1))
        except ValueError as error:
            raise ScriptError(f"a fake directive does not parse: {error}") from error
        for word in words:
            name, equals, value = word.partition("=")
            values[name] = value if equals else ""
    return values


def resolve_script(defaults: Script, headers: Mapping[str, str], query: Mapping[str, str], text: str) -> Script:
    """The script of one call. `headers` have lower-case names. Raises ScriptError."""
    asked = {n[len(_HEADER) :].replace("-", "_"): v for n, v in headers.items() if n.startswith(_HEADER)}
    asked |= {n[len(_QUERY) :]: v for n, v in query.items() if n.startswith(_QUERY)}
    return override(defaults, asked | parse_directives(text))


def override(defaults: Script, asked: Mapping[str, str]) -> Script:
    """`defaults` with what was asked for by name. Raises ScriptError."""
    if not asked:
        return defaults
    merged = msgspec.structs.asdict(defaults)
    for name, value in asked.items():
        merged[_SHORT.get(name, name)] = value or ("0" if name in _SHORT else "1")
    try:
        return msgspec.convert(merged, Script, strict=False)
    except msgspec.ValidationError as error:
        raise ScriptError(f"a fake directive is wrong: {error}") from error

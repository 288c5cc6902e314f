"""Whom a call names beside its key: the end user in whose name it is made, and its tags.

Flows in: headers (lower-case names), raw values at the top of a body. Flows out: names. Must stay true: a malformed
request names nobody, one with more tags than a row holds is refused: each tag may have a budget; what a tool writes to
tell its sessions apart is no person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from sekisho.core.errors import MalformedRequest

#: The request header with the caller's tags, separated by commas (LiteLLM's name).
TAGS_HEADER: Final = "x-litellm-tags"
#: The request headers that name an end user (LiteLLM's names).
END_USER_HEADERS: Final = ("x-litellm-customer-id", "x-litellm-end-user-id")
#: Bigger values are no metadata of a caller.
_METADATA_BYTES: Final = 64 * 1024
_NAME_CHARS: Final = 256
#: Tags of one call.
TAGS_MAX: Final = 50
#: Claude Code's user_id holds the id of its session.
_SESSION: Final = "session"


def tags_named(headers: Mapping[str, str], values: Mapping[str, Any]) -> Iterable[str]:
    """The tags that a call brings itself: in a header, and in the `metadata` of its body. Raises MalformedRequest for
    more than `TAGS_MAX`.
    """
    tags = [tag.strip() for tag in headers[TAGS_HEADER].split(",")] if TAGS_HEADER in headers else []
    for name in ("metadata", "litellm_metadata"):
        found = _object(values[name]).get("tags") if name in values else None
        tags += [tag for tag in found if isinstance(tag, str)] if isinstance(found, list) else []
    named = list(dict.fromkeys(tag for tag in tags if is_name(tag)))
    if len(named) > TAGS_MAX:
        raise MalformedRequest(f"A call carries {TAGS_MAX} tags at most: this one has {len(named)}.", param="tags")
    return named


def end_user_named(headers: Mapping[str, str], values: Mapping[str, Any]) -> str | None:
    """In whose name a call is made: by a header, OpenAI's `user` or Anthropic's `metadata.user_id`."""
    by_customer, by_end_user = END_USER_HEADERS
    named: Any = headers.get(by_customer) or headers.get(by_end_user) or None
    if named is None and "user" in values:
        named = _decoded(values["user"])
    if named is None and "metadata" in values:
        named = _object(values["metadata"]).get("user_id")
        if isinstance(named, str) and _SESSION in named:
            return None
    return named if isinstance(named, str) and is_name(named) else None


def is_name(text: str) -> bool:
    """Whether the ledger can keep it. No database keeps a NUL, and PostgreSQL is not even asked for one."""
    return 0 < len(text) <= _NAME_CHARS and "\0" not in text


def _object(raw: Any) -> dict[str, Any]:
    value = _decoded(raw) if memoryview(raw).nbytes <= _METADATA_BYTES else None
    return value if isinstance(value, dict) else {}


def _decoded(raw: Any) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None

"""A conversation stays at the deployment where its prompt cache is warm, and a stored response where it is stored.

Flows in: a call's session id or the beginning of its messages; who served it in the end. Flows out: the deployment it
should go to. Must stay true: scoped to key, user and model name; bound on success only; bounded in number and time.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Final

import msgspec

from sekisho.core.clock import Clock
from sekisho.identity.lru import Lru
from sekisho.routing.plan import Wish

#: Conversations held at once (about 300 bytes each).
_HELD: Final = 50_000
#: Where the dialects keep what comes first in a prompt, and the turns.
_BEGINNINGS: Final = ("system", "instructions", "systemInstruction", "system_instruction")
_TURNS: Final = ("messages", "input", "contents")
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
#: The id of a Responses answer: the first id in it, whole or streamed.
_RESPONSE_ID: Final = re.compile(rb'"id"\s*:\s*"(resp_[\w-]{1,400})"')
_LOOKED_AT: Final = 4096


class _Turn(msgspec.Struct):
    role: str | None = None


_turns = msgspec.json.Decoder(list[msgspec.Raw])
_turn = msgspec.json.Decoder(_Turn)

Conversation = tuple[str, ...]


class Affinity:
    """Conversation -> the id of the deployment that served it last."""

    def __init__(self, clock: Clock, *, held: int = _HELD) -> None:
        self._clock = clock
        self._kept_us = 3600 * 1_000_000
        self._bound: Lru[Conversation, tuple[str, int]] = Lru(held)

    def keep_for(self, seconds: float) -> None:
        """How long a conversation that falls silent is remembered."""
        self._kept_us = round(seconds * 1_000_000)

    def find(self, conversation: Conversation) -> str | None:
        """The deployment's id; None where nothing is known any more."""
        found = self._bound.get(conversation)
        if found is None or self._clock.monotonic_us() - found[1] >= self._kept_us:
            return None
        return found[0]

    def bind(self, conversation: Conversation, deployment_id: str) -> None:
        """It has served this conversation."""
        self._bound.put(conversation, (deployment_id, self._clock.monotonic_us()))


def conversation_of(name: str, wish: Wish) -> Conversation | None:
    """What a call to the model `name` is part of; None where nothing tells."""
    principal = wish.principal
    who = name, principal.key_hash, principal.user_id or ""
    if wish.session_id is not None:
        return (*who, "session", wish.session_id)
    beginning = beginning_hash(wish.values)
    return None if beginning is None else (*who, "prefix", beginning)


def earlier_response(name: str, wish: Wish) -> Conversation | None:
    """The stored response that a call continues: only the deployment that made it knows it."""
    raw = wish.values.get("previous_response_id")
    if raw is None:
        return None
    try:
        made = msgspec.json.decode(raw, type=str | None)
    except _UNREADABLE:
        return None
    return made_response(name, wish, made) if made else None


def made_response(name: str, wish: Wish, response_id: str) -> Conversation:
    """What remembers the maker of a response. Scoped to the key, so that nobody learns of another's."""
    return name, wish.principal.key_hash, "response", response_id


def response_id_in(data: bytes) -> str | None:
    """The id of a Responses answer, from its first bytes."""
    found = _RESPONSE_ID.search(data, 0, _LOOKED_AT)
    return found[1].decode() if found is not None else None


def beginning_hash(values: Mapping[str, msgspec.Raw]) -> str | None:
    """A hash of what every turn of a conversation begins with: the system prompt, and the turns up to the first of
    the user's. None where the body has no turns.
    """
    turns = next((values[name] for name in _TURNS if name in values), None)
    if turns is None:
        return None
    digest = hashlib.blake2b(digest_size=16)
    for name in _BEGINNINGS:
        if name in values:
            digest.update(values[name])
    for turn in _up_to_the_user(turns):
        digest.update(turn)
    return digest.hexdigest()


def _up_to_the_user(turns: msgspec.Raw) -> list[msgspec.Raw]:
    try:
        every = _turns.decode(turns)
    except _UNREADABLE:
        return [turns]  # a plain text is the whole of the first turn
    for count, turn in enumerate(every, 1):
        try:
            if _turn.decode(turn).role == "user":
                return every[:count]
        except _UNREADABLE:
            continue
    return every

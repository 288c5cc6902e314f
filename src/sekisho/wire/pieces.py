"""How many messages and parts a request has, before they are read one by one.

Flows in: a body of any dialect. Flows out: nothing, or an error. Must stay true: it costs a small part of what it
spares the event loop; no text of a caller's counts, whatever it quotes.
"""

from __future__ import annotations

import re
from typing import Final

from sekisho.core import bounds
from sekisho.core.errors import MalformedRequest

#: A message has the first, a part at most one of each other. Inside a text their quotes are escaped.
_KEYS: Final = (b'"role"', b'"type"', b'"text"', b'"name"')
_KEY: Final = re.compile(rb'("(?:role|type|text|name)")[ \t\r\n]*+:')
#: A body with so many pieces is at least as long.
_LEAST_BYTES: Final = bounds.PIECES * 8


def check_pieces(body: bytes) -> None:
    """Raises MalformedRequest for a request that takes too long to translate."""
    if len(body) < _LEAST_BYTES or sum(map(body.count, _KEYS)) <= bounds.PIECES:
        return
    found = dict.fromkeys(_KEYS, 0)
    for key in _KEY.finditer(body):  # a value may read like a key
        found[key[1]] += 1
        of_a_message, *of_a_part = found.values()
        if of_a_message + max(of_a_part) > bounds.PIECES:
            raise MalformedRequest(
                f"messages: The request has more than {bounds.PIECES:,} messages and parts of messages, which is the "
                "most that is translated for another provider's API.",
                param="messages",
            )

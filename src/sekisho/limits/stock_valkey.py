"""What Valkey or Redis holds of limits (stock.py), read key by key beside the gateways.

Flows in: a URL. Flows out: counts and reservations of the present epoch. Must stay true: keys are as `lua/common.lua`
writes them; what changes while it is read may not fit together, so what does not fit is looked at twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
import redis

from sekisho.core.errors import OperatorError
from sekisho.limits.stock import Count, Reservation, Stock

#: Keys asked for in one round trip.
_PAGE: Final = 500
_COUNTS: Final = ("m:", "t:", "c:")
#: Adds to a count that is still there, in the epoch in which it was read.
_ADD: Final = """
local key = KEYS[1] .. ':' .. ARGV[1] .. ':' .. ARGV[2]
if redis.call('HGET', KEYS[1], 'id') == ARGV[1] and redis.call('HEXISTS', key, 's') == 1 then
  redis.call('HINCRBY', key, 's', ARGV[3])
end
"""


class ValkeyStock:
    """The server at `url`. Raises OperatorError where it does not answer."""

    def __init__(self, url: str, *, namespace: str = "sekisho", timeout_seconds: float = 5.0) -> None:
        self._client = redis.Redis.from_url(url, socket_timeout=timeout_seconds, socket_connect_timeout=timeout_seconds)
        self._root = f"{{{namespace}}}"

    def read(self) -> Stock:
        """As it stands; empty where no gateway has counted yet."""
        try:
            epoch = self._epoch()
            return Stock({}, {}) if epoch is None else self._read(f"{self._root}:{epoch}:")
        except redis.RedisError as error:
            raise _away(error) from error

    def add_settled(self, amounts: Mapping[str, int]) -> None:
        """Put counts right by these amounts."""
        try:
            epoch = self._epoch() or ""
            for name in sorted(amounts):
                self._client.eval(_ADD, 1, self._root, epoch, name, str(amounts[name]))
        except redis.RedisError as error:
            raise _away(error) from error

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def _epoch(self) -> str | None:
        found: Any = self._client.hget(self._root, "id")
        return None if found is None else found.decode()

    def _read(self, base: str) -> Stock:
        counts: dict[str, Count] = {}
        reservations: dict[str, Reservation] = {}
        for names in self._names(base):
            records = [name for name in names if name.startswith("r:")]
            found: Any = self._client.mget([base + name for name in records]) if records else []
            for name, packed in zip(records, found, strict=True):
                held = None if packed is None else _reservation(packed)
                if held is not None:
                    reservations[name[2:]] = held
            pipe = self._client.pipeline(transaction=False)
            hashes = [name for name in names if name.startswith(_COUNTS)]
            for name in hashes:
                pipe.hmget(base + name, "s", "h")
            for name, (settled, held_amount) in zip(hashes, pipe.execute(), strict=True):
                counts[name] = Count(None if settled is None else int(settled), int(held_amount or 0))
        return Stock(counts, reservations)

    def _names(self, base: str) -> Iterator[list[str]]:
        """The names of keys behind `base`, some hundred at a time, each once."""
        seen: set[str] = set()
        page: list[str] = []
        escaped = base.translate({ord(letter): f"\\{letter}" for letter in "[]*?\\"})
        for key in self._client.scan_iter(match=f"{escaped}*", count=_PAGE):
            name = key.decode()[len(base) :]
            if name not in seen:
                seen.add(name)
                page.append(name)
            if len(page) == _PAGE:
                yield page
                page = []
        if page:
            yield page


def _reservation(packed: bytes) -> Reservation | None:
    """{past its lease?, {count, amount, still held?}, …}; None for one that holds nothing any more."""
    lost, *lines = msgspec.msgpack.decode(packed)
    held = tuple((count, int(amount)) for count, amount, still in lines if still)
    return Reservation(held, lost) if held or not lost else None


def _away(error: Exception) -> OperatorError:
    return OperatorError(f"The store of limits cannot be read: {type(error).__name__}.")

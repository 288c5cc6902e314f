"""Secrets at rest: each under a data key of its own, which is wrapped by the gateway's one root secret (AES-256-GCM).

Flows in: a secret, what it is for and the id of its row. Flows out: text for a column, and the secret again. Must stay
true: what was sealed for one purpose and row opens for no other; a new root secret costs a re-wrapping of data keys,
never of secrets; the library behind it (9 MB) is loaded when the first secret is sealed or opened.

The text: `v1.ROOT.KEY.SECRET`. ROOT names the root secret (it tells nothing about it); KEY is the data key sealed by
the root secret, SECRET the secret sealed by the data key: base64url of nonce (12 bytes), ciphertext, tag (16 bytes).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Sequence

import msgspec

from sekisho.core.errors import OperatorError
from sekisho.core.secret import Secret

#: The variables that hold the root secret, and those it replaced (separated by commas).
ROOT_KEY = "SEKISHO_ROOT_KEY"
PREVIOUS_ROOT_KEYS = "SEKISHO_ROOT_KEY_PREVIOUS"

VERSION = "v1"
KEY_BYTES = 32
_NONCE_BYTES = 12
_ROOT_ID_CHARS = 12
_HEX = re.compile(r"[0-9a-fA-F]{64}")
_ADVICE = "Make one with `openssl rand -base64 32` (32 random bytes, as base64 or hex) and keep a copy of it."


class RootKeyMissing(OperatorError):
    """A secret was to be sealed or opened, and there is no root secret."""

    def __init__(self) -> None:
        super().__init__(f"{ROOT_KEY} is not set, so that no secret can be stored or read. {_ADVICE}", code=ROOT_KEY)


class CannotOpen(OperatorError):
    """A stored secret does not open: another root secret, or it is not what was stored here."""


class _Root(msgspec.Struct, frozen=True):
    """A root secret and its name."""

    id: str
    key: Secret


class Envelope:
    """Seals and opens. Made once, from the two variables; made without a root secret it refuses both by name."""

    def __init__(self, root_key: str | None, previous: str | None = None) -> None:
        """Raises OperatorError, which repeats nothing of them, when one is no root secret."""
        former = [text for text in (previous or "").split(",") if text.strip()]
        self._root = _root(root_key, ROOT_KEY) if root_key else None
        self._roots = {root.id: root for root in (_root(text, PREVIOUS_ROOT_KEYS) for text in former)}
        if self._root is not None:
            self._roots[self._root.id] = self._root

    @property
    def ready(self) -> bool:
        """Whether secrets can be sealed."""
        return self._root is not None

    @property
    def root_id(self) -> str:
        """The name of the root secret that seals. Raises RootKeyMissing."""
        if self._root is None:
            raise RootKeyMissing
        return self._root.id

    def seal(self, secret: Secret, purpose: str, row_id: str) -> str:
        """`secret` as text that opens only for this purpose and row. Raises RootKeyMissing."""
        data_key, context = os.urandom(KEY_BYTES), _context(purpose, row_id)
        sealed = _encrypt(data_key, secret.reveal().encode(), context)
        return self._wrapped(data_key, sealed, context)

    def open(self, text: str, purpose: str, row_id: str) -> Secret:
        """The secret that was sealed for this purpose and row. Raises RootKeyMissing or CannotOpen."""
        context = _context(purpose, row_id)
        _, wrapped, sealed = _parts(text)
        return Secret(_decrypt(self._unwrapped(text, wrapped, context), sealed, context).decode())

    def rewrap(self, text: str, purpose: str, row_id: str) -> str:
        """The same secret with its data key under the present root secret. Raises RootKeyMissing or CannotOpen."""
        context = _context(purpose, row_id)
        _, wrapped, sealed = _parts(text)
        return self._wrapped(self._unwrapped(text, wrapped, context), sealed, context)

    def knows(self, root_id: str) -> bool:
        """Whether what the root secret of this name sealed can be opened."""
        return root_id in self._roots

    def _wrapped(self, data_key: bytes, sealed: bytes, context: bytes) -> str:
        if self._root is None:
            raise RootKeyMissing
        wrapped = _encrypt(_bytes_of(self._root), data_key, context)
        return ".".join((VERSION, self._root.id, _base64(wrapped), _base64(sealed)))

    def _unwrapped(self, text: str, wrapped: bytes, context: bytes) -> bytes:
        name = root_id_of(text)
        root = self._roots.get(name)
        if root is not None:
            return _decrypt(_bytes_of(root), wrapped, context)
        if not self._roots:
            raise RootKeyMissing
        raise CannotOpen(
            f"A stored secret was sealed under the root key '{name}', which is neither {ROOT_KEY} nor one of "
            f"{PREVIOUS_ROOT_KEYS}: set the one it was stored with."
        )


def root_id_of(text: str) -> str:
    """Which root secret a sealed text needs. Raises CannotOpen when it is none."""
    return _parts(text)[0]


def _root(text: str, variable: str) -> _Root:
    key = _key_bytes(text.strip())
    if key is None:
        raise OperatorError(f"{variable} is not a root key: 32 bytes as base64 or hex are expected. {_ADVICE}")
    name = hashlib.sha256(b"sekisho root key\x00" + key).hexdigest()[:_ROOT_ID_CHARS]
    return _Root(name, Secret(key.hex()))


def _key_bytes(text: str) -> bytes | None:
    """A root secret is random, not a passphrase: nothing here would make a guessable one slow to guess."""
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    try:
        key = _unbase64(text.rstrip("=").translate(str.maketrans("+/", "-_")))
    except (binascii.Error, ValueError):
        return None
    return key if len(key) == KEY_BYTES else None


def _bytes_of(root: _Root) -> bytes:
    return bytes.fromhex(root.key.reveal())


def _context(purpose: str, row_id: str) -> bytes:
    """The associated data of both layers: unambiguous, whatever stands in the names."""
    return msgspec.json.encode((VERSION, purpose, row_id))


def _parts(text: str) -> tuple[str, bytes, bytes]:
    """(name of the root secret, sealed data key, sealed secret)."""
    words: Sequence[str] = text.split(".")
    if len(words) == 4 and words[0] == VERSION:
        try:
            return words[1], _unbase64(words[2]), _unbase64(words[3])
        except ValueError:
            pass
    raise CannotOpen("A stored secret is not in the format of this version of Sekisho: restore it from a backup.")


def _encrypt(key: bytes, plain: bytes, context: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - see the module's docstring

    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, context)


def _decrypt(key: bytes, sealed: bytes, context: bytes) -> bytes:
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - see the module's docstring
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - same

    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
    except (InvalidTag, ValueError):
        message = "A stored secret does not open: it was changed, or moved here from another row or purpose."
        raise CannotOpen(message) from None


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unbase64(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)

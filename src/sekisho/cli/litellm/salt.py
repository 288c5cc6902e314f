"""LITELLM_SALT_KEY: opens what LiteLLM stored encrypted.

Flows in: texts of its columns. Flows out: what they hold. Must stay true: neither the key nor what was opened is in
any message.

LiteLLM's formats: `v3:gcm:` and `v2:gcm:` are AES-256-GCM (base64url of nonce, ciphertext, tag), the key by HKDF or by
SHA-256; without a mark it is NaCl's secretbox (XSalsa20-Poly1305), the key by SHA-256, as all versions before wrote it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any, Final

from sekisho.core.secret import Secret

_HKDF: Final = "v3:gcm:"
_SHA: Final = "v2:gcm:"
_HKDF_INFO: Final = b"litellm-at-rest-v3"
_NONCE_BYTES: Final = 12
#: A secretbox is no shorter: nonce and tag.
_BOX_BYTES: Final = 40


class CannotDecrypt(Exception):
    """Another key, or something else than LiteLLM's. The message may be shown."""


class Salt:
    """Opens by one key."""

    def __init__(self, key: Secret) -> None:
        self._key = key

    def opened(self, values: dict[str, Any]) -> dict[str, Any]:
        """The values, each text of them opened. Raises CannotDecrypt naming the first that does not open."""
        opened: dict[str, Any] = {}
        for name, value in values.items():
            try:
                opened[name] = self.open(value) if isinstance(value, str) else value
            except CannotDecrypt as error:
                raise CannotDecrypt(f"'{name}': {error}") from error
        return opened

    def open(self, text: str) -> str:
        """What it holds; the text itself where it is too short to be encrypted. Raises CannotDecrypt."""
        for mark in (_HKDF, _SHA):
            if text.startswith(mark):
                return _opened(text.removeprefix(mark), self._hkdf() if mark == _HKDF else self._sha())
        try:
            box = base64.b64decode(text.translate(str.maketrans("-_", "+/")), validate=True)
        except (binascii.Error, ValueError):
            return text
        return _unboxed(box, self._sha()) if len(box) >= _BOX_BYTES else text

    def _sha(self) -> bytes:
        return hashlib.sha256(self._key.reveal().encode()).digest()

    def _hkdf(self) -> bytes:
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        return HKDF(algorithm=SHA256(), length=32, salt=None, info=_HKDF_INFO).derive(self._key.reveal().encode())


def _opened(text: str, key: bytes) -> str:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        sealed = base64.urlsafe_b64decode(text)
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None).decode()
    except (InvalidTag, ValueError) as error:
        raise CannotDecrypt("it does not open with this LITELLM_SALT_KEY") from error


def _unboxed(box: bytes, key: bytes) -> str:
    try:
        from nacl.exceptions import CryptoError
        from nacl.secret import SecretBox
    except ModuleNotFoundError as error:
        message = "an older LiteLLM encrypted it: install sekisho with its extra 'litellm' (make setup EXTRAS=litellm)"
        raise CannotDecrypt(message) from error
    try:
        return SecretBox(key).decrypt(box).decode()
    except (CryptoError, ValueError) as error:
        raise CannotDecrypt("it does not open with this LITELLM_SALT_KEY") from error

"""Tokens of Google Cloud, from google-auth; imported when the first is fetched.

Flows in: an identity. Flows out: a token with its end. Must stay true: runs in a thread, for it blocks; no error text
holds what a credential file says, nor what a token service answered.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any, Final

import google.auth
from google.auth import aws, exceptions, identity_pool, impersonated_credentials
from google.auth.credentials import Credentials
from google.auth.transport.requests import Request
from google.oauth2 import credentials as user
from google.oauth2 import service_account

from sekisho.core.secret import Secret
from sekisho.providers.auth.google_identity import GoogleIdentity, read_file
from sekisho.providers.auth.refresh import Lease, credential_error

SCOPES: Final = ("https://www.googleapis.com/auth/cloud-platform",)
_AWS_TOKENS: Final = "urn:ietf:params:aws:"


class Source:
    """Fetches the tokens of one identity; keeps what was loaded, for some kinds need it for the next token."""

    __slots__ = ("_identity", "_loaded")

    def __init__(self, identity: GoogleIdentity) -> None:
        self._identity = identity
        self._loaded: Credentials | None = None

    def fetch(self) -> Lease[Secret]:
        """A fresh token. Blocks. Raises UpstreamError of class UPSTREAM_CREDENTIAL."""
        try:
            credentials = self._loaded or _load(self._identity)
            credentials.refresh(Request())
        except exceptions.GoogleAuthError as error:
            # The class alone: its text may repeat what the token service answered.
            name = type(error).__name__
            message = f"Google gave no token ({name}): check vertex_credentials, or what the machine gives."
            raise credential_error(message, name) from None
        self._loaded = credentials
        expiry = credentials.expiry
        # google-auth's times are UTC without saying so.
        end = None if expiry is None else round(expiry.replace(tzinfo=UTC).timestamp() * 1_000_000)
        return Lease(Secret(str(credentials.token)), end)


def _load(identity: GoogleIdentity) -> Credentials:
    if identity.credentials is None:
        found: Credentials = google.auth.default(scopes=SCOPES)[0]
        return found
    try:
        info = read_file(identity.credentials)
    except OSError as error:
        raise credential_error(f"vertex_credentials: the file cannot be read ({error.strerror}).") from None
    except ValueError:
        raise credential_error("vertex_credentials: neither a file with JSON nor the JSON itself.") from None
    kind = info.get("type")
    load = _LOADERS.get(kind) if isinstance(kind, str) else None
    if load is None:
        raise credential_error(f"vertex_credentials: 'type' must be one of {', '.join(sorted(_LOADERS))}.")
    try:
        loaded: Credentials = load(info)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise credential_error(f"vertex_credentials: not a whole file of the type {kind}.") from None
    return loaded


def _service_account(info: dict[str, Any]) -> Any:
    return service_account.Credentials.from_service_account_info(info, scopes=SCOPES)


def _user(info: dict[str, Any]) -> Any:
    return user.Credentials.from_authorized_user_info(info, scopes=SCOPES)


def _workload(info: dict[str, Any]) -> Any:
    """Workload identity federation: the token of another cloud or cluster is changed for one of Google."""
    of_aws = str(info.get("subject_token_type", "")).startswith(_AWS_TOKENS)
    kind: Any = aws.Credentials if of_aws else identity_pool.Credentials
    return kind.from_info(info, scopes=SCOPES)


def _impersonated(info: dict[str, Any]) -> Any:
    return impersonated_credentials.Credentials.from_impersonated_service_account_info(info, scopes=SCOPES)


_LOADERS: Final[dict[str, Callable[[dict[str, Any]], Any]]] = {
    "service_account": _service_account,
    "authorized_user": _user,
    "external_account": _workload,
    "impersonated_service_account": _impersonated,
}

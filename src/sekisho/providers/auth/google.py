"""Who a deployment is at Google Cloud: a service account, a user, a workload's identity, or what the machine gives.

Flows in: the credential file, its text, or nothing (application default credentials). Flows out: an Authority that
shows bearer tokens, renewed in the background. Must stay true: deployments of one identity share its tokens, also over
a reload; google-auth is imported with the first token, in a thread (see google_fetch.py).
Source: Google's "How Application Default Credentials works".
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

from sekisho.core.clock import Clock, SystemClock
from sekisho.core.secret import Secret
from sekisho.providers.auth.authority import FreshToken
from sekisho.providers.auth.google_identity import GoogleIdentity
from sekisho.providers.auth.refresh import Lease, Refreshed, credential_error


@functools.lru_cache(maxsize=1024)
def google_authority(identity: GoogleIdentity) -> FreshToken:
    """The authority of an identity."""
    return authority_of(identity, SystemClock())


def authority_of(identity: GoogleIdentity, clock: Clock) -> FreshToken:
    """The same, with a clock of the caller's."""
    return FreshToken(Refreshed("Google Cloud", _Lazy(identity), clock))


class _Lazy:
    """google_fetch.py's source of tokens, made with the first token."""

    __slots__ = ("_identity", "_source")

    def __init__(self, identity: GoogleIdentity) -> None:
        self._identity = identity
        self._source: Any = None

    def __call__(self) -> Lease[Secret]:
        if self._source is None:
            try:
                module = importlib.import_module("sekisho.providers.auth.google_fetch")
            except ImportError:
                raise credential_error("Google's credentials need an extra: install sekisho[google].") from None
            self._source = module.Source(self._identity)
        lease: Lease[Secret] = self._source.fetch()
        return lease

"""The certificate that new connections get: the one in the files, also when they are renewed while the gateway runs.

Flows in: the files of `serve --ssl-certfile --ssl-keyfile`, looked at every second. Flows out: the TLS context of the
listener, which hands each new connection the latest good certificate. Must stay true: a connection keeps what it began
with; files that cannot be used change nothing, and the log says so once.
"""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

from sekisho.cli.tls import Tls, context_of
from sekisho.core.errors import OperatorError

log = logging.getLogger("sekisho.tls")

_LOOK_EVERY_SECONDS = 1.0
#: (inode, size, time of the last change) of each file; None for one that is not there.
_Looks = tuple[tuple[int, int, int] | None, ...]


class Renewal:
    """`listen_with` makes the listener's context; `look` takes what is new in the files."""

    def __init__(self, tls: Tls) -> None:
        self._tls = tls
        self._taken = self._seen = self._looks()
        self._latest: ssl.SSLContext | None = None

    def listen_with(self, made: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        """The context that `made` makes, with the certificate of the moment for each handshake."""
        context = made()
        context.sni_callback = self._hand_over
        return context

    def watch(self) -> None:
        """Look again and again, in a thread, for a file system may be slow to answer."""
        threading.Thread(target=self._watch, name="sekisho-certificate", daemon=True).start()

    def look(self) -> None:
        """Take files that have changed since they were taken, and not since they were looked at last: certificate and
        key are written one after the other.
        """
        before, self._seen = self._seen, self._looks()
        if self._seen == self._taken or self._seen != before:
            return
        self._taken = self._seen
        problem: OperatorError | None = None
        try:
            self._latest = context_of(self._tls)
        except OperatorError as error:
            problem = error
        if problem is None:
            log.warning("the certificate was renewed: new connections get that of %s", self._tls.certfile)
        else:
            log.error("the renewed certificate was not taken, the former stays: %s", problem)

    def _watch(self) -> None:
        pause = threading.Event()
        while not pause.wait(_LOOK_EVERY_SECONDS):
            self.look()

    def _looks(self) -> _Looks:
        return tuple(_look_of(path) for path in (self._tls.certfile, self._tls.keyfile) if path is not None)

    def _hand_over(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """OpenSSL asks in each handshake, also of clients that name no host."""
        if self._latest is not None:
            connection.context = self._latest


def _look_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns

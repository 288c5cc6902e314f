"""A token service of AWS that does as it is told: STS, and the address of a container's credentials.

In: how long credentials live, an error to answer with, whether to wait. Out: what it was asked, and credentials that
are numbered. It runs in threads, as a slow service would run elsewhere.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


class Sts:
    """The service. `asked` holds the parameters of each question in order."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.authorizations: list[str] = []
        self.lifetime_seconds = 3600
        self.error: str | None = None
        self.url = ""
        #: Cleared: answers wait.
        self.open = threading.Event()
        self.open.set()

    def answer(self, question: dict[str, str], authorization: str) -> tuple[int, str, str]:
        """(status, content type, body) of one answer."""
        self.asked.append(question)
        self.authorizations.append(authorization)
        number = len(self.asked)
        self.open.wait(20)
        if self.error is not None:
            text = f"<ErrorResponse xmlns='{NAMESPACE}'><Error><Type>Sender</Type><Code>{self.error}</Code>"
            return 403, "text/xml", f"{text}<Message>canary of {authorization}</Message></Error></ErrorResponse>"
        ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + self.lifetime_seconds))
        if "Action" not in question:
            fields = f'"AccessKeyId":"ASIA{number}","SecretAccessKey":"s{number}","Token":"t{number}"'
            return 200, "application/json", f'{{{fields},"Expiration":"{ends}"}}'
        action = question["Action"]
        credentials = (
            f"<Credentials><AccessKeyId>ASIA{number}</AccessKeyId><SecretAccessKey>s{number}</SecretAccessKey>"
            f"<SessionToken>t{number}</SessionToken><Expiration>{ends}</Expiration></Credentials>"
        )
        result = f"<{action}Result>{credentials}</{action}Result>"
        return 200, "text/xml", f"<{action}Response xmlns='{NAMESPACE}'>{result}</{action}Response>"


@contextmanager
def serving() -> Iterator[Sts]:
    """The service on a port of its own."""
    sts = Sts()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("content-length", "0"))).decode())

        def do_GET(self) -> None:
            self._answer("")

        def _answer(self, form: str) -> None:
            question = {name: values[0] for name, values in parse_qs(form, keep_blank_values=True).items()}
            status, kind, body = sts.answer(question, self.headers.get("authorization", ""))
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sts.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield sts
    finally:
        sts.open.set()
        server.shutdown()
        thread.join()
        server.server_close()

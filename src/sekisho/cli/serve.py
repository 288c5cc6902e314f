"""`sekisho serve`: the gateway, until it is told to stop.

Flows in: options, the environment, a configuration file. Flows out: a listening server, or exit 1 with every problem
on its own line. Must stay true: nothing listens before the configuration, the store and the master key are good.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
import typer
import uvicorn
from sqlalchemy.exc import DBAPIError

from sekisho.api.llm.protocol import patient
from sekisho.api.llm.ws_protocol import patient_socket
from sekisho.app import Application
from sekisho.cli.renewal import Renewal
from sekisho.cli.server import Server
from sekisho.cli.tls import FOLDER, Tls, tls_of
from sekisho.cli.workers import Workers, end_with, listen
from sekisho.config.load import load_to_serve
from sekisho.config.model import Settings
from sekisho.core.errors import OperatorError, SekishoError
from sekisho.store.migrate import ensure_schema
from sekisho.store.open import open_store

_KEEP_ALIVE_SECONDS = 75
#: A WebSocket is asked so often whether its client is still there; proxies keep what is not silent for longer.
_PING_SECONDS = 20.0
#: A call itself gives up a caller who takes nothing; the connection is cut where that did not help.
_GRACE_SECONDS = 5
#: The ledger's thread gives way to the event loop after so long (Python's own 5 ms are seen by callers).
_SWITCH_SECONDS = 0.0005
#: What start-up made stays; what a call makes is freed by counting, so the collector may look less often.
_GC_THRESHOLDS = (20_000, 20, 20)


class Share(msgspec.Struct, frozen=True):
    """What one of several workers is told: its number, of how many, the socket and its lifeline (workers.py)."""

    number: int
    workers: int
    listening: int
    lifeline: int

    @classmethod
    def parse(cls, text: str) -> Share:
        """From the four numbers, with colons between them."""
        return cls(*map(int, text.split(":")))


def serve(
    *,
    config: Annotated[Path, typer.Option(help="LiteLLM's config.yaml.", exists=True, dir_okay=False)],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 4000,
    data_dir: Annotated[Path, typer.Option(help="Where keys, ledger and spool live.")] = Path(".data"),
    workers: Annotated[
        int, typer.Option("--workers", "--num_workers", min=1, help="Processes; more than one needs a shared store.")
    ] = 1,
    ssl_certfile: Annotated[Path | None, typer.Option(help="Certificate chain (PEM).", exists=True)] = None,
    ssl_keyfile: Annotated[Path | None, typer.Option(help="Private key (PEM).", exists=True)] = None,
    dev_tls: Annotated[
        bool, typer.Option("--dev-tls", help="Serve https with a local certificate, made in the data directory.")
    ] = False,
    share: Annotated[Share | None, typer.Option(parser=Share.parse, hidden=True)] = None,
) -> None:
    """Start the gateway."""
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr
    )
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a reload asked for while starting is no reason to end
    try:
        tls = tls_of(ssl_certfile, ssl_keyfile, data_dir / FOLDER if dev_tls else None, host)
        if workers > 1 and share is None:
            raise typer.Exit(_look_after(config, data_dir, workers, (host, port), tls))
        app = application(config, data_dir, share)
    except (SekishoError, DBAPIError) as error:
        said = f"The database refused: {error.orig}" if isinstance(error, DBAPIError) else error
        for line in getattr(error, "problems", ()) or (said,):
            print(f"sekisho: {line}", file=sys.stderr)
        raise typer.Exit(1) from None
    if share is None:
        _greet(app.settings, tls)
    else:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # told by who looks after it, also before it serves
        end_with(share.lifeline)
    _settle_down()
    server = Server(_configured(app, host, port, tls), lambda: app.settings.sekisho.stop, app.about_to_end)
    server.run(None if share is None else [socket.socket(fileno=share.listening)])
    if not server.started:
        raise typer.Exit(1)


def application(config: Path, data_dir: Path, share: Share | None = None) -> Application:
    """What is served. Raises OperatorError."""
    return Application(config, os.environ, data_dir, (share.number, share.workers) if share else (0, 1))


def _look_after(config: Path, data_dir: Path, workers: int, at: tuple[str, int], tls: Tls | None) -> int:
    """Start the workers and wait for their end. Raises OperatorError."""
    host, port = at
    settings, _ = load_to_serve(config, os.environ)
    _lay_what_is_shared(settings, data_dir)
    try:
        listening = listen(host, port)
    except OSError as error:
        raise OperatorError(f"{host}:{port} cannot be listened on: {error.strerror or error}") from error
    _greet(settings, tls)
    options = ["--config", str(config), "--data-dir", str(data_dir), "--host", host, "--port", str(port)]
    options += ["--ssl-certfile", str(tls.certfile), "--ssl-keyfile", str(tls.keyfile)] if tls else []

    def command(number: int, socket_fd: int, lifeline: int) -> list[str]:
        shared = ["--share", f"{number}:{workers}:{socket_fd}:{lifeline}"]
        return [sys.executable, "-m", "sekisho", "serve", *options, *shared]

    return Workers(command, listening, workers).run()


def _lay_what_is_shared(settings: Settings, data_dir: Path) -> None:
    """The tables, once, before several workers ask for them. Raises OperatorError where there is nothing to share."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = open_store(settings, data_dir)
    try:
        if store.local and settings.redis_url is None:
            raise OperatorError(
                "Several workers keep their limits in a shared store: set DATABASE_URL (PostgreSQL) or REDIS_URL "
                "(Valkey), or use --workers 1."
            )
        ensure_schema(store)
    finally:
        store.close()


def _greet(settings: Settings, tls: Tls | None) -> None:
    for warning in settings.warnings:
        print(f"sekisho: warning: {warning}", file=sys.stderr)
    if tls is not None and tls.trust is not None:
        print(f"sekisho: https with a local certificate; clients have to trust {tls.trust}", file=sys.stderr)


def _settle_down() -> None:
    """What start-up made stays as it is."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def _renewed(tls: Tls) -> Callable[[uvicorn.Config, Callable[[], ssl.SSLContext]], ssl.SSLContext]:
    """The server's context, kept up with the files."""
    renewal = Renewal(tls)
    renewal.watch()
    return lambda _config, made: renewal.listen_with(made)


def _configured(app: Application, host: str, port: int, tls: Tls | None) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=patient(app.settings.sekisho.timeouts.caller_stalled_seconds + _GRACE_SECONDS),
        ws=patient_socket(lambda: app.settings.body_limit_bytes),
        ws_ping_interval=_PING_SECONDS,
        ws_ping_timeout=app.settings.sekisho.timeouts.caller_stalled_seconds,
        ws_per_message_deflate=False,
        lifespan="on",
        log_level="error",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        ssl_certfile=tls.certfile if tls else None,
        ssl_keyfile=tls.keyfile if tls else None,
        ssl_context_factory=_renewed(tls) if tls else None,
    )

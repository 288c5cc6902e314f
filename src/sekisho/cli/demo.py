"""`sekisho demo`: provider, gateway and ledger on this machine in one command, with calls that show them at work.

Flows in: nothing but an optional provider key in the environment. Flows out: streamed answers, the ledger as a table,
settings to paste. Must stay true: everything it started is stopped and everything it wrote is removed, however it ends.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from sekisho.cli.agent_settings import AGENTS, settings_for
from sekisho.cli.demo_calls import ask_json, demo_calls, is_ready, streamed_text
from sekisho.core.errors import OperatorError
from sekisho.core.money import usd_text
from sekisho.providers.fake.app import FakeProvider
from sekisho.providers.fake.script import Script
from sekisho.providers.fake.server import make_server

_HOST = "127.0.0.1"
_USUAL_PORT = 4000
_READY_SECONDS = 60
_STOP_SECONDS = 5
#: Characters a line where the output is no terminal.
_PIPED_WIDTH = 110
_CLAUDE, _GPT = "claude-sonnet-4-5", "gpt-4.1-mini"
#: Agents whose own models are Claude's; all others are shown with a GPT model.
_ANTHROPIC_FIRST = ("claude", "anthropic")
_SCRIPT = Script(
    text="It sees who passes and what they carry, writes it down, and opens the gate. (Scripted: no model was asked.)",
    delay_ms=15,
    input_tokens=40,
    cache_read_tokens=1_200,
)


class Vendor(msgspec.Struct, frozen=True, kw_only=True):
    """Who serves the models of one name pattern, and the variable that holds a real key."""

    title: str
    pattern: str
    prefix: str
    variable: str
    base_path: str


_VENDORS = (
    Vendor(title="Anthropic", pattern="claude-*", prefix="anthropic", variable="ANTHROPIC_API_KEY", base_path=""),
    Vendor(title="OpenAI", pattern="gpt-*", prefix="openai", variable="OPENAI_API_KEY", base_path="/v1"),
)


def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="End after the calls instead of staying up.")] = False,
    port: Annotated[int | None, typer.Option(help="The gateway's port; 4000, or a free one, without it.")] = None,
) -> None:
    """Show the gateway at work on this machine."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _PIPED_WIDTH)
    for number in (signal.SIGTERM, signal.SIGINT):  # also where a shell started this with SIGINT ignored
        signal.signal(number, _interrupt)
    try:
        with ExitStack() as started:
            _run(console, started, once=once, port=port)
    except OperatorError as error:
        console.print(f"[red]sekisho demo:[/] {error}")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        console.print("\nStopped; everything the demo started is gone.")


def _run(console: Console, started: ExitStack, *, once: bool, port: int | None) -> None:
    folder = Path(started.enter_context(tempfile.TemporaryDirectory(prefix="sekisho-demo-")))
    master_key = f"sk-{secrets.token_hex(16)}"
    with console.status("Starting the scripted provider …"):
        fake_url = started.enter_context(scripted_provider(_SCRIPT))
    config = folder / "config.yaml"
    config.write_bytes(config_text(os.environ, fake_url))
    real = [vendor for vendor in _VENDORS if os.environ.get(vendor.variable)]
    for vendor in real:
        console.print(f"[yellow]{vendor.title}:[/] {vendor.variable} is set, so its models are real and cost money.")
    with console.status("Starting the gateway …"):
        url = f"http://{_HOST}:{choose_port(port)}"
        started.enter_context(gateway(config, folder, url, master_key))
    console.print(f"The gateway answers on [bold]{url}[/], the provider behind it on {fake_url}.")
    key = str(ask_json(url, master_key, "POST", "/key/generate", {"key_alias": "demo", "user_id": "you"})["key"])
    console.print(f"It made a key for you: [bold]{key}[/]\n")
    _show_calls(console, url, key)
    console.print(ledger_table(ask_json(url, master_key, "GET", "/spend/logs")))
    _show_settings(console, url, key)
    if not once:
        console.print(f"\nThe gateway stays up. Master key: {master_key}. Ctrl-C ends it and removes everything.")
        threading.Event().wait()


def _show_calls(console: Console, url: str, key: str) -> None:
    for call in demo_calls(_CLAUDE, _GPT):
        console.print(f"[bold]{call.title}[/]  POST {call.path}  {call.body['model']}")
        console.print("  ", end="")
        for piece in streamed_text(url, key, call):
            console.out(piece, end="", highlight=False)
        console.print("\n")


def _show_settings(console: Console, url: str, key: str) -> None:
    """One block a tool, printed as it is: nothing wrapped, nothing padded, so that what is copied can be pasted."""
    console.print("\n[bold]Settings to paste[/] (or let `sekisho setup AGENT` write them)")
    for agent in AGENTS:
        settings = settings_for(agent, url, key, _CLAUDE if agent in _ANTHROPIC_FIRST else _GPT)
        console.rule(f"[bold]{agent}[/]", align="left")
        console.out(settings.text(), highlight=False)


def config_text(environ: Mapping[str, str], fake_url: str) -> bytes:
    """The gateway's config.yaml (JSON is YAML): a vendor whose key is in `environ` is real, else scripted."""
    entries = []
    for vendor in _VENDORS:
        params = {"model": f"{vendor.prefix}/{vendor.pattern}"}
        if environ.get(vendor.variable):
            params["api_key"] = f"os.environ/{vendor.variable}"
        else:
            params |= {"api_base": fake_url + vendor.base_path, "api_key": "no-key-needed"}
        entries.append({"model_name": vendor.pattern, "litellm_params": params})
    return msgspec.json.format(msgspec.json.encode({"model_list": entries}))


@contextmanager
def scripted_provider(script: Script) -> Iterator[str]:
    """The scripted provider in a thread, on a free port; its URL."""
    with socket.socket() as listening:
        listening.bind((_HOST, 0))
        listening.listen(128)
        server = make_server(FakeProvider(script), _HOST, 0)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            yield f"http://{_HOST}:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def gateway(config: Path, folder: Path, url: str, master_key: str) -> Iterator[None]:
    """`sekisho serve` as a process of its own, ready. Raises OperatorError with what it printed when it is not.

    It has a session of its own, so that Ctrl-C reaches it only through us, in order.
    """
    port = url.rpartition(":")[2]
    command = [sys.executable, "-m", "sekisho", "serve", "--config", str(config), "--host", _HOST, "--port", port]
    log = folder / "gateway.log"
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603
            [*command, "--data-dir", str(folder / "data")],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=os.environ | {"LITELLM_MASTER_KEY": master_key},
            start_new_session=True,
        )
    try:
        _wait_until_ready(process, url, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    for _ in range(_READY_SECONDS * 10):
        if is_ready(url):
            return
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        raise OperatorError(f"the gateway did not start:\n{log.read_text(errors='replace')}")
    raise OperatorError(f"the gateway was not ready within {_READY_SECONDS} s:\n{log.read_text(errors='replace')}")


def choose_port(wanted: int | None) -> int:
    """The wanted port, or 4000, or a free one. Raises OperatorError when the wanted one is taken."""
    for port in (_USUAL_PORT, 0) if wanted is None else (wanted,):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OperatorError(f"port {wanted} is taken; leave out --port and a free one is chosen.")


def ledger_table(rows: list[dict[str, Any]]) -> Table:
    """/spend/logs as a table, oldest first."""
    table = Table(title="The ledger: one row a call", title_justify="left", box=SIMPLE_HEAD)
    for title in ("dialect", "model", "provider"):
        table.add_column(title, no_wrap=True)
    for title in ("input", "cached", "output", "USD", "first token", "status"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in sorted(rows, key=lambda row: str(row["startTime"])):
        table.add_row(*_cells(row))
    return table


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    own, usage = row["metadata"]["sekisho"], row["metadata"]["usage_object"]
    cached = usage["prompt_tokens_details"]["cached_tokens"]
    cost = own["cost_nano_usd"]
    return (
        str(own["dialect"]).rpartition("-")[2],
        str(own["served_model"] or own["requested_model"]),
        str(row["custom_llm_provider"]),
        f"{usage['prompt_tokens'] - cached:,}",
        f"{cached:,}",
        f"{usage['completion_tokens']:,}",
        "unknown" if cost is None else usd_text(cost),
        _first_token(row),
        str(own["status"]),
    )


def _first_token(row: dict[str, Any]) -> str:
    if row["completionStartTime"] is None:
        return ""
    started, first = (datetime.fromisoformat(row[name]) for name in ("startTime", "completionStartTime"))
    return f"{(first - started).total_seconds() * 1000:.0f} ms"


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt

"""`sekisho fake-provider`: the scripted provider on a port, for demo, tests and trying out a client.

Flows in: a port and what every call does by default. Flows out: answers in every dialect, until interrupted.
"""

from __future__ import annotations

from typing import Annotated

import typer

from sekisho.providers.fake.app import FakeProvider
from sekisho.providers.fake.script import Script, ScriptError, override, parse_directives
from sekisho.providers.fake.server import run


def fake_provider(
    port: Annotated[int, typer.Option(help="Port to listen on.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    chunk_delay_ms: Annotated[int, typer.Option(help="Pause before each streamed event, in milliseconds.")] = 0,
    script: Annotated[
        str, typer.Option(help='What every call does unless it says otherwise, e.g. "chunks=20 thinking".')
    ] = "",
) -> None:
    """Answer like Anthropic, OpenAI, Azure, Bedrock, Gemini and Vertex without asking any model.

    A call says what it wants in its last user message, e.g.
    [fake: chunks=100 delay_ms=5 cut_after=3], [fake: status=429 retry_after=2], [fake: tool=Bash thinking].
    GET /__requests shows what was asked, GET /__count what each call would have been billed, POST /__reset forgets.
    """
    try:
        defaults = override(Script(delay_ms=chunk_delay_ms), parse_directives(f"[fake: {script}]"))
    except ScriptError as error:
        raise typer.BadParameter(str(error), param_hint="--script") from error
    typer.echo(f"Scripted provider on http://{host}:{port}", err=True)
    run(FakeProvider(defaults), host, port)

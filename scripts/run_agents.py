"""Real coding agents and SDKs do a small task through the gateway, in front of a scripted provider.

In: names of agents (default: all), `--foreign` to serve Claude's and Gemini's models by an OpenAI chat provider and
OpenAI's by an Anthropic one. Out: a table, exit 1 if one of them fails.
The agents are other people's programs, installed once outside this repository and run without a network.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
HARNESS = ROOT.parent / "shared" / "agents"
PROVIDER = Path(__file__).with_name("agents_upstream.py")
SEKISHO = Path(sys.executable).parent / "sekisho"
INSTALLED = Path(os.environ.get("SEKISHO_AGENTS_DIR", Path.home() / ".cache" / "sekisho-agents"))
MASTER_KEY = "sk-agents-master"
SECRETS = {"LITELLM_MASTER_KEY": MASTER_KEY, "SEKISHO_ROOT_KEY": "0" * 64}
READY_SECONDS_MAX = 20
# Set for the second half of the run, which has no network but the loopback.
ISOLATED = "SEKISHO_AGENTS_ISOLATED"

AGENTS = (
    *("claude", "claude-token", "claude-bedrock", "claude-bedrock-skipauth", "claude-vertex"),
    *("codex", "codex-ws", "codex-builtin", "codex-codemode"),
    *("cline-openai", "cline-openai-native", "cline-anthropic", "cline-litellm", "cline-gemini", "cline-bedrock"),
    *("opencode-chat", "opencode-anthropic", "opencode-openai", "opencode-google", "opencode-bedrock"),
    *("kilo-chat", "kilo-anthropic", "gemini", "gemini-vertex"),
    *("qwen-openai", "qwen-responses", "qwen-anthropic", "qwen-gemini"),
    *("copilot-chat", "copilot-responses", "copilot-ws", "copilot-anthropic"),
    *("continue-openai", "continue-anthropic", "aider-openai", "aider-anthropic"),
    *("sdk-openai-chat", "sdk-openai-responses", "sdk-anthropic", "sdk-genai", "sdk-boto3", "sdk-boto3-sigv4"),
    *("sdk-litellm", "sdk-ai"),
)
#: The pair with which the harness signs Bedrock's requests.
SIGNER = {"access_key_id": "AKIATESTTESTTESTTEST", "secret_access_key": "test-secret-not-real"}


def deployments(upstream: str, *, foreign: bool) -> list[dict[str, Any]]:
    """Wildcards, because agents also ask for small models of their own choice, for titles and summaries."""
    anthropic = {"api_base": upstream, "api_key": "sk-scripted"}
    bedrock = {"aws_bedrock_runtime_endpoint": upstream, "aws_region_name": "us-east-1", "api_key": "scripted"}
    openai = {"api_base": f"{upstream}/v1", "api_key": "sk-scripted", "use_chat_completions_api": foreign}
    if foreign:
        return [
            {"model_name": "claude-*", "litellm_params": {"model": "openai/claude-*", **openai}},
            {"model_name": "us.anthropic.*", "litellm_params": {"model": "openai/claude-*", **openai}},
            {"model_name": "gemini-*", "litellm_params": {"model": "openai/gemini-*", **openai}},
            {"model_name": "gpt-*", "litellm_params": {"model": "anthropic/gpt-*", **anthropic}},
        ]
    return [
        {"model_name": "claude-*", "litellm_params": {"model": "anthropic/claude-*", **anthropic}},
        {"model_name": "us.anthropic.*", "litellm_params": {"model": "bedrock/us.anthropic.*", **bedrock}},
        {"model_name": "gemini-*", "litellm_params": {"model": "gemini/gemini-*", **anthropic}},
        {"model_name": "gpt-*", "litellm_params": {"model": "openai/gpt-*", **openai}},
    ]


def call(url: str, body: dict[str, Any] | None = None) -> Any:
    """GET, or POST where there is a body, with the master key; the answer's JSON.

    Raises:
        OSError: nobody answers, or not with success.
    """
    request = urllib.request.Request(  # noqa: S310 - our own loopback address
        url,
        data=None if body is None else json.dumps(body).encode(),
        headers={"authorization": f"Bearer {MASTER_KEY}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - same
        return json.loads(answer.read() or b"null")


@contextmanager
def running(argv: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program of ours for as long as the block lasts."""
    with log.open("wb") as out:
        process = subprocess.Popen(argv, stdout=out, stderr=out, env={**os.environ, **SECRETS})
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


def wait_until(condition: Any, what: str, process: subprocess.Popen[bytes], log: Path) -> Any:
    """The condition's first true value; ends the run with the program's own words where it never comes."""
    deadline = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if value := condition():
                return value
        except OSError:
            pass
        time.sleep(0.05)  # noqa: TID251 - another process has to come up, and tells nobody
    sys.exit(f"{what} did not start:\n{log.read_text()[-4000:]}")


def start_upstream(stack: ExitStack, folder: Path) -> str:
    port, record, log = folder / "port", folder / "upstream.jsonl", folder / "upstream.log"
    argv = [sys.executable, str(PROVIDER), "--record", str(record), "--port-file", str(port)]
    process = stack.enter_context(running(argv, log))
    number = wait_until(lambda: port.exists() and port.read_text(), "The scripted provider", process, log)
    return f"http://127.0.0.1:{number}"


def start_gateway(stack: ExitStack, folder: Path, upstream: str, *, foreign: bool) -> tuple[str, str]:
    """The gateway's URL and a key made by it."""
    config, log = folder / "config.yaml", folder / "gateway.log"
    config.write_text(json.dumps({"model_list": deployments(upstream, foreign=foreign)}, indent=1))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    argv = [str(SEKISHO), "serve", "--config", str(config), "--port", str(port), "--data-dir", str(folder / "data")]
    process = stack.enter_context(running(argv, log))
    wait_until(lambda: call(f"{url}/health/readiness"), "The gateway", process, log)
    key: str = call(f"{url}/key/generate", {"key_alias": "agents"})["key"]
    call(f"{url}/sekisho/v1/key/aws-credentials", {"key": key, **SIGNER})
    return url, key


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def harness(*arguments: str) -> int:
    return subprocess.call([sys.executable, str(HARNESS / "harness.py"), "--workdir", str(INSTALLED), *arguments])


def without_network() -> None:
    """Start again where nothing but the loopback can be reached: the agents call home in spite of their settings."""
    inside = ["unshare", "--net", "--map-root-user"] if os.geteuid() else ["unshare", "--net"]
    if os.environ.get(ISOLATED) or not shutil.which("unshare") or subprocess.call([*inside, "true"]):
        return
    environment = {**os.environ, ISOLATED: "1"}
    os.execvpe(inside[0], [*inside, sys.executable, *sys.argv], environment)  # noqa: S606 - the same program again


def raise_loopback() -> None:
    """A new network namespace has its loopback down (SIOCSIFFLAGS with IFF_UP and IFF_RUNNING, netdevice(7))."""
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14s", b"lo", 0x41, b""))


def show(rows: list[dict[str, Any]], *, foreign: bool) -> None:
    title = "Agents on the other dialect's provider" if foreign else "Agents on their own dialect's provider"
    table = Table("agent", "status", "turns", "seconds", "why", title=title)
    for row in rows:
        why = row.get("why") or ("" if row["status"] == "completed" else f"exit {row['rc']}, see {row['log']}")
        table.add_row(row["agent"], row["status"], str(row.get("turns")), str(row.get("seconds", "-")), why)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def run(names: list[str], *, foreign: bool, report: Path | None) -> int:
    folder = Path(tempfile.mkdtemp(prefix="sekisho-agents-"))
    with ExitStack() as stack:
        upstream = start_upstream(stack, folder)
        url, key = start_gateway(stack, folder, upstream, foreign=foreign)
        results = folder / "results.json"
        record = str(folder / "upstream.jsonl")
        harness(
            "--no-install", "--base-url", url, "--key", key, "--upstream-record", record, "--json", str(results), *names
        )
    rows = json.loads(results.read_text())
    show(rows, foreign=foreign)
    if report:
        report.write_text(json.dumps(rows, indent=1))
    if all(row["status"] == "completed" for row in rows):
        shutil.rmtree(folder)
        return 0
    sys.stdout.write(f"What the gateway and the provider said is in {folder}\n")
    return 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("agents", nargs="*", help=f"of: {', '.join(AGENTS)}")
    parser.add_argument("--foreign", action="store_true", help="serve each model by a provider of the other dialect")
    parser.add_argument("--json", type=Path, help="write the results to this file too")
    options = parser.parse_args()
    if not (HARNESS / "harness.py").is_file():
        sys.stderr.write(f"The agents' harness is not beside this checkout ({HARNESS}).\n")
        return 2
    names = options.agents or list(AGENTS)
    if not os.environ.get(ISOLATED):
        INSTALLED.mkdir(parents=True, exist_ok=True)
        harness("--install-only", *names)
        without_network()
    else:
        raise_loopback()
    return run(names, foreign=options.foreign, report=options.json)


if __name__ == "__main__":
    sys.exit(main())

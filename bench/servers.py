"""The three servers of a run: the scripted provider, nginx as the floor, and the gateway.

Each is a context manager that gives the port and, where it is measured, the process. The gateway is the program
as it is installed, with a configuration written here and a key made over its own API.
"""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from bench.process import LOAD_CORE, SERVER_CORE, Server, running, wait_for

SEKISHO = Path(sys.executable).parent / "sekisho"
MASTER_KEY = "sk-bench-master"
PACES = ("once", "100x5", "30x200")
NGINX = """
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 100000000; client_max_body_size 0; client_body_buffer_size 4m;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  upstream provider {{ server 127.0.0.1:{upstream}; keepalive 1024; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}
"""


class Gateway(NamedTuple):
    port: int
    key: str
    server: Server
    first_answer_seconds: float


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def post(port: int, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    """Status and JSON of one request with the master key."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"authorization": f"Bearer {MASTER_KEY}", "content-type": "application/json"}
    connection.request("POST", path, json.dumps(body), headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, json.loads(content) if content.startswith(b"{") else None


@contextmanager
def provider(folder: Path) -> Iterator[int]:
    port, log = free_port(), folder / "provider.log"
    with running([sys.executable, "-m", "bench.upstream", str(port)], log, core=LOAD_CORE) as server:
        wait_for(server, lambda: listens(port), log)
        yield port


@contextmanager
def nginx(folder: Path, upstream: int) -> Iterator[tuple[int, Server]]:
    """The floor: nginx forwarding the same bytes, the least that a proxy can cost."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        raise RuntimeError("nginx, the floor of every figure here, is not installed (on Debian: nginx-light)")
    port, log, config = free_port(), folder / "nginx.log", folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port, upstream=upstream))
    with running([program, "-c", str(config), "-e", str(folder / "error.log")], log, core=SERVER_CORE) as server:
        wait_for(server, lambda: listens(port), log)
        yield port, server


def model_list(upstream: int) -> list[dict[str, Any]]:
    """Each script by an OpenAI, an Anthropic, an OpenAI-compatible chat provider and two ways of Bedrock, priced."""
    at = f"http://127.0.0.1:{upstream}"
    amazon = {
        "aws_bedrock_runtime_endpoint": at,
        "aws_region_name": "us-east-1",
        "aws_access_key_id": "AKIABENCHBENCHBENCH1",
        "aws_secret_access_key": "bench",
    }
    openai = {"model": "openai/bench-", "api_base": f"{at}/v1", "api_key": "sk-bench"}
    ways: dict[str, dict[str, Any]] = {
        "openai": openai,
        "chat": {**openai, "use_chat_completions_api": True},
        "anthropic": {"model": "anthropic/bench-", "api_base": at, "api_key": "sk-bench"},
        "invoke": {"model": "bedrock/invoke/anthropic.claude-bench-", **amazon},
        "converse": {"model": "bedrock/converse/anthropic.claude-bench-", **amazon},
    }
    price = {"input_cost_per_token": 1e-6, "output_cost_per_token": 4e-6}
    return [
        {
            "model_name": f"bench-{pace}-{way}",
            "litellm_params": {**settings, **price, "model": settings["model"] + pace},
        }
        for pace in PACES
        for way, settings in ways.items()
    ]


@contextmanager
def gateway(folder: Path, upstream: int, program: Sequence[str] = (str(SEKISHO),)) -> Iterator[Gateway]:
    """The gateway, ready, with a fresh ledger and a key of its own. `program` is what is called as `sekisho`."""
    folder.mkdir()
    port, log, config = free_port(), folder / "gateway.log", folder / "config.yaml"
    config.write_text(json.dumps({"model_list": model_list(upstream)}))
    options = ("--config", str(config), "--port", str(port), "--data-dir", str(folder / "data"))
    argv = [*program, "serve", *options]
    question = {"model": "bench-once-openai", "messages": [{"role": "user", "content": "Are you there?"}]}
    began = time.monotonic()
    with running(argv, log, core=SERVER_CORE, LITELLM_MASTER_KEY=MASTER_KEY) as server:
        wait_for(server, lambda: post(port, "/v1/chat/completions", question)[0] == 200, log)
        first_answer_seconds = time.monotonic() - began
        status, made = post(port, "/key/generate", {"key_alias": "bench"})
        if status != 200:
            raise RuntimeError(f"/key/generate answered {status}: {made}")
        yield Gateway(port, made["key"], server, first_answer_seconds)

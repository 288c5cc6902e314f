"""nginx in front with nothing configured but `proxy_pass`: it asks by HTTP/1.0 and would hold answers back."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.dialects import WAYS, Way, ends_well
from tests.support.gateway import Gateway, config_for, gateway
from tests.support.ports import free_port
from tests.support.provider import RunningProvider
from tests.support.sse_client import Cut, call
from tests.support.waiting import eventually

pytestmark = pytest.mark.real

_KEPT_IN = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
CONFIG = """
daemon off; pid nginx.pid; error_log nginx.log;
events {{}}
http {{
  access_log off; {folders}
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass {url}; }} }}
}}
"""


@pytest.fixture(scope="module")
def gate(fake: RunningProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One that waits for its provider longer than nginx does for it."""
    with gateway(tmp_path_factory.mktemp("gateway"), config_for(fake.url)) as running:
        yield running


@pytest.fixture(scope="module")
def front(gate: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("nginx is not installed (on Debian: nginx-light)")
    folder: Path = tmp_path_factory.mktemp("nginx")
    port = free_port()
    folders = " ".join(f"{name}_temp_path {name};" for name in _KEPT_IN)
    (folder / "nginx.conf").write_text(CONFIG.format(port=port, url=gate.url, folders=folders))
    options = ["-p", str(folder), "-c", "nginx.conf", "-e", "nginx.log"]
    running = subprocess.Popen([program, *options], stderr=subprocess.DEVNULL)
    yield f"http://127.0.0.1:{port}"
    running.kill()
    running.wait()


async def ready(front: str) -> None:
    """It listens."""

    async def listens() -> bool:
        try:
            async with call("GET", f"{front}/health/readiness") as answer:
                return answer.status == 200
        except (ConnectionError, Cut):
            return False

    await eventually(listens, "nginx listens", within_seconds=30)


@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_a_stream_through_nginx_comes_whole(front: str, key: str, way: Way) -> None:
    await ready(front)
    body = way.body("chunks=200")
    async with call("POST", front + way.path, body, {"authorization": f"Bearer {key}"}) as answer:
        assert answer.status == 200
        assert ends_well(way.caller, await answer.events())


async def test_a_stream_through_nginx_is_not_held_back(front: str, key: str) -> None:
    """Its provider falls silent after a few words, which nginx would keep until it gives up."""
    await ready(front)
    body = WAYS[0].body("chunks=9 stall_after=5")
    async with call("POST", front + WAYS[0].path, body, {"authorization": f"Bearer {key}"}) as answer:
        assert (await answer.events(3))[0][0] == "message_start"


async def test_an_answer_in_one_piece_comes_through_nginx(front: str, key: str) -> None:
    await ready(front)
    body = WAYS[0].body("chunks=9", stream=False)
    async with call("POST", front + WAYS[0].path, body, {"authorization": f"Bearer {key}"}) as answer:
        assert (answer.status, (await answer.json())["type"]) == (200, "message")

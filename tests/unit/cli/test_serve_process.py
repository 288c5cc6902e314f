from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from sekisho.cli.local_certificate import make_certificate
from tests.support.gateway import MASTER_KEY, Gateway, config_for
from tests.support.postgres import PostgresServer
from tests.support.sse_client import get_json
from tests.support.waiting import eventually

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


async def models(gate: Gateway) -> list[str]:
    listed = await get_json(f"{gate.url}/v1/models", {"authorization": f"Bearer {MASTER_KEY}"})
    return [row["id"] for row in listed["data"]]


async def test_it_serves_reloads_and_stops(tmp_path: Path) -> None:
    gate = Gateway(tmp_path, config_for("http://127.0.0.1:9"))
    gate.process.start()
    try:
        await gate.ready()
        assert await models(gate) == ["claude-test", "gpt-test"]
        gate.config.write_text(gate.config.read_text().replace("claude-test", "claude-other"))
        os.kill(gate.process.pid, signal.SIGHUP)

        async def reloaded() -> bool:
            return await models(gate) == ["claude-other", "gpt-test"]

        assert await eventually(reloaded, "the configuration is reloaded")
    finally:
        code = gate.process.stop()
    assert code in (0, -signal.SIGTERM)
    assert "reloaded" in gate.process.output
    assert "Traceback" not in gate.process.output


@pytest.mark.parametrize(
    ("text", "arguments", "environ", "told"),
    [
        ("model_list: []", [], {}, "master key"),
        ("model_list: [", [], {"LITELLM_MASTER_KEY": MASTER_KEY}, "config.yaml:2"),
        ("model_list: []", ["--num_workers", "2"], {"LITELLM_MASTER_KEY": MASTER_KEY}, "--workers 1"),
        ("model_list: []", [], {"LITELLM_MASTER_KEY": MASTER_KEY, "DATABASE_URL": NOWHERE}, "cannot be reached"),
        ("model_list: []", ["--workers", "2"], {"LITELLM_MASTER_KEY": MASTER_KEY, "DATABASE_URL": NOWHERE}, "reached"),
    ],
)
def test_it_says_why_it_does_not_start(
    tmp_path: Path, text: str, arguments: list[str], environ: dict[str, str], told: str
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(text)
    command = [sys.executable, "-m", "sekisho", "serve", "--config", str(config), "--data-dir", str(tmp_path / "data")]
    done = subprocess.run([*command, *arguments], env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert told.lower() in done.stderr.lower()
    assert "Traceback" not in done.stderr


def test_warnings_of_the_configuration_are_printed_and_a_port_in_use_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = tmp_path / "config.yaml"
        config.write_text("model_list: []\nrouter_settings: {mystery: 1}\n")
        command = [sys.executable, "-m", "sekisho", "serve", "--config", str(config), "--data-dir", str(tmp_path)]
        done = subprocess.run(
            [*command, "--port", str(taken.getsockname()[1])],
            env={"LITELLM_MASTER_KEY": MASTER_KEY},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode != 0
    assert "warning" in done.stderr
    assert "mystery" in done.stderr
    assert "address already in use" in done.stderr.lower()


async def test_a_renewed_certificate_is_shown_to_new_connections_and_old_ones_live_on(tmp_path: Path) -> None:
    certfile = tmp_path / "server.pem"
    certfile.write_bytes(make_certificate(["localhost"]).server)
    gate = Gateway(tmp_path, config_for("http://127.0.0.1:9"))
    gate.process.arguments += ["--ssl-certfile", str(certfile)]
    gate.process.start()
    try:
        first = await connected(gate)
        certfile.write_bytes(make_certificate(["localhost"]).server)

        async def renewed() -> ssl.SSLSocket | None:
            fresh = await connected(gate)
            if shown(fresh) != shown(first):
                return fresh
            fresh.close()
            return None

        second = await eventually(renewed, "new connections get the new certificate", within_seconds=30)
        assert second is not None
        certfile.write_text("no certificate")

        async def told() -> bool:
            return "the former stays" in gate.process.output

        await eventually(told, "the log says that the file is no certificate", within_seconds=30)
        third = await connected(gate)
        assert shown(third) == shown(second)
        for each in (first, second, third):
            each.sendall(b"GET /health/liveliness HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert each.recv(64).startswith(b"HTTP/1.1 200")
            each.close()
    finally:
        gate.process.stop()
    assert "Traceback" not in gate.process.output


async def connected(gate: Gateway) -> ssl.SSLSocket:
    """A client's connection, as soon as somebody listens."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE

    async def plain() -> socket.socket | None:
        assert gate.process.exit_code() is None, gate.process.output
        try:
            return socket.create_connection(("127.0.0.1", gate.port), timeout=30)
        except ConnectionRefusedError:
            return None

    made = await eventually(plain, "it listens", within_seconds=60)
    assert made is not None
    return trusting.wrap_socket(made)


def shown(connection: ssl.SSLSocket) -> bytes | None:
    """The certificate that a client sees."""
    return connection.getpeercert(binary_form=True)


def test_it_says_that_the_database_is_another(postgres: PostgresServer, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("model_list: []")
    command = [sys.executable, "-m", "sekisho", "serve", "--config", str(config), "--data-dir", str(tmp_path / "data")]
    environ = {"LITELLM_MASTER_KEY": MASTER_KEY, "DATABASE_URL": postgres.url("nowhere")}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("sekisho: ")
    assert '"nowhere"' in done.stderr
    assert "Traceback" not in done.stderr

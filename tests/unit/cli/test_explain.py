from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from sekisho.cli.explain import Received, explain, explained, parse_request
from sekisho.core.errors import MalformedRequest
from sekisho.identity.keys import token_hash
from sekisho.routing.plan import Wish
from sekisho.store.db import Database
from sekisho.store.directory import KEYS
from sekisho.store.keys import KeyRow
from sekisho.store.limits import Limits
from sekisho.store.migrate import ensure_schema
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer, open_postgres

KEY = "sk-0123456789abcdefghij"
CANARY = "canary-77aa"
BODY = msgspec.json.encode(
    {
        "model": "claude-sonnet-4-5",
        "system": "You are Claude Code, Anthropic's official CLI for Claude. " + CANARY,
        "messages": [{"role": "user", "content": CANARY}],
    }
)
HEADERS = {
    "Host": "gateway",
    "User-Agent": "claude-cli/2.1.329 (external, sdk-cli)",
    "X-App": "cli",
    "X-Stainless-OS": "Windows",
    "X-Claude-Code-Session-Id": "900ba3ce-4c67-4a3c-93f2-c20ac043ba10",
    "Authorization": f"Bearer {KEY}",
}


def wire(line: str = "POST /v1/messages?beta=true HTTP/1.1", body: bytes = BODY, blank: str = "\r\n") -> bytes:
    head = [line, *(f"{name}: {value}" for name, value in HEADERS.items())]
    return (blank.join(head) + 2 * blank).encode() + body


def run(data: bytes, *arguments: str, environ: dict[str, str] | None = None) -> Result:
    app = typer.Typer()
    app.command()(explain)
    variables: dict[str, str | None] = {"DATABASE_URL": None, **(environ or {})}
    return CliRunner().invoke(app, arguments, input=data, env=variables)


@pytest.mark.parametrize("blank", ["\r\n", "\n"])
def test_a_request_from_the_wire_is_explained(blank: str) -> None:
    result = run(wire(blank=blank))
    assert result.exit_code == 0, result.output
    lines = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert lines == {
        "request": "POST /v1/messages",
        "dialect": "anthropic-messages",
        "tool": "claude-code",
        "version": "2.1.329",
        "interface": "exec",
        "os": "windows",
        "session": "900ba3ce-4c67-4a3c-93f2-c20ac043ba10",
        "confidence": "high",
        "evidence": "prompt:claude-code/official-cli, header:x-claude-code-session-id, header:user-agent, header:x-app",
        "model": "claude-sonnet-4-5",
    }


@pytest.mark.parametrize("headers", [HEADERS, list(HEADERS.items())])
@pytest.mark.parametrize("body", [msgspec.json.decode(BODY), BODY.decode()])
def test_json_says_the_same(headers: object, body: object) -> None:
    described = {"method": "POST", "path": "/v1/messages", "headers": headers, "body": body}
    assert run(msgspec.json.encode(described)).stdout == run(wire()).stdout


def test_a_request_without_a_body_is_explained() -> None:
    lines = dict(explained(parse_request(wire("GET /v1/models HTTP/1.1", b"")), None))
    assert (lines["dialect"], lines["tool"]) == ("openai-chat", "claude-code")
    assert "model" not in lines


def test_a_path_that_is_not_served_is_said() -> None:
    lines = dict(explained(parse_request(wire("POST /v1/teapot HTTP/1.1")), None))
    assert (lines["dialect"], lines["tool"]) == ("no route here", "claude-code")


def test_the_plan_follows_the_model() -> None:
    def plan(model: str, wish: Wish, dialect: str) -> list[tuple[str, str]]:
        return [("route", f"to {model}"), ("why", f"{dialect} of {len(wish.values)} keys")]

    lines = explained(parse_request(wire()), None, plan)
    assert lines[-3:] == [
        ("model", "claude-sonnet-4-5"),
        ("route", "to claude-sonnet-4-5"),
        ("why", "anthropic-messages of 3 keys"),
    ]


def test_a_model_may_stand_in_the_path() -> None:
    lines = explained(parse_request(wire("POST /model/us.anthropic.claude-x%3A0/converse HTTP/1.1", b"{}")), None)
    assert lines[-1] == ("model", "us.anthropic.claude-x:0")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"GET",
        b"POST v1/messages HTTP/1.1\r\n\r\n",
        b"{",
        b'{"method": "GET"}',
        wire(body=b"[1]"),
        wire(body=b"\xff"),
    ],
)
def test_what_is_no_request_ends_with_2_and_says_what_was_expected(data: bytes) -> None:
    result = run(data)
    assert result.exit_code == 2
    assert result.stderr.startswith("sekisho: ")
    assert result.stdout == ""


@pytest.fixture
def gateway(tmp_path: Path) -> tuple[str, ...]:
    """A configuration and a database with one key, as arguments."""
    config = tmp_path / "config.yaml"
    config.write_text("model_list: []\ngeneral_settings:\n  master_key: sk-master-0123456789\n")
    db = Database(tmp_path / "sekisho.db")
    ensure_schema(db)
    row = KeyRow(
        token=token_hash(KEY), key_name="sk-...ghij", key_alias="ana-laptop", user_id="ana", created_us=1, updated_us=1
    )
    db.write(lambda connection: KEYS.insert(connection, row)).result()
    db.close()
    return ("--config", str(config), "--data-dir", str(tmp_path))


@pytest.mark.parametrize(
    ("key", "who"),
    [
        (KEY, "ana-laptop (user ana)"),
        ("sk-master-0123456789", "the master key"),
        ("sk-nobodys", "not known to the gateway"),
        ("", "none was sent"),
    ],
)
def test_whose_key_it_is(gateway: tuple[str, ...], key: str, who: str) -> None:
    shown = f"Bearer {key}" if key else ""
    result = run(wire().replace(f"Bearer {KEY}".encode(), shown.encode()), *gateway)
    assert result.exit_code == 0, result.output
    assert f"key          {who}\n" in result.stdout


@pytest.mark.parametrize(
    ("fields", "rules"),
    [
        ({}, ["rules        admitted"]),
        ({"models": ("gpt",)}, ["rules        refused: This key may not use model 'claude-sonnet-4-5'."]),
        ({"blocked": True}, ["rules        refused: Authentication Error, this key is blocked."]),
        (
            {"limits": Limits(max_budget_nano_usd=10**9, budget_duration="30d", rpm_limit=5, max_parallel_requests=2)},
            [
                "rules        admitted",
                "limit        key: 1 USD in 30d",
                "limit        key: 5 requests a minute",
                "limit        key: 2 calls at once",
            ],
        ),
        ({"limits": Limits(soft_budget_nano_usd=1, model_rpm_limit={"gpt": 1})}, ["rules        admitted"]),
    ],
    ids=["free", "another model", "blocked", "limits", "others' limits"],
)
def test_what_the_key_may_do_is_told(
    gateway: tuple[str, ...], tmp_path: Path, fields: dict[str, Any], rules: list[str]
) -> None:
    """A route alone would look as if the call could be made."""
    db = Database(tmp_path / "sekisho.db")
    row = KeyRow(token=token_hash("sk-other"), key_name="sk-...ther", created_us=1, updated_us=1, **fields)
    db.write(lambda connection: KEYS.insert(connection, row)).result()
    db.close()
    result = run(wire().replace(KEY.encode(), b"sk-other"), *gateway)
    told = [line for line in result.stdout.splitlines() if line.startswith(("rules", "limit"))]
    assert len(told) == len(rules), result.output
    assert all(line.startswith(start) for line, start in zip(told, rules, strict=True))


def test_neither_key_nor_prompt_is_repeated(gateway: tuple[str, ...]) -> None:
    for data in (wire(), wire(body=BODY + b"!"), wire()[:-1]):
        result = run(data, *gateway)
        assert KEY not in result.output
        assert CANARY not in result.output


def test_a_database_that_is_not_there_is_named(gateway: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "sekisho.db").unlink()
    result = run(wire(), *gateway)
    assert result.exit_code == 2
    assert "sekisho.db" in result.stderr


def test_keys_on_postgresql_are_known(gateway: tuple[str, ...], postgres: PostgresServer) -> None:
    """By DATABASE_URL, as the gateway itself is told where they are."""
    postgres.sql("CREATE DATABASE explained")
    db = open_postgres(postgres, "explained")
    row = KeyRow(token=token_hash(KEY), key_name="sk-...ghij", key_alias="on-the-server", created_us=1, updated_us=1)
    db.write(lambda connection: KEYS.insert(connection, row)).result()
    db.close()
    result = run(wire(), *gateway, environ={"DATABASE_URL": postgres.url("explained")})
    assert "key          on-the-server\n" in result.stdout, result.output


def test_a_database_that_cannot_be_asked_is_told_in_a_line(gateway: tuple[str, ...], postgres: PostgresServer) -> None:
    postgres.sql("CREATE DATABASE bare")
    nobody = f"postgresql://someone:hunter2@127.0.0.1:{free_port()}/x"
    for url, said in ((nobody, "cannot be reached"), (postgres.url("bare"), 'relation "keys" does not exist')):
        result = run(wire(), *gateway, environ={"DATABASE_URL": url})
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.output
        assert said in result.stderr
        assert "hunter2" not in result.stderr


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_refused(data: bytes) -> None:
    with suppress(MalformedRequest):
        request = parse_request(data)
        assert isinstance(request, Received)
        assert explained(request, None)[0][0] == "request"

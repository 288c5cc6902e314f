from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.admin import Admin

HEAVY = ("fastapi", "pydantic", "alembic", "starlette")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/key/nothing", 404),
        ("GET", "/spend/", 404),
        ("GET", "/key/generate", 405),
        ("POST", "/spend/logs", 405),
    ],
)
async def test_paths_that_are_not_there_are_answered_in_the_same_shape(
    admin: Admin, method: str, path: str, status: int
) -> None:
    reply = await admin.call(method, path)
    assert reply.status == status
    assert reply.error["type"] in {"not_found_error", "bad_request_error"}


@pytest.mark.parametrize(
    "body",
    [b"{", b'{"key_alias": "\xff"}', b"[" * 100_000, b'{"metadata": {"a": "\\ud800"}}', b'{"spend": NaN}', b"\x00"],
)
async def test_a_body_that_cannot_be_read_is_the_callers_fault(admin: Admin, body: bytes) -> None:
    reply = await admin.call("POST", "/key/generate", body)
    assert reply.status == 400
    assert reply.error["type"] == "bad_request_error"


async def test_a_body_that_is_too_large_is_refused(admin: Admin) -> None:
    reply = await admin.call("POST", "/key/generate", b'{"metadata": {"a": "' + b"x" * 1024 * 1024 + b'"}}')
    assert (reply.status, reply.error["code"]) == (413, "413")


async def test_a_store_that_fails_is_told_without_its_words(admin: Admin) -> None:
    from tests.support.ledger import run_sql

    run_sql(admin.db, "DROP TABLE keys")
    reply = await admin.post("/key/generate", {"key_alias": "canary"})
    assert (reply.status, reply.error["type"]) == (500, "internal_server_error")
    assert b"canary" not in reply.body
    assert b"no such table" not in reply.body


def test_the_gateway_itself_does_not_load_it() -> None:
    program = (
        "import sys, sekisho.ledger.journal, sekisho.ledger.prices, sekisho.identity.keys, sekisho.store.migrate;"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"

from __future__ import annotations

from pathlib import Path

import pytest

from sekisho.core.clock import FakeClock
from sekisho.core.errors import Unauthenticated
from sekisho.identity.keys import token_hash
from sekisho.policy.admit import admit
from tests.support.admin import Admin
from tests.support.ledger import add_key

PATH = "/sekisho/v1/key/aws-credentials"


@pytest.fixture(autouse=True)
def key(admin: Admin) -> str:
    add_key(admin.db, token_hash("sk-a"))
    return "sk-a"


async def test_a_pair_is_shown_whole_once(admin: Admin, key: str) -> None:
    made = await admin.post(PATH, {"key": key, "colour": "red"})
    assert made.status == 200
    assert made.headers["x-sekisho-unknown-fields"] == "colour"
    secret = made.json.pop("secret_access_key")
    shown = made.json | {}
    del shown["secret_access_key"]
    listed = await admin.get(PATH, key=key)
    assert listed.json == {"aws_credentials": [shown], "total_count": 1, "current_page": 1, "total_pages": 1}
    assert secret.encode() not in listed.body
    found = admin.access_keys.find(shown["access_key_id"])
    assert found is not None
    assert found.secret.reveal() == secret
    assert shown == {
        "access_key_id": shown["access_key_id"],
        "key": token_hash(key),
        "blocked": False,
        "created_at": "2023-11-14T22:13:20.000000Z",
        "created_by": "default_user_id",
        "last_used_at": None,
        "expires_at": None,
    }


async def test_a_pair_that_programs_have_already_is_taken_over(admin: Admin, key: str) -> None:
    own = {"key": key, "access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "a-secret-that-is-known-already"}
    made = await admin.post(PATH, own)
    assert (made.status, made.json["access_key_id"]) == (200, own["access_key_id"])
    found = admin.access_keys.find(own["access_key_id"])
    assert found is not None
    assert found.secret.reveal() == own["secret_access_key"]
    again = await admin.post(PATH, own)
    assert (again.status, again.error["param"]) == (400, "access_key_id")


@pytest.mark.parametrize(
    "half",
    [
        {"access_key_id": "AKIAIOSFODNN7EXAMPLE"},
        {"secret_access_key": "a-secret-that-is-known-already"},
        {"access_key_id": "no id", "secret_access_key": "a-secret-that-is-known-already"},
    ],
)
async def test_half_a_pair_is_none(admin: Admin, key: str, half: dict[str, str]) -> None:
    reply = await admin.post(PATH, {"key": key} | half)
    assert (reply.status, reply.error["param"]) == (400, "access_key_id")


async def test_a_pair_is_blocked_unblocked_and_deleted(admin: Admin, key: str) -> None:
    name = (await admin.post(PATH, {"key": key})).json["access_key_id"]
    for verb, blocked in (("block", True), ("unblock", False)):
        reply = await admin.post(f"{PATH}/{name}/{verb}", {})
        assert (reply.status, reply.json["blocked"]) == (200, blocked)
        found = admin.access_keys.find(name)
        assert found is not None
        assert found.principal.blocked is blocked
    assert (await admin.call("DELETE", f"{PATH}/{name}")).json == {"deleted": name}
    assert admin.access_keys.find(name) is None
    for method, path in (("DELETE", f"{PATH}/{name}"), ("POST", f"{PATH}/{name}/block")):
        gone = await admin.call(method, path)
        assert (gone.status, gone.error["param"]) == (404, "access_key_id")


async def test_lists_come_in_pages(admin: Admin, clock: FakeClock, key: str) -> None:
    names = []
    for _ in range(3):
        names.append((await admin.post(PATH, {"key": key})).json["access_key_id"])
        clock.advance(1)
    page = (await admin.get(PATH, page=2, size=2)).json
    assert [row["access_key_id"] for row in page["aws_credentials"]] == names[:1]
    assert (page["total_count"], page["current_page"], page["total_pages"]) == (3, 2, 2)
    assert (await admin.get(PATH, key="sk-other")).json["aws_credentials"] == []
    assert (await admin.get(PATH, size=101)).status == 400


@pytest.mark.parametrize("body", [{}, {"key": None}, {"key": "x" * 300}, {"key": "sk-none"}])
async def test_a_key_that_cannot_be_meant_is_named(admin: Admin, body: dict[str, object]) -> None:
    reply = await admin.post(PATH, body)
    assert reply.status in {400, 404}
    assert reply.error["param"] == "key"


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_master_key_alone_manages_pairs(admin: Admin, method: str, key: str) -> None:
    for token, status in ((key, 403), (None, 401), ("sk-wrong", 401)):
        assert (await admin.call(method, PATH, b"{", token=token)).status == status


async def test_without_a_root_key_the_answer_names_it(tmp_path: Path, clock: FakeClock) -> None:
    folder = tmp_path / "bare"
    folder.mkdir()
    bare = Admin(folder, clock, root_key=None)
    add_key(bare.db, token_hash("sk-a"))
    reply = await bare.post(PATH, {"key": "sk-a"})
    assert reply.status == 400
    assert "SEKISHO_ROOT_KEY" in reply.error["message"]
    assert (await bare.get(PATH)).json["total_count"] == 0
    bare.close()


async def test_every_change_of_a_pair_is_in_the_audit_without_its_secret(admin: Admin) -> None:
    key = (await admin.post("/key/generate", {})).json["key"]
    new = (await admin.post("/key/regenerate", {"key": key})).json["key"]
    made = (await admin.post("/sekisho/v1/key/aws-credentials", {"key": new})).json
    name = made["access_key_id"]
    assert (await admin.get("/sekisho/v1/key/aws-credentials", key=key)).json["total_count"] == 1
    for method, path in (("POST", f"/{name}/block"), ("POST", f"/{name}/unblock"), ("DELETE", f"/{name}")):
        assert (await admin.call(method, f"/sekisho/v1/key/aws-credentials{path}")).status == 200
    reply = await admin.get("/audit", object_id=name, sort_order="asc")
    assert [row["action"] for row in reply.json["audit_logs"]] == ["created", "blocked", "unblocked", "deleted"]
    assert {row["changed_by"] for row in reply.json["audit_logs"]} == {"default_user_id"}
    assert made["secret_access_key"].encode() not in reply.body


async def test_pairs_end_with_the_secret_that_they_were_made_beside(admin: Admin, clock: FakeClock, key: str) -> None:
    """Who had the former secret has the pairs: rotation ends both, after the same grace."""
    old = (await admin.post(PATH, {"key": key})).json["access_key_id"]
    fresh = (await admin.post("/key/regenerate", {"key": key, "grace_period": "1h"})).json["key"]
    new = (await admin.post(PATH, {"key": fresh})).json["access_key_id"]
    listed = {pair["access_key_id"]: pair["expires_at"] for pair in (await admin.get(PATH)).json["aws_credentials"]}
    assert listed == {old: "2023-11-14T23:13:20.000000Z", new: None}

    def works(name: str) -> bool:
        found = admin.access_keys.find(name)
        assert found is not None
        try:
            admit(found.principal, None, clock.now_us())
        except Unauthenticated:
            return False
        return True

    assert (works(old), works(new)) == (True, True)
    clock.advance(3_600)
    assert (works(old), works(new)) == (False, True)
    await admin.post("/key/regenerate", {"key": fresh})
    assert works(new) is False
    assert [pair["access_key_id"] for pair in (await admin.get(PATH)).json["aws_credentials"]] == [new]
    told = (await admin.get("/audit", table_name="access_key", sort_order="asc")).json["audit_logs"]
    assert [(line["action"], line["object_id"]) for line in told if line["action"] != "created"] == [
        ("updated", old),
        ("deleted", old),
        ("updated", new),
    ]


async def test_a_second_rotation_does_not_lengthen_the_grace_of_the_first(
    admin: Admin, clock: FakeClock, key: str
) -> None:
    await admin.post(PATH, {"key": key})
    fresh = (await admin.post("/key/regenerate", {"key": key, "grace_period": "1h"})).json["key"]
    clock.advance(60)
    await admin.post("/key/regenerate", {"key": fresh, "grace_period": "1d"})
    (pair,) = (await admin.get(PATH)).json["aws_credentials"]
    assert pair["expires_at"] == "2023-11-14T23:13:20.000000Z"

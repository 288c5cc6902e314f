from __future__ import annotations

from typing import Any

import pytest

from sekisho.api.admin.permissions import RULES
from tests.support.admin import Admin
from tests.support.directory import key_of


@pytest.fixture
async def document(admin: Admin) -> Any:
    return (await admin.get("/openapi.json")).json


async def test_every_endpoint_is_described(document: Any) -> None:
    told = {(method.upper(), path) for path, operations in document["paths"].items() for method in operations}
    assert told == {(rule.method, rule.path) for rule in RULES} - {("GET", "/openapi.json")}
    assert all(
        operation["description"] for operations in document["paths"].values() for operation in operations.values()
    )


async def test_fields_have_their_bounds(document: Any) -> None:
    fields = document["components"]["schemas"]["KeyFields"]["properties"]
    assert {"type": "number", "maximum": 1e9, "minimum": 0.0} in fields["max_budget"]["anyOf"]
    parameters = {one["name"]: one for one in document["paths"]["/key/list"]["get"]["parameters"]}
    assert parameters["size"]["schema"] == {
        "type": "integer",
        "maximum": 100,
        "minimum": 1,
        "default": 10,
        "title": "Size",
    }


async def test_failures_are_described_as_they_are(admin: Admin, document: Any) -> None:
    named = {name for name in document["components"]["schemas"] if "Validation" in name}
    assert named == set()
    operation = document["paths"]["/key/generate"]["post"]
    assert set(operation["responses"]) == {"200", "default"}
    described = document["components"]["schemas"]["Error"]["properties"]["error"]
    reply = await admin.post("/key/generate", {"max_budget": -1})
    assert set(reply.error) == set(described["required"])


@pytest.mark.parametrize("person", ["M", "V", "S"])
async def test_whoever_shows_a_key_is_shown_it(world: Admin, person: str) -> None:
    reply = await world.get("/openapi.json", token=key_of(person))
    assert reply.json["openapi"].startswith("3.1")


async def test_nobody_else_is(admin: Admin) -> None:
    assert (await admin.get("/openapi.json", token=None)).error["code"] == "401"

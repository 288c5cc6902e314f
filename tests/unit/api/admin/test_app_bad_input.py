"""Whatever is sent to the management API, it is the sender's fault: no answer is a 5xx, and nothing is half-written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from sekisho.api.admin.app import MODULES
from sekisho.core.clock import FakeClock
from tests.support.admin import Admin
from tests.support.directory import ABROAD, HOME, key_of, populate


def parameters(route: Any) -> list[str]:
    """The names of what may stand in its query."""
    found: list[str] = []
    for parameter in route.dependant.query_params:
        kind = parameter.field_info.annotation
        is_model = isinstance(kind, type) and issubclass(kind, BaseModel)
        found += kind.model_fields if is_model else [parameter.alias]
    return found


def routes() -> Iterator[tuple[str, str, list[str]]]:
    """(method, path, fields of its body or query) of every endpoint."""
    for module in MODULES:
        for route in module.router.routes:
            body = getattr(route, "body_field", None)
            kind = None if body is None else body.field_info.annotation
            fields = list(kind.model_fields) if isinstance(kind, type) and issubclass(kind, BaseModel) else []
            for method in sorted(getattr(route, "methods", ())):
                yield method, str(getattr(route, "path", "")), fields or parameters(route)


ROUTES = sorted(routes(), key=lambda route: route[:2])
#: Fields and parameters of LiteLLM's, wherever they are sent.
FIELDS = sorted({name for _, _, fields in ROUTES for name in fields})
#: Names that exist, and what is none.
KNOWN = [HOME.team, ABROAD.team, HOME.organization, HOME.member, HOME.team_key, key_of("U"), "b1", "e1", "g1", "p1"]
ODD = [
    "",
    " ",
    "\x00",
    "'; DROP TABLE keys; --",
    "%",
    "_",
    "鍵",
    "a" * 300,
    "sk-",
    "\r\nx: y",
    "../..",
    "-1",
    "NaN",
    "1e400",
]
DAYS = [
    "2023-11-14",
    "0001-01-01",
    "9999-12-31",
    "9999-12-31 23:59:59",
    "0001-01-01T00:00:00+14:00",
    "1d",
    "0mo",
    "999999999d",
]
texts = st.sampled_from(KNOWN + ODD + DAYS) | st.text(max_size=20)
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0, 1, -1])
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
bodies = st.dictionaries(st.sampled_from(FIELDS) | texts, values, max_size=6)


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admin]:
    admin = Admin(tmp_path_factory.mktemp("busy"), FakeClock())
    populate(admin)
    yield admin
    admin.close()


@pytest.mark.parametrize(("method", "path", "fields"), ROUTES, ids=[f"{method} {path}" for method, path, _ in ROUTES])
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
async def test_no_request_is_the_gateways_fault(
    busy: Admin, method: str, path: str, fields: list[str], data: st.DataObject
) -> None:
    named = data.draw(texts.filter(bool))
    url = "/".join(quote(named, safe="") if part.startswith("{") else part for part in path.split("/"))
    person = data.draw(st.sampled_from("AAAOTMU"))
    if method == "GET":
        asked = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(fields, texts))) | data.draw(bodies)
        query = {name: str(value) for name, value in asked.items()}
        reply = await busy.call(method, url, query=urlencode(query, errors="replace"), token=key_of(person))
    else:
        own = st.fixed_dictionaries({}, optional=dict.fromkeys(fields, values))
        body = data.draw(own) | data.draw(bodies)
        sent = msgspec.json.encode(body)
        reply = await busy.call(method, url, sent, token=key_of(person))
    assert reply.status < 500, (url, reply.body)
    assert reply.status == 200 or set(reply.error) == {"message", "type", "param", "code"}

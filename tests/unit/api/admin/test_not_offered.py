from __future__ import annotations

import pytest

from sekisho.api.admin import PREFIXES
from sekisho.api.admin.not_offered import NOT_OFFERED, why_not_offered
from sekisho.api.admin.permissions import rule_for
from sekisho.api.llm.routes import SURFACES, Routes
from tests.support.admin import Admin
from tests.support.directory import key_of


@pytest.mark.parametrize(("path", "why"), NOT_OFFERED, ids=[path for path, _ in NOT_OFFERED])
async def test_a_path_that_is_left_out_says_why(admin: Admin, path: str, why: str) -> None:
    for named in (path.replace("{id}", "t1"), path.replace("{id}", "t1") + "/more"):
        for method in ("GET", "POST", "DELETE"):
            reply = await admin.call(method, named)
            assert (reply.status, reply.error["type"], reply.error["message"]) == (404, "not_found_error", why)
        assert rule_for("GET", named) is None


@pytest.mark.parametrize("path", [path for path, _ in NOT_OFFERED])
def test_the_gateway_leads_there_and_takes_no_path_from_agents(path: str) -> None:
    named = path.replace("{id}", "t1")
    assert named.startswith(PREFIXES)
    assert Routes(SURFACES).find(named, named.encode()) is None


def test_what_nobody_knows_has_no_reason() -> None:
    for path in ("/nothing", "/configuration", "/team/a/b/callback", "/key/generate"):
        assert why_not_offered(path) is None


async def test_the_reason_is_for_those_who_administer(world: Admin) -> None:
    assert (await world.get("/guardrails/list", token=None)).status == 401
    assert (await world.get("/guardrails/list", token=key_of("U"))).status == 403

"""Who else binds a call.

In: end users and tags as an administrator declared them. Out: what they refuse, and what the ledger keeps of them.
"""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Table, insert

from sekisho.core.money import NANO_PER_USD
from sekisho.ledger.rows import CallRow
from sekisho.store.domain import end_users, tags
from sekisho.store.limits import Limits, encode_limits
from tests.support.ledger import NOW_US
from tests.support.stations import Script, Stage, deployment
from tests.support.wires import stream_body

GOOD = Script([stream_body("openai-chat")])
COSTS = {"input_cost_per_token": Decimal("0.001"), "output_cost_per_token": Decimal("0.001")}
_numbers = itertools.count()


def declared(stage: Stage, table: Table, column: str, **limits: Any) -> str:
    """An end user or a tag with these limits; its name."""
    name = f"named-{next(_numbers)}"
    row = {column: name, "limits": encode_limits(Limits(**limits)), "created_us": NOW_US, "updated_us": NOW_US}
    stage.db.write(lambda connection: connection.execute(insert(table).values(row)).close()).result()
    return name


async def test_a_call_that_names_nobody_is_bound_by_its_key_alone(stage: Stage) -> None:
    done = await stage.carry(GOOD)
    assert (done.caller.status, done.row.end_user, done.row.tags) == (200, None, ())


async def test_whom_a_call_names_stands_in_the_ledger(stage: Stage) -> None:
    done = await stage.carry(GOOD, user="hanako", headers={"x-litellm-tags": "a,b"})
    row: CallRow = done.row
    assert (row.end_user, row.tags) == ("hanako", ("a", "b"))
    assert done.intents[0].end_user == "hanako"


async def test_a_call_with_more_tags_than_are_kept_is_refused(stage: Stage) -> None:
    done = await stage.carry(GOOD, headers={"x-litellm-tags": ",".join(map(str, range(51)))})
    assert (done.caller.status, done.caller.json["error"]["param"]) == (400, "tags")


@pytest.mark.parametrize(("table", "column"), [(end_users, "end_user_id"), (tags, "name")])
async def test_a_declared_name_binds(stage: Stage, table: Table, column: str) -> None:
    name = declared(stage, table, column, max_budget_nano_usd=NANO_PER_USD // 1_000)
    said: dict[str, Any] = {"user": name} if table is end_users else {"headers": {"x-litellm-tags": name}}
    done = await stage.carry(to=[deployment(costs=COSTS)], **said)
    assert (done.caller.status, done.caller.json["error"]["code"]) == (429, "budget_exceeded")
    assert f"'{name}'" in done.caller.json["error"]["message"]
    assert (await stage.carry(GOOD, to=[deployment(costs=COSTS)])).caller.status == 200


async def test_a_blocked_end_user_is_refused(stage: Stage) -> None:
    name = declared(stage, end_users, "end_user_id")
    block = end_users.update().where(end_users.c.end_user_id == name).values(blocked=True)
    stage.db.write(lambda connection: connection.execute(block).close()).result()
    done = await stage.carry(user=name)
    assert (done.caller.status, done.requests) == (401, [])

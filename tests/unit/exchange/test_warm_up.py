from __future__ import annotations

import msgspec

from sekisho.exchange.warm_up import OPERATION
from tests.support.stations import Stage
from tests.support.wires import events_in

DIALECT = "openai-responses"


async def test_a_warm_up_is_an_answer_without_content(stage: Stage) -> None:
    done = await stage.carry(dialect=DIALECT, operation=OPERATION)
    assert (done.caller.status, done.caller.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    events = [msgspec.json.decode(event.partition(b"data: ")[2]) for event in events_in(done.caller.body)]
    assert [events[0]["type"], events[-1]["type"]] == ["response.created", "response.completed"]
    response = events[-1]["response"]
    assert (response["id"], response["model"], response["output"]) == (events[0]["response"]["id"], "m", [])


async def test_no_provider_is_asked_and_nothing_is_billed(stage: Stage) -> None:
    done = await stage.carry(dialect=DIALECT, operation=OPERATION)
    assert (done.requests, done.intents, done.happened) == ([], [], ["row"])
    assert (done.row.status, done.row.operation, done.row.cost_nano_usd) == ("success", OPERATION, 0)


async def test_a_model_that_is_not_there_is_told(stage: Stage) -> None:
    done = await stage.carry(dialect=DIALECT, operation=OPERATION, model="nobody")
    assert (done.caller.status, done.row.error_class) == (404, "not_found")

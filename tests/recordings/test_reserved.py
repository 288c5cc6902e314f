"""What a hard budget reserves for a prompt, beside what its provider counted, over all recordings with usage.

Left out are requests that were cut before they were stored. A tool that the provider runs in a loop may be billed for
more than the model's longest prompt: then that much is reserved, and the rest is booked when it is known.
"""

from __future__ import annotations

import asyncio
import statistics
from pathlib import Path

import msgspec
import pytest

from sekisho.exchange.call import read_ask
from sekisho.exchange.reserve import reserve
from sekisho.identity.scopes import Scope
from sekisho.ledger.prices import PriceBook
from sekisho.limits.estimate import Estimator
from sekisho.limits.rule import Measure
from sekisho.store.limits import Limits
from tests.recordings.test_estimates import COUNTS, CUT, DIALECT_OF, asked, known_count
from tests.shared import Recording, needs_shared, recordings
from tests.support.caller import Caller
from tests.support.stations import Stage, deployment, stage_in

pytestmark = needs_shared

#: Whose recording it is -> whose prices, and context windows, hold.
PRICED_AS = {"bedrock": "aws", "bedrock-mantle": "aws", "gemini": "google", "vertex": "google", "azure": "openai"}
HARD = Scope(kind="team", id="t", limits=Limits(max_budget_nano_usd=10**15, input_tpm_limit=10**12))


class Row(msgspec.Struct):
    """A recorded prompt: tokens that were counted, that are reserved, and of the longest that its model takes."""

    file: str
    counted: int
    reserved: int
    longest: int | None


async def reserved(stage: Stage, recording: Recording, dialect: str, book: PriceBook) -> Row | None:
    body, model = asked(recording, dialect)
    others = "@" in dialect and recording.streaming and b"anthropic_version" not in body
    counted = None if others else known_count(recording, dialect)
    if not counted:
        return None
    longest = book.window(PRICED_AS.get(recording.provider, recording.provider), model)
    body = msgspec.json.encode({"model": "m"} | msgspec.json.decode(body) | {"background": None})
    call = stage.call(Caller(), dialect, body)
    call.ask = read_ask(body)
    call.principal = stage.keys.master
    limiting = msgspec.structs.replace(
        stage.limiting, everybody=(HARD,), estimator=Estimator(), window=lambda _: longest, priceless="allow"
    )
    await reserve(call, deployment(model=model or "m"), limiting, None, stage.clock.now_us())
    [line] = [line for line in call.reserved if line.rule.measure is Measure.INPUT_TOKENS]
    limiting.limiter.settle(call.request_id, [0 for _ in call.reserved])
    return Row(recording.file, counted, line.amount, longest)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    folder: Path = tmp_path_factory.mktemp("reserved")
    book = PriceBook.load()

    async def all_of_them(stage: Stage) -> list[Row]:
        found = []
        for recording in recordings():
            dialect = DIALECT_OF.get((recording.provider, recording.endpoint))
            whole = recording.status == 200 and not any(part in recording.file for part in CUT)
            if dialect and whole and recording.endpoint not in COUNTS and recording.load()["request"].get("body"):
                found.append(await reserved(stage, recording, dialect, book))
        return [row for row in found if row is not None]

    with stage_in(folder) as stage:
        return asyncio.run(all_of_them(stage))


def test_nobody_is_billed_for_more_than_was_reserved(rows: list[Row]) -> None:
    assert len(rows) > 350
    low = [row for row in rows if row.reserved < row.counted]
    assert [row for row in low if row.longest is None or row.reserved < row.longest] == []
    assert len(low) <= len(rows) / 100, "a loop of the provider's own"


def test_no_prompt_reserves_much_more_than_it_takes(rows: list[Row]) -> None:
    seen = [row for row in rows if row.reserved != row.longest and row.counted >= 2_000]
    assert statistics.median(row.reserved / row.counted for row in seen) < 4

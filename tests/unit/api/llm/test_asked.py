from __future__ import annotations

from pathlib import Path

import msgspec

from tests.support.application import MASTER, ask, running


async def test_who_asks_is_told_by_their_key_and_nobody_without_a_good_one(tmp_path: Path) -> None:
    async with running(tmp_path) as app:
        made = await ask(app, "POST", "/key/generate", body=b"{}")
        shown = {"authorization": f"Bearer {made.json['key']}"}
        statuses = [
            (await ask(app, "GET", "/model/info", headers)).status for headers in ({"x-api-key": MASTER}, shown)
        ]
        await ask(app, "POST", "/key/block", body=msgspec.json.encode({"key": made.json["key"]}))
        statuses += [(await ask(app, "GET", "/model/info", headers)).status for headers in (shown, {})]
    assert statuses == [200, 200, 401, 401]

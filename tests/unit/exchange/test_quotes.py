from __future__ import annotations

from pathlib import Path

import msgspec

from tests.support.application import CONFIG, ask, running

BODY = {"messages": [{"role": "user", "content": "hello, how are you?"}]}


async def test_a_model_is_quoted_by_whatever_name_it_is_called(tmp_path: Path) -> None:
    async with running(tmp_path, CONFIG) as app:
        told = [
            (await ask(app, "POST", "/spend/calculate", body=msgspec.json.encode(BODY | {"model": model}))).json
            for model in ("claude", "nick", "gpt-4o", "none")
        ]
    assert told[0] == told[1]
    assert 0 < told[0]["cost"] < 0.001
    assert 0 < told[2]["cost"] < told[0]["cost"]
    assert told[3]["error"]["param"] == "model"

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.provider import RunningProvider, provider


@pytest.fixture(scope="module")
def fake() -> Iterator[RunningProvider]:
    with provider() as running:
        yield running

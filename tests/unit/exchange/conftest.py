from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.stations import Stage, stage_in


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage_in(tmp_path_factory.mktemp("stage")) as made:
        yield made


@pytest.fixture
def unbound(stage: Stage) -> Iterator[None]:
    """Whatever binds the calls of a test ends with it."""
    before = stage.limiting
    yield
    stage.limiting = before

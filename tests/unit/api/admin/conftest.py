from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sekisho.core.clock import FakeClock
from tests.support.admin import Admin
from tests.support.directory import populate


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def admin(tmp_path: Path, clock: FakeClock) -> Iterator[Admin]:
    admin = Admin(tmp_path, clock)
    yield admin
    admin.close()


@pytest.fixture
def world(admin: Admin) -> Admin:
    """The same, with two organisations and people of every role (tests/support/directory.py)."""
    populate(admin)
    return admin


@pytest.fixture
def bare(tmp_path: Path, clock: FakeClock) -> Iterator[Admin]:
    """One where models come from the file alone."""
    admin = Admin(tmp_path, clock, stores_models=False)
    yield admin
    admin.close()

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sekisho.config.load import load_settings
from sekisho.core.clock import FakeClock
from sekisho.core.envelope import Envelope
from sekisho.core.errors import OperatorError
from sekisho.core.secret import Secret
from sekisho.identity.access_keys import AccessKeyRing
from sekisho.identity.credential import Callers, KeyCallers
from sekisho.identity.custom.bound import BoundCallers
from sekisho.identity.custom.callers import CustomCallers
from sekisho.identity.custom.configured import callers_of
from sekisho.identity.keys import KeyRing
from sekisho.limits.periods import check_duration
from sekisho.store.db import Database
from tests.support.ledger import open_database

NAMED = {"custom_auth": "auth.f"}


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    made = open_database(tmp_path)
    yield made
    made.close()


def recognised_by(folder: Path, db: Database, general: dict[str, Any], **own: Any) -> Callers:
    (folder / "auth.py").write_text("def f(request, key):\n    return None\n")
    config = folder / "config.yaml"
    sections = {"general_settings": {"master_key": "sk-master-of-tests"} | general, "sekisho": {"authentication": own}}
    config.write_bytes(msgspec.json.encode({"model_list": []} | sections))
    keys = KeyRing(db, FakeClock(), Secret("sk-master-of-tests"))
    access_keys = AccessKeyRing(db, keys, Envelope(None), FakeClock())
    bound = BoundCallers(db, check_duration)
    return callers_of(load_settings(config, {}), config, (keys, access_keys), bound, FakeClock())


@pytest.mark.parametrize(
    ("general", "kind"),
    [
        ({}, KeyCallers),
        ({"custom_auth_settings": {"mode": "auto"}}, KeyCallers),
        (NAMED, CustomCallers),
        (NAMED | {"custom_auth_settings": {"mode": "auto"}}, CustomCallers),
        (NAMED | {"custom_auth_settings": {"mode": True}}, CustomCallers),
        (NAMED | {"custom_auth_settings": {"mode": "off"}}, KeyCallers),
        (NAMED | {"custom_auth_settings": {"mode": False}}, KeyCallers),
        ({"custom_auth": "no.such", "custom_auth_settings": {"mode": "off"}}, KeyCallers),
    ],
)
def test_who_recognises_callers(tmp_path: Path, db: Database, general: dict[str, Any], kind: type) -> None:
    assert type(recognised_by(tmp_path, db, general)) is kind


def test_one_way_at_a_time(tmp_path: Path, db: Database) -> None:
    with pytest.raises(OperatorError, match="not both"):
        recognised_by(tmp_path, db, NAMED, plugin="acme")
    with pytest.raises(OperatorError, match="no installed package offers 'acme'"):
        recognised_by(tmp_path, db, {}, plugin="acme")

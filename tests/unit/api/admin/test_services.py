from __future__ import annotations

from types import SimpleNamespace

from fastapi import Request

from sekisho.api.admin.services import asker_of, services_of


def test_a_handler_finds_its_services_and_who_asks() -> None:
    app = SimpleNamespace(state=SimpleNamespace(services="services"))
    request = Request({"type": "http", "app": app, "state": {"asker": "asker"}})
    found: tuple[object, object] = services_of(request), asker_of(request)
    assert found == ("services", "asker")

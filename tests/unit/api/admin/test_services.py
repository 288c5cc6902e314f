from __future__ import annotations

from types import SimpleNamespace

from fastapi import Request

from sekisho.api.admin.services import caller_of, services_of


def test_a_handler_finds_its_services_and_its_caller() -> None:
    app = SimpleNamespace(state=SimpleNamespace(services="services"))
    request = Request({"type": "http", "app": app, "state": {"caller": "caller"}})
    found: tuple[object, object] = services_of(request), caller_of(request)
    assert found == ("services", "caller")

"""Credentials asked for at start.

In: deployments whose identities count how they are asked, or fail. Out: who was asked, and what came out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from sekisho.core.errors import ErrorInfo, UpstreamError
from sekisho.providers.auth.ahead import prepare_all
from sekisho.providers.deployment import Deployment
from tests.support.deployments import deployed


class Asked:
    """An identity that keeps count, and fails as it is told."""

    def __init__(self, failure: Exception | None = None, beside: asyncio.Barrier | None = None) -> None:
        self.times = 0
        self._failure = failure
        self._beside = beside

    def ready(self) -> bool:
        return False

    async def prepare(self) -> None:
        self.times += 1
        if self._beside is not None:
            await self._beside.wait()
        if self._failure is not None:
            raise self._failure

    def headers(self, _method: str, _url: str, _body: bytes, _headers: Mapping[str, str]) -> dict[str, str]:
        return {}

    def refused(self, _error: ErrorInfo) -> bool:
        return False


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """Any deployment."""
    return deployed(tmp_path, {"model": "openai/gpt-4o", "api_key": "sk-upstream"})


def by(deployment: Deployment, who: Asked) -> Deployment:
    """The deployment with this identity."""
    return msgspec.structs.replace(deployment, authority=who)


async def test_each_identity_is_asked_once(deployment: Deployment) -> None:
    one, other = Asked(), Asked()
    await prepare_all([by(deployment, one), by(deployment, one), by(deployment, other)])
    assert (one.times, other.times) == (1, 1)


async def test_none_waits_for_another(deployment: Deployment) -> None:
    both = asyncio.Barrier(2)
    async with asyncio.timeout(5):
        await prepare_all([by(deployment, Asked(beside=both)), by(deployment, Asked(beside=both))])
    assert both.n_waiting == 0


async def test_a_provider_without_credentials_hinders_no_other(deployment: Deployment) -> None:
    fine = Asked()
    await prepare_all([by(deployment, Asked(UpstreamError("No credentials."))), by(deployment, fine)])
    assert fine.times == 1


async def test_a_defect_is_not_hidden(deployment: Deployment) -> None:
    with pytest.raises(ZeroDivisionError):
        await prepare_all([by(deployment, Asked(ZeroDivisionError()))])


async def test_a_deployment_that_lacks_its_configuration_is_left_alone(deployment: Deployment) -> None:
    who = Asked()
    await prepare_all([msgspec.structs.replace(by(deployment, who), unusable="its variable is not set")])
    assert who.times == 0

"""What the SDKs need of a running gateway: a key, and a pair of access keys for it."""

from __future__ import annotations

import asyncio

from tests.sdks.client import Made
from tests.support.gateway import MASTER_KEY, Gateway
from tests.support.sse_client import post_json


def made_at(running: Gateway) -> Made:
    """Both, newly made by the management API."""
    key = asyncio.run(running.make_key())
    master = {"authorization": f"Bearer {MASTER_KEY}"}
    asked = post_json(f"{running.url}/sekisho/v1/key/aws-credentials", {"key": key}, master)
    status, pair = asyncio.run(asked)
    assert status == 200, pair
    return Made(url=running.url, key=key, access_key_id=pair["access_key_id"], secret=pair["secret_access_key"])

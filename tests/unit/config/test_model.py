from __future__ import annotations

import pytest

from sekisho.config.model import GeneralSettings, LitellmSettings, RouterSettings, SekishoSettings, Settings
from sekisho.config.sections import Timeouts
from sekisho.core.secret import Secret


def test_router_settings_hold_over_litellm_settings() -> None:
    litellm = LitellmSettings(num_retries=5, request_timeout_seconds=50.0)
    router = RouterSettings(num_retries=0, timeout_seconds=20.0, stream_timeout_seconds=3.0)
    both = Settings(litellm=litellm, router=router)
    assert (both.num_retries, both.total_seconds, both.first_byte_seconds) == (0, 20.0, 3.0)
    one = Settings(litellm=litellm)
    assert (one.num_retries, one.total_seconds) == (5, 50.0)


def test_defaults() -> None:
    own = SekishoSettings(timeouts=Timeouts(total_seconds=7.0, first_byte_seconds=2.0))
    settings = Settings(sekisho=own)
    assert (settings.num_retries, settings.total_seconds, settings.first_byte_seconds) == (2, 7.0, 2.0)


def test_the_body_limit_in_bytes() -> None:
    assert Settings().body_limit_bytes == 32 * 1024 * 1024
    assert Settings(general=GeneralSettings(max_request_size_mb=0.5)).body_limit_bytes == 512 * 1024


@pytest.mark.parametrize(
    ("router", "url"),
    [
        (RouterSettings(), None),
        (RouterSettings(redis_password=Secret("p")), None),
        (RouterSettings(redis_host="h"), "redis://h:6379/0"),
        (
            RouterSettings(redis_host="h", redis_port=1, redis_password=Secret("p@ss/"), redis_db=2, redis_ssl=True),
            "rediss://:p%40ss%2F@h:1/2",
        ),
        (RouterSettings(redis_host="h", redis_username="u:", redis_password=Secret("p")), "redis://u%3A:p@h:6379/0"),
        (RouterSettings(redis_host="h", redis_url=Secret("redis://other")), "redis://other"),
    ],
)
def test_where_limits_are_shared(router: RouterSettings, url: str | None) -> None:
    assert Settings(router=router).redis_url == (None if url is None else Secret(url))

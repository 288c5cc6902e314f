from __future__ import annotations

from sekisho.config.model import GeneralSettings, LitellmSettings, RouterSettings, SekishoSettings, Settings
from sekisho.config.sections import Timeouts


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

from __future__ import annotations

import pytest

from sekisho.canonical.target import Profile, Target


@pytest.mark.parametrize(
    ("knows", "imitates", "takes"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_only_openai_itself_is_told_which_tools_may_be_called(*, knows: bool, imitates: bool, takes: bool) -> None:
    target = Target(model="m", profile=Profile(allowed_tools=knows), compatible=imitates)
    assert target.takes_allowed_tools is takes

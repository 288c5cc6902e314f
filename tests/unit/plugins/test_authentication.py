from __future__ import annotations

import copy

import pytest

from sekisho.plugins import Refused, UserAPIKeyAuth, UserRole


def test_a_field_that_was_not_given_is_none() -> None:
    said = UserAPIKeyAuth(user_id="alice", user_role=UserRole.INTERNAL_USER)
    assert (said.user_id, said.user_role, said.team_id) == ("alice", "internal_user", None)
    assert copy.deepcopy(said).user_id == "alice"
    with pytest.raises(AttributeError):
        said._no_such_thing  # noqa: B018 - what is asked is whether it is there


def test_no_value_is_printed() -> None:
    assert repr(UserAPIKeyAuth(api_key="CANARY", models=[])) == "UserAPIKeyAuth(api_key, models)"


def test_a_refusal_has_words_for_the_caller() -> None:
    refused = Refused("Ask the help desk.", 403)
    assert (str(refused), refused.message, refused.status) == ("Ask the help desk.", "Ask the help desk.", 403)

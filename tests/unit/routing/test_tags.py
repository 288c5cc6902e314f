from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.identity.keys import Principal
from sekisho.routing.plan import Wish
from sekisho.routing.tags import tags_of, with_tags
from tests.support.routes import WISH, deployment, values

FREE, PAID, BOTH = (deployment("m", "-".join(tags), tags=tags) for tags in (("free",), ("paid",), ("free", "paid")))
DEFAULT, BARE = deployment("m", "default", tags=("default",)), deployment("m", "bare")
EVERY = (FREE, PAID, BOTH, DEFAULT, BARE)


@pytest.mark.parametrize(
    ("group", "tags", "any_tag", "expected"),
    [
        (EVERY, {"free"}, True, ["free", "free-paid"]),
        (EVERY, {"free", "paid"}, True, ["free", "paid", "free-paid"]),
        (EVERY, {"free", "paid"}, False, ["free-paid"]),
        (EVERY, {"other"}, True, ["default"]),
        (EVERY, set(), True, ["default"]),
        ((FREE, BARE), {"other"}, True, []),
        ((FREE, BARE), set(), True, ["free", "bare"]),
    ],
)
def test_which_deployments_serve_a_call(group: Any, tags: set[str], expected: list[str], *, any_tag: bool) -> None:
    assert [one.id for one in with_tags(group, frozenset(tags), match_any=any_tag)] == expected


def test_tags_come_from_key_header_and_body() -> None:
    wish = Wish(
        principal=Principal(key_hash="k", tags=("of-key",)),
        headers={"x-litellm-tags": " one, two,,"},
        values=values(metadata={"tags": ["three", 4]}, litellm_metadata={"tags": ["four"]}),
    )
    assert tags_of(wish) == {"of-key", "one", "two", "three", "four"}


@pytest.mark.parametrize(
    "metadata", [b'"text"', b'{"tags": "x"}', b"{", b'{"user_id": "u"}', b'{"tags": ["' + b"x" * 70_000 + b'"]}']
)
def test_other_metadata_holds_no_tags(metadata: bytes) -> None:
    assert tags_of(msgspec.structs.replace(WISH, values={"metadata": msgspec.Raw(metadata)})) == frozenset()

from __future__ import annotations

from sekisho.config.environment import Environment
from sekisho.config.model import LitellmParams
from sekisho.core.secret import Secret
from sekisho.providers import plain
from sekisho.providers.provider import Asked, Path, Provider, Service, paths_of

CHAT = Service("chat", {"generate": Path("/chat"), "embeddings": Path("/v/{version}/embeddings")})
ROW = Provider(
    name="p",
    services=(
        Service("own", {"generate": Path("/{model}:run", "/{model}:stream")}, models="^own-"),
        Service("chat", {"generate": Path("/v/{version}/{model}")}),
        CHAT,
    ),
    base_url="https://public.test/",
    base_variables=("P_BASE", "P_BASE_URL"),
    place=plain.place,
)


def asked(*, api_base: str | None = None, **variables: str) -> Asked:
    params = LitellmParams(model="p/m", api_base=api_base)
    return Asked(provider=ROW, model="m", pinned=None, params=params, environment=Environment(variables))


def test_a_path_knows_what_it_is_made_of() -> None:
    assert Path("/{project}/{model}:run?v={version}").names == {"project", "version"}
    assert Path("/{base_id}/count").names == frozenset()


def test_a_dialect_is_there_for_the_models_it_serves() -> None:
    assert list(paths_of(ROW, "own-1", frozenset())) == ["own", "chat"]
    assert list(paths_of(ROW, "other", frozenset())) == ["chat"]
    assert ROW.dialects == ("own", "chat")


def test_the_first_path_counts_whose_values_are_known() -> None:
    unversioned, versioned = (paths_of(ROW, "m", known)["chat"] for known in (frozenset(), frozenset({"version"})))
    assert {name: path.whole for name, path in unversioned.items()} == {"generate": "/chat"}
    assert versioned["generate"].whole == "/v/{version}/{model}"
    assert versioned["embeddings"].whole == "/v/{version}/embeddings"


def test_the_operators_address_comes_first() -> None:
    assert asked().base_url == "https://public.test"
    assert asked(P_BASE_URL="http://b/").base_url == "http://b"
    assert asked(P_BASE="http://a", P_BASE_URL="http://b").base_url == "http://a"
    assert asked(api_base="http://c", P_BASE="http://a").base_url == "http://c"
    assert asked().own_address is None


def test_the_first_variable_that_is_set_counts() -> None:
    one = asked(EMPTY="", SECOND="x", THIRD="y")
    assert one.variable("FIRST", "EMPTY", "SECOND", "THIRD") == "x"
    assert one.secret("FIRST", "SECOND") == Secret("x")
    assert one.secret("FIRST") is None

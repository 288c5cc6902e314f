from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.request import (
    CacheMark,
    Document,
    Image,
    OutputSchema,
    Reasoning,
    Text,
    Tool,
    ToolChoice,
)
from sekisho.canonical.target import Profile
from sekisho.core.errors import UnsupportedFeature
from sekisho.providers.profiles import profile_of
from tests.unit.wire.gemini_generate.samples import BUDGET, LEVELS, PLAIN, asked, dropped, said, sent

FLASH = Profile(thinking_budgets=(1, 24_576))
FLASH_3 = Profile(thinking_levels=("minimal", "low", "medium", "high"))


def config(profile: Profile = PLAIN, **fields: Any) -> dict[str, Any]:
    value: dict[str, Any] = sent(asked(**fields), profile).get("generationConfig", {})
    return value


def test_zero_is_sent_and_nothing_is_not() -> None:
    fields: dict[str, Any] = {
        "temperature": 0.0,
        "top_p": 0.0,
        "top_k": 0,
        "seed": 0,
        "presence_penalty": 0.0,
        "max_tokens": 0,
    }
    assert config(**fields, frequency_penalty=0.5) == {
        "temperature": 0.0,
        "topP": 0.0,
        "topK": 0,
        "seed": 0,
        "presencePenalty": 0.0,
        "frequencyPenalty": 0.5,
        "maxOutputTokens": 0,
    }
    assert config() == {}


@pytest.mark.parametrize(
    ("profile", "asked_for", "expected"),
    [
        (FLASH, Reasoning(budget_tokens=8192), {"includeThoughts": True, "thinkingBudget": 8192}),
        (FLASH, Reasoning(budget_tokens=99_999), {"includeThoughts": True, "thinkingBudget": 24_576}),
        (FLASH, Reasoning(effort="high"), {"includeThoughts": True, "thinkingBudget": 24_576}),
        (FLASH, Reasoning(effort="low"), {"includeThoughts": True, "thinkingBudget": 1_024}),
        (FLASH, Reasoning(effort="max"), {"includeThoughts": True, "thinkingBudget": 24_576}),
        (FLASH, Reasoning(adaptive=True), {"includeThoughts": True}),
        (FLASH, Reasoning(enabled=False), {"thinkingBudget": 0}),
        (FLASH, Reasoning(effort="none"), {"thinkingBudget": 0}),
        (BUDGET, Reasoning(budget_tokens=16), {"includeThoughts": True, "thinkingBudget": 128}),
        (FLASH_3, Reasoning(effort="minimal"), {"includeThoughts": True, "thinkingLevel": "MINIMAL"}),
        (FLASH_3, Reasoning(effort="xhigh"), {"includeThoughts": True, "thinkingLevel": "HIGH"}),
        (FLASH_3, Reasoning(budget_tokens=2_000), {"includeThoughts": True, "thinkingLevel": "LOW"}),
        (FLASH_3, Reasoning(budget_tokens=31_999), {"includeThoughts": True, "thinkingLevel": "HIGH"}),
        (FLASH_3, Reasoning(adaptive=True), {"includeThoughts": True}),
        (FLASH_3, Reasoning(enabled=False), {"thinkingLevel": "MINIMAL"}),
        (
            Profile(thinking_levels=("low", "high")),
            Reasoning(effort="medium"),
            {"includeThoughts": True, "thinkingLevel": "HIGH"},
        ),
        (PLAIN, Reasoning(effort="high"), None),
        (PLAIN, Reasoning(enabled=False), None),
    ],
)
def test_thinking_as_the_family_takes_it(profile: Profile, asked_for: Reasoning, expected: Any) -> None:
    assert config(profile, reasoning=asked_for).get("thinkingConfig") == expected


def test_an_effort_leaves_room_for_the_answer() -> None:
    made = config(FLASH, reasoning=Reasoning(effort="high"), max_tokens=4_000)
    assert made["thinkingConfig"]["thinkingBudget"] == 3_000


@pytest.mark.parametrize(
    ("profile", "asked_for", "named"),
    [
        (PLAIN, Reasoning(effort="high"), ("reasoning",)),
        (PLAIN, Reasoning(enabled=False), ()),
        (LEVELS, Reasoning(enabled=False), ("reasoning",)),
        (Profile(thinking_budgets=(128, 256), always_thinks=True), Reasoning(effort="none"), ("reasoning",)),
        (LEVELS, Reasoning(effort="max"), ("reasoning.effort",)),
        (LEVELS, Reasoning(effort="high"), ()),
    ],
)
def test_thinking_that_cannot_be_had_is_named(profile: Profile, asked_for: Reasoning, named: tuple[str, ...]) -> None:
    assert dropped(asked(reasoning=asked_for), profile) == named


@given(
    st.builds(
        Reasoning,
        enabled=st.booleans(),
        effort=st.none() | st.text(max_size=4),
        budget_tokens=st.none() | st.integers(),
    )
)
def test_any_wish_gives_a_budget_that_the_model_takes(wish: Reasoning) -> None:
    for name in (
        "gemini-2.5-pro",
        "gemini-2.5-flash",
        "gemini-2.5-flash-lite",
        "gemini-3.8-flash",
        "gemini-3-pro-preview",
    ):
        profile = profile_of(name)
        made = config(profile, reasoning=wish, max_tokens=100)["thinkingConfig"]
        budget, (least, most) = made.get("thinkingBudget"), profile.thinking_budgets or (0, 0)
        assert budget is None or least <= budget <= most or (budget == 0 and not profile.always_thinks)
        assert made.get("thinkingLevel") in (None, *(level.upper() for level in profile.thinking_levels))


def test_a_session_is_named_unless_the_user_holds_it() -> None:
    assert dropped(asked(session="s-1")) == ("prompt_cache_key",)
    assert dropped(asked(session="s-1", user="user_1_session_s-1")) == ("user",)


def test_tuning_that_gemini_does_not_know_is_named() -> None:
    marked = Text("Hi", CacheMark())
    document = Document(text="x", citations=True)
    request = asked(
        said("user", marked, Image(url="gs://a.png", detail="high"), document),
        tools=(Tool(name="f", strict=True, cache=CacheMark()),),
        logprobs=True,
        top_logprobs=2,
        verbosity="low",
        user="u",
        parallel_tool_calls=False,
        service_tier="scale",
        stop=tuple("abcdef"),
        untranslated=("other",),
    )
    assert dropped(request) == (
        "other",
        "logprobs",
        "top_logprobs",
        "verbosity",
        "user",
        "parallel_tool_calls",
        "cache_control",
        "image.detail",
        "citations",
        "tools.strict",
        "stop",
        "service_tier",
    )
    assert sent(request)["generationConfig"]["stopSequences"] == list("abcde")


@pytest.mark.parametrize(
    ("tier", "word"), [("flex", "flex"), ("priority", "priority"), ("default", None), ("auto", None)]
)
def test_service_tier(tier: str, word: str | None) -> None:
    assert sent(asked(service_tier=tier)).get("serviceTier") == word


@pytest.mark.parametrize(("mode", "word"), [("auto", "AUTO"), ("any", "ANY"), ("none", "NONE")])
def test_choice(mode: Any, word: str) -> None:
    body = sent(asked(tools=(Tool(name="f"),), tool_choice=ToolChoice(mode)))
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": word}}
    assert "toolConfig" not in sent(asked(tool_choice=ToolChoice(mode)))


def test_output() -> None:
    schema = {"type": "object", "$defs": {}}
    made = config(output_schema=OutputSchema(name="n", schema=schema, strict=True))
    assert made == {"responseMimeType": "application/json", "responseJsonSchema": schema}
    assert config(output_schema=OutputSchema()) == {"responseMimeType": "application/json"}


def test_a_free_text_tool_tells_its_grammar() -> None:
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: WORD"}
    tools = (Tool(name="patch", description="Patches.", custom=True, format=grammar),)
    [declared] = sent(asked(tools=tools))["tools"][0]["functionDeclarations"]
    assert declared["description"] == "Patches.\n\nThe input follows this lark grammar:\nstart: WORD"
    assert declared["parametersJsonSchema"]["required"] == ["input"]


@pytest.mark.parametrize(
    ("fields", "profile", "named"),
    [
        ({"tools": (Tool(name="3d"),)}, PLAIN, "tools.name"),
        ({"output_schema": OutputSchema()}, Profile(output_schema=False), "response_format"),
        (
            {"output_schema": OutputSchema(), "tools": (Tool(name="f"),)},
            Profile(output_schema_with_tools=False),
            "response_format",
        ),
    ],
)
def test_what_the_model_would_refuse_is_refused_by_name(fields: dict[str, Any], profile: Profile, named: str) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        sent(asked(**fields), profile)
    assert caught.value.info.param == named

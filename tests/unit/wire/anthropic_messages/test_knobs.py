from __future__ import annotations

from typing import Any

import pytest

from sekisho.canonical.request import Image, OutputSchema, Reasoning, Tool, ToolCall, ToolChoice
from sekisho.canonical.target import Profile
from sekisho.core.errors import UnsupportedFeature
from sekisho.wire.claude import BUDGETS
from tests.unit.wire.anthropic_messages.samples import ADAPTIVE, BUDGET, PLAIN, asked, dropped, said, sent

LOOK = Tool(name="look", description="Looks.", parameters={"type": "object", "properties": {"at": {}}})


def test_a_tool_is_name_description_and_schema() -> None:
    assert sent(asked(tools=(LOOK,)))["tools"] == [
        {"name": "look", "description": "Looks.", "input_schema": {"type": "object", "properties": {"at": {}}}}
    ]


@pytest.mark.parametrize("parameters", [None, {}, {"properties": {}}])
def test_a_schema_is_always_that_of_an_object(parameters: dict[str, Any] | None) -> None:
    (tool,) = sent(asked(tools=(Tool(name="t", parameters=parameters),)))["tools"]
    assert tool == {"name": "t", "input_schema": {"type": "object", **(parameters or {})}}


def test_a_free_text_tool_takes_one_string_and_tells_its_grammar() -> None:
    form = {"type": "grammar", "syntax": "lark", "definition": "start: WORD"}
    (tool,) = sent(asked(tools=(Tool(name="patch", description="Patches.", custom=True, format=form),)))["tools"]
    assert tool["input_schema"]["required"] == ["input"]
    assert tool["description"].startswith("Patches.")
    assert "start: WORD" in tool["description"]


def test_tools_in_namespaces_are_flat_and_distinct() -> None:
    request = asked(
        said("assistant", ToolCall(id="c", name="run", arguments="{}", namespace="b")),
        tools=(Tool(name="run", namespace="a"), Tool(name="run", namespace="b")),
        tool_choice=ToolChoice("tool", "run"),
    )
    body = sent(request)
    assert [tool["name"] for tool in body["tools"]] == ["a__run", "b__run"]
    assert body["messages"][1]["content"][0]["name"] == "b__run"
    assert body["tool_choice"] == {"type": "tool", "name": "a__run"}


def test_strict_where_the_model_takes_schemas() -> None:
    request = asked(tools=(Tool(name="t", parameters={"type": "object"}, strict=True),))
    assert sent(request)["tools"][0]["strict"] is True
    without = Profile(output_schema=False)
    assert "strict" not in sent(request, without)["tools"][0]
    assert dropped(request, without) == ("tools.strict",)


def test_called_tools_that_are_no_longer_offered_are_declared_but_not_callable() -> None:
    request = asked(said("user", "go"), said("assistant", ToolCall(id="c", name="a b", arguments="{}")))
    body = sent(request)
    assert [tool["name"] for tool in body["tools"]] == [body["messages"][1]["content"][0]["name"]]
    assert body["tool_choice"] == {"type": "none"}


@pytest.mark.parametrize(
    ("choice", "parallel", "expected"),
    [
        (None, None, None),
        (None, True, None),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice("auto"), None, {"type": "auto"}),
        (ToolChoice("any"), False, {"type": "any", "disable_parallel_tool_use": True}),
        (ToolChoice("none"), False, {"type": "none"}),
        (ToolChoice("tool", "look"), None, {"type": "tool", "name": "look"}),
    ],
)
def test_tool_choice(choice: ToolChoice | None, parallel: Any, expected: object) -> None:
    assert sent(asked(tools=(LOOK,), tool_choice=choice, parallel_tool_calls=parallel)).get("tool_choice") == expected


def test_no_choice_without_tools() -> None:
    assert "tool_choice" not in sent(asked(tool_choice=ToolChoice("auto"), parallel_tool_calls=False))


def test_a_forced_tool_yields_to_a_thinking_budget_only() -> None:
    request = asked(tools=(LOOK,), tool_choice=ToolChoice("any"), reasoning=Reasoning(effort="low"))
    assert sent(request, BUDGET)["tool_choice"] == {"type": "auto"}
    assert dropped(request, BUDGET) == ("tool_choice",)
    assert sent(request, ADAPTIVE)["tool_choice"] == {"type": "any"}
    assert sent(request, PLAIN)["tool_choice"] == {"type": "any"}


@pytest.mark.parametrize(
    ("reasoning", "profile", "thinking", "effort"),
    [
        (None, BUDGET, None, None),
        (Reasoning(effort="high"), BUDGET, {"type": "enabled", "budget_tokens": BUDGETS["high"]}, None),
        (Reasoning(effort="unheard"), BUDGET, {"type": "enabled", "budget_tokens": BUDGETS["medium"]}, None),
        (Reasoning(adaptive=True), BUDGET, {"type": "enabled", "budget_tokens": BUDGETS["medium"]}, None),
        (Reasoning(budget_tokens=5000, effort="low"), BUDGET, {"type": "enabled", "budget_tokens": 5000}, None),
        (Reasoning(budget_tokens=10), BUDGET, {"type": "enabled", "budget_tokens": 1024}, None),
        (Reasoning(effort="none"), BUDGET, {"type": "disabled"}, None),
        (Reasoning(enabled=False), ADAPTIVE, {"type": "disabled"}, None),
        (Reasoning(enabled=False), PLAIN, None, None),
        (Reasoning(effort="minimal", summary="auto"), ADAPTIVE, {"type": "adaptive", "display": "summarized"}, "low"),
        (Reasoning(effort="xhigh"), ADAPTIVE, {"type": "adaptive"}, "xhigh"),
        (Reasoning(effort="unheard"), ADAPTIVE, {"type": "adaptive"}, None),
        (Reasoning(), ADAPTIVE, {"type": "adaptive"}, None),
        (Reasoning(budget_tokens=2000), ADAPTIVE, {"type": "adaptive"}, "low"),
        (Reasoning(budget_tokens=31_999), ADAPTIVE, {"type": "adaptive"}, "high"),
    ],
)
def test_thinking_as_the_model_takes_it(
    reasoning: Reasoning | None, profile: Profile, thinking: object, effort: str | None
) -> None:
    body = sent(asked(reasoning=reasoning), profile)
    assert body.get("thinking") == thinking
    assert body.get("output_config", {}).get("effort") == effort


@pytest.mark.parametrize("max_tokens", [1025, 2000, 4096, 31_999, 64_000])
def test_a_budget_is_always_below_max_tokens(max_tokens: int) -> None:
    for effort in BUDGETS:
        body = sent(asked(max_tokens=max_tokens, reasoning=Reasoning(effort=effort)), BUDGET)
        assert 1024 <= body["thinking"]["budget_tokens"] < max_tokens


def test_a_budget_that_the_caller_chose_stays_where_it_fits() -> None:
    def budget(wanted: int) -> object:
        return sent(asked(max_tokens=32_000, reasoning=Reasoning(budget_tokens=wanted)), BUDGET)["thinking"]

    assert budget(31_999) == {"type": "enabled", "budget_tokens": 31_999}
    assert budget(32_000) == budget(90_000) == {"type": "enabled", "budget_tokens": 24_000}


def test_thinking_that_the_model_cannot_do_is_reported() -> None:
    request = asked(max_tokens=1024, reasoning=Reasoning(effort="low"))
    assert ("thinking" in sent(request, BUDGET), dropped(request, BUDGET)) == (False, ("reasoning",))
    assert dropped(asked(reasoning=Reasoning(effort="low")), PLAIN) == ("reasoning",)


def test_sampling_passes_also_as_zero() -> None:
    assert sent(asked(temperature=0.0, top_k=0))["temperature"] == 0
    assert sent(asked(temperature=0.0, top_k=0))["top_k"] == 0
    assert sent(asked(top_p=0.0))["top_p"] == 0


def test_sampling_within_what_the_api_takes() -> None:
    hot = asked(temperature=1.7)
    assert (sent(hot)["temperature"], dropped(hot)) == (1, ("temperature",))
    both = asked(temperature=0.5, top_p=0.9)
    assert ("top_p" in sent(both), dropped(both)) == (False, ("top_p",))
    every = asked(temperature=0.2, top_p=0.9, top_k=5)
    assert dropped(every, ADAPTIVE) == ("temperature", "top_p", "top_k")
    while_thinking = asked(temperature=1.0, top_k=5, reasoning=Reasoning(effort="low"))
    assert "temperature" not in sent(while_thinking, BUDGET)
    assert dropped(while_thinking, BUDGET) == ("top_k",)


def test_output_schema() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    form = asked(output_schema=OutputSchema(name="n", schema=schema, strict=True))
    assert sent(form)["output_config"] == {
        "format": {"type": "json_schema", "schema": {**schema, "additionalProperties": False}}
    }
    with pytest.raises(UnsupportedFeature, match="response_format"):
        sent(form, Profile(output_schema=False))
    anything = asked(output_schema=OutputSchema())
    assert ("output_config" in sent(anything), dropped(anything)) == (False, ("response_format",))


def test_what_this_api_does_not_know_is_named() -> None:
    request = asked(
        said("user", Image(url="u", detail="low")),
        seed=0,
        presence_penalty=0.0,
        frequency_penalty=0.1,
        logprobs=True,
        top_logprobs=2,
        verbosity="low",
        untranslated=("logit_bias",),
    )
    assert dropped(request) == (
        "logit_bias",
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "logprobs",
        "top_logprobs",
        "verbosity",
        "image.detail",
    )


@pytest.mark.parametrize(
    ("tier", "on_wire", "left"),
    [
        ("auto", "auto", ()),
        ("default", "standard_only", ()),
        ("priority", None, ("service_tier",)),
        (None, None, ()),
    ],
)
def test_service_tier(tier: str | None, on_wire: str | None, left: tuple[str, ...]) -> None:
    request = asked(service_tier=tier)
    assert (sent(request).get("service_tier"), dropped(request)) == (on_wire, left)


def test_the_end_user_is_shortened_where_too_long() -> None:
    assert sent(asked(user="u1"))["metadata"] == {"user_id": "u1"}
    assert len(sent(asked(user="u" * 300))["metadata"]["user_id"]) == 64

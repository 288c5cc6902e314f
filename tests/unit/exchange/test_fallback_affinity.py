"""Conversations of forty turns over several deployments, through all stations: how much of a prompt is still cached."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from sekisho.providers.deployment import Deployment
from sekisho.routing.memory import Memory
from sekisho.routing.router import Router
from sekisho.routing.rules import Rules
from tests.support.prompt_cache import THROTTLED, Agent, Caches, moves, said_in
from tests.support.stations import ScriptedTransport, Stage, deployment

TURNS = 40
CLAUDE, GPT = "anthropic/claude-sonnet-4-5", "openai/gpt-4.1-mini"
SESSION = "x-claude-code-session-id"


class Session:
    """Several agents that take their turns in any order, at deployments that each keep a cache."""

    def __init__(self, stage: Stage, deployments: Sequence[Deployment], rules: Rules | None = None) -> None:
        self.stage, self.caches, self.dice = stage, Caches(deployments), random.Random(7)
        base = stage.gateway(*deployments, transport=ScriptedTransport([], []), rules=rules)
        router = Router(tuple(deployments), {}, rules=rules, memory=Memory(stage.clock), chance=self.dice.random)
        self.gateway = msgspec.structs.replace(base, router=router, transport=self.caches.transport)
        self.cached_tokens = 0

    async def play(self, agents: Sequence[Agent], turns: int = TURNS) -> None:
        """So many turns of each."""
        waiting = [agent for agent in agents for _ in range(turns)]
        self.dice.shuffle(waiting)
        for agent in waiting:
            await self.turn(agent)

    async def turn(self, agent: Agent) -> None:
        """One turn."""
        self.stage.clock.advance(2)
        done = await self.stage.carry(
            gateway=self.gateway, dialect=agent.dialect, stream=False, headers=dict(agent.headers), **agent.body()
        )
        assert done.caller.status == 200, done.caller.body
        assert done.row.deployment_id is not None
        self.cached_tokens += done.row.cache_read_tokens
        agent.hear(said_in(done.caller.json), done.row.deployment_id)


def several(served_by: str = CLAUDE, count: int = 4, **params: Any) -> list[Deployment]:
    made = [deployment(served_by, base_url=f"http://d{n}.test", host=f"d{n}.test") for n in range(count)]
    return [_with_params(one, **params) for one in made]


def _with_params(one: Deployment, **params: Any) -> Deployment:
    entry = msgspec.structs.replace(one.entry, params=msgspec.structs.replace(one.entry.params, **params))
    return msgspec.structs.replace(one, entry=entry)


def named(dialect: str) -> list[Agent]:
    return [Agent(f"s{n}", dialect, {SESSION: f"900ba3ce-4c67-4a3c-93f2-c20ac043ba{n:02}"}) for n in range(5)]


def nameless(dialect: str) -> list[Agent]:
    return [Agent(f"s{n}", dialect) for n in range(5)]


@pytest.mark.parametrize(
    ("served_by", "dialect", "agents"),
    [
        (CLAUDE, "anthropic-messages", named),
        (CLAUDE, "anthropic-messages", nameless),
        (CLAUDE, "openai-responses", nameless),
        (GPT, "openai-chat", nameless),
        (GPT, "anthropic-messages", named),
    ],
    ids=["session", "same", "responses-to-claude", "chat", "messages-to-gpt"],
)
async def test_a_session_keeps_the_cache_hits_of_a_single_deployment(
    stage: Stage, served_by: str, dialect: str, agents: Callable[[str], list[Agent]]
) -> None:
    alone, spread = Session(stage, several(served_by, 1)), Session(stage, several(served_by, 4))
    await alone.play(agents(dialect))
    players = agents(dialect)
    await spread.play(players)
    assert alone.caches.hit_share > 0.9, "the agent is one whose prompts can be cached"
    assert spread.cached_tokens >= 0.95 * alone.cached_tokens > 0
    assert [moves(one.places) for one in players] == [0] * 5
    assert len({one.places[0] for one in players}) > 1, "sessions are spread"


async def test_without_affinity_caches_would_be_lost(stage: Stage) -> None:
    alone = Session(stage, several(count=1))
    forgetful = Session(stage, several(count=4), Rules(affinity_seconds=0.001))
    for session in (alone, forgetful):
        await session.play(named("anthropic-messages"))
    assert 0 < forgetful.cached_tokens < 0.95 * alone.cached_tokens


async def test_a_failure_moves_a_session_once_and_it_stays_where_it_went(stage: Stage) -> None:
    session = Session(stage, several())
    [agent] = named("anthropic-messages")[:1]
    await session.play([agent], 10)
    home = session.caches.by_id[agent.places[0]]
    home.fault = THROTTLED
    await session.turn(agent)
    assert agent.places[-1] != agent.places[0]
    asked = home.asked
    await session.turn(agent)
    assert home.asked == asked, "it is not asked while it cools down"
    home.fault = None
    await session.play([agent], 28)
    assert moves(agent.places) == 1
    assert session.caches.hit_share > 0.85, "one prompt was written anew"


async def test_what_has_no_room_left_for_the_prompt_is_left_for_this_turn(stage: Stage) -> None:
    """Twelve turns within a minute are some 40,000 tokens."""
    session = Session(stage, several(count=2, tpm=30_000))
    agents = named("anthropic-messages")[:1]
    await session.play(agents, 12)
    assert moves(agents[0].places) == 1, "a full minute weighs more than a warm cache"
    assert all(one.prompted / 4 <= 30_000 for one in session.caches.by_id.values())

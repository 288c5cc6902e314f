from __future__ import annotations

from sekisho.core.clock import FakeClock
from sekisho.routing.memory import Memory
from tests.support.routes import deployment


def test_one_process_remembers_standings_and_conversations() -> None:
    memory, one = Memory(FakeClock()), deployment("m", "a")
    memory.affinity.bind(("m", "k", "session", "s"), one.id)
    assert memory.affinity.find(("m", "k", "session", "s")) == memory.board.standing(one).deployment.id == "a"

"""What calls have taught: how deployments stand, and where conversations are at home. It outlives a reload."""

from __future__ import annotations

from sekisho.core.clock import Clock
from sekisho.routing.affinity import Affinity
from sekisho.routing.board import Board


class Memory:
    """One a process."""

    def __init__(self, clock: Clock) -> None:
        self.board = Board(clock)
        self.affinity = Affinity(clock)

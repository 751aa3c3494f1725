"""What every executor of a plan is given, tells and can do."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from bao.rollout.failures import FailurePolicy
from bao.trajectory import Fault

Warn = Callable[[str], None]
"""Tells whoever watches what a run waits for."""


@dataclass(frozen=True)
class ExecutionSettings:
    """How a plan is played. Changes no episode, so that a run may go on under others."""

    concurrency: int = 1
    """The most episodes at once, over all processes."""
    workers: int = 1
    """Processes on this machine that share the episodes."""
    ray: str | None = None
    """The address of a Ray cluster that plays instead of this machine."""
    failures: FailurePolicy = field(default_factory=FailurePolicy)
    episode_timeout: float = 3600.0
    """Seconds that one try of an episode may take."""


class Note(NamedTuple):
    """An episode that has finished, and whose row is in the log."""

    number: int
    fault: Fault | None
    detail: str


class Executor(Protocol):
    """Who plays."""

    @property
    def at_once(self) -> int:
        """Episodes that play at once at present."""

    def play(self, indices: Sequence[int]) -> Iterator[Sequence[Note]]:
        """Play the episodes of these numbers; yields what has finished, as it does, and nothing now and then."""

    def close(self) -> None:
        """Stop what is still going on."""

"""What an agent can have inferred: how many bits each query told, where a gym knows what is still possible.

A gym that keeps track of it gives a `Belief` for a task (`bao.gym.Gym.belief`). It is fed the episode's turns in order, after
the fact, from the stored transcript; so playing costs nothing and any stored episode can be measured again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from bao.action import Action
from bao.task import Task
from bao.trajectory import Trajectory

if TYPE_CHECKING:
    from bao.gym import Gym


class Belief(Protocol):
    """What is possible as far as the transcript tells: that of a perfect listener, not of the agent."""

    def observe(self, action: Action, reply: str) -> float | None:
        """Take in one turn; the bits that a query told (0: nothing new), or None for what is no query or cannot be said.

        Called for every turn in order, so that what submissions reveal is known too.
        """


def with_information(episodes: Sequence[Trajectory], gym: "Gym", tasks: Iterable[Task]) -> list[Trajectory]:
    """`episodes` with the information of each turn, as far as `gym` knows it; unchanged where it does not.

    `tasks` holds the tasks that were played; an episode of another task is left as it is.
    """
    known = {task.id: task for task in tasks}
    return [informed(episode, gym, known.get(episode.task_id)) for episode in episodes]


def informed(episode: Trajectory, gym: "Gym", task: Task | None) -> Trajectory:
    """`episode` of `task` with the information of each turn; unchanged where `gym` knows none."""
    belief = gym.belief(task) if task is not None else None
    if belief is None:
        return episode
    turns = []
    for turn in episode.turns:
        bits = None if turn.parse_fault is not None else belief.observe(turn.action, turn.reply)
        turns.append(turn if bits is None else replace(turn, information=bits))
    return replace(episode, turns=tuple(turns))

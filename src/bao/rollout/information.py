"""How many bits each query of an episode told, where its gym keeps track of what is still possible."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bao.errors import ConfigError
from bao.gym import Gym
from bao.task import Task
from bao.trajectory import Trajectory


def with_information(episodes: Sequence[Trajectory], gym: Gym, tasks: Iterable[Task]) -> list[Trajectory]:
    """`episodes` with the information of each turn, as far as `gym` knows it; unchanged where it does not.

    `tasks` holds the tasks that were played; an episode of another task is left as it is.
    """
    known = {task.id: task for task in tasks}
    return [with_information_gain(episode, gym, known.get(episode.task_id)) for episode in episodes]


def with_information_gain(episode: Trajectory, gym: Gym, task: Task | None) -> Trajectory:
    """`episode` of `task` with the information of each turn; unchanged where `gym` knows none."""
    belief = gym.belief(task) if task is not None else None
    if belief is None:
        return episode
    turns = []
    for turn in episode.turns:
        bits = None if turn.parse_fault is not None else belief.observe(turn.action, turn.reply)
        turns.append(turn if bits is None else replace(turn, information=bits))
    return replace(episode, turns=tuple(turns))


def require_belief(gym: Gym | None, tasks: Iterable[Task]) -> Gym:
    """`gym`, if it knows what a query tells in any of `tasks`. Raises `ConfigError` where a penalty would never fire."""
    if gym is None or all(gym.belief(task) is None for task in tasks):
        name = "none" if gym is None else gym.name
        raise ConfigError(
            f"shaping.information_gain needs a gym that knows what a query told, and {name} as set does not: choose "
            "function, telepathy or travel with the scripted user and no persona, write Gym.belief, or leave it at 0"
        )
    return gym

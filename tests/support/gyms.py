"""The gyms that come with bao, their tasks and their scripted episodes: made once for tests that only read them."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from bao.gym import Gym
from bao.rollout.episode import play
from bao.task import Split, Task, TaskSet
from bao.trajectory import Trajectory


@cache
def whole(gym: type[Gym], split: Split = Split.TEST) -> TaskSet:
    """The tasks of a split."""
    return gym.task_set(split)


def every_task(gym: type[Gym]) -> list[Task]:
    return [task for split in Split for task in whole(gym, split)]


@cache
def episodes(gym: type[Gym], policy: str, split: Split = Split.TEST) -> tuple[Trajectory, ...]:
    """One for each task of a split, of a scripted policy that is seeded by the task's place."""
    played, make = gym(), gym.scripted_policies()[policy]
    return tuple(play(played, make(played, seed), task, seed) for seed, task in enumerate(whole(gym, split)))


def score(gym: type[Gym], policy: str, split: Split = Split.TEST) -> float:
    return float(np.mean([episode.task_return for episode in episodes(gym, policy, split)]))


def effort(gym: type[Gym], policy: str, split: Split = Split.TEST) -> float:
    return float(np.mean([episode.user_effort for episode in episodes(gym, policy, split)]))


def started(gym: type[Gym], task: Task, seed: int = 0, **settings: Any) -> Any:
    """A gym at the beginning of an episode."""
    made = gym(**settings)
    made.reset(seed=seed, options={"task": task})
    return made


@cache
def userrl(gym: type[Gym], path: Path) -> TaskSet:
    """The tasks of a file of UserRL's."""
    return gym.read_tasks(path)

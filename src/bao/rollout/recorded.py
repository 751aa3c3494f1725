"""An episode to the last detail: every action that went into the gym and everything that came out, the infos included."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bao.action import Action
from bao.gym import Gym
from bao.policy import Policy
from bao.task import Task


class Step(NamedTuple):
    """One turn as the gym returned it."""

    action: Action
    reply: str
    reward: float
    ended: bool
    info: dict[str, Any]


@dataclass(frozen=True)
class Recorded:
    """One episode. Two are equal only if nothing that came out of the gym differs."""

    task_id: str
    seed: int
    opening: str
    info: dict[str, Any]
    """What `reset` gave beside the opening."""
    steps: tuple[Step, ...]

    @property
    def task_return(self) -> float:
        return sum(step.reward for step in self.steps)

    @property
    def success(self) -> bool:
        return bool(self.steps) and self.steps[-1].info["success"]

    @property
    def actions(self) -> tuple[Action, ...]:
        return tuple(step.action for step in self.steps)


def record(gym: Gym, policy: Policy, task: Task, seed: int) -> Recorded:
    """The episode of `policy` on `task`. Raises whatever the gym raises."""
    opening, info = gym.reset(seed=seed, options={"task": task})
    policy.begin(gym.instructions(), opening)
    steps: list[Step] = []
    observation = opening
    while not steps or not steps[-1].ended:
        steps.append(_step(gym, policy.act(observation).action))
        observation = steps[-1].reply
    return Recorded(task.id, seed, opening, info, tuple(steps))


def replay(gym: Gym, task: Task, seed: int, actions: Sequence[Action]) -> Recorded:
    """The episode of `task` that takes these actions, as far as it lasts."""
    *_, last = replaying(gym, task, seed, actions)
    return last


def replaying(gym: Gym, task: Task, seed: int, actions: Sequence[Action]) -> Iterator[Recorded]:
    """As `replay`, handing over after the reset and after each step, so that others can be played in between."""
    opening, info = gym.reset(seed=seed, options={"task": task})
    steps: list[Step] = []
    yield Recorded(task.id, seed, opening, info, ())
    for action in actions:
        steps.append(_step(gym, action))
        yield Recorded(task.id, seed, opening, info, tuple(steps))
        if steps[-1].ended:
            return


def _step(gym: Gym, action: Action) -> Step:
    reply, reward, terminated, truncated, info = gym.step(action)
    return Step(action, reply, reward, terminated or truncated, info)

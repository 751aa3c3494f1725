"""Demonstrations for the warm start: a teacher plays, what is worth imitating is kept.

A kept trajectory is well formed, earned something, did not drive the user away, and holds no wrong submission. A teacher's
slips (see `bao.gyms.travel.agents.Habits`) stay in the text, so that the student learns to recover, but carry no loss, so that
it does not learn to slip.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from bao.action import ActionKind, render
from bao.errors import DataError
from bao.gym import Gym
from bao.policies.prompt import PromptForm, system_text
from bao.policy import Policy
from bao.rollout.episode import play
from bao.task import TaskSet
from bao.trajectory import StopReason, Trajectory


class Rejection(StrEnum):
    """Why a trajectory was not kept."""

    FAULT = "fault"
    MALFORMED = "malformed"
    NOTHING_EARNED = "nothing_earned"
    WRONG_ANSWER = "wrong_answer"
    OUT_OF_TURNS = "out_of_turns"
    USER_LEFT = "user_left"


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A trajectory as texts to train on."""

    system: str
    opening: str
    turns: tuple[tuple[str, str, bool], ...]
    """(the agent's text, the reply, whether the text carries loss) for each turn."""


def reject(trajectory: Trajectory, slipped: list[bool]) -> Rejection | None:
    """Why `trajectory` is not worth imitating, or None if it is; slips do not count against it."""
    if trajectory.fault is not None:
        return Rejection.FAULT
    turns = [turn for turn, slip in zip(trajectory.turns, slipped, strict=True) if not slip]
    if any(turn.parse_fault is not None for turn in turns):
        return Rejection.MALFORMED
    if trajectory.stop is StopReason.MAX_TURNS:
        return Rejection.OUT_OF_TURNS
    if trajectory.stop is StopReason.USER_LEFT:
        return Rejection.USER_LEFT
    if trajectory.task_return <= 0:
        return Rejection.NOTHING_EARNED
    if any(turn.action.kind == ActionKind.ANSWER and turn.reward == 0 for turn in turns):
        return Rejection.WRONG_ANSWER
    return None


def counts(rejected: Counter[Rejection] | None) -> str:
    """How many were rejected for which reason, in words."""
    return ", ".join(f"{count} {reason}" for reason, count in (rejected or Counter()).most_common()) or "none"


def demonstrations(
    gym: Gym,
    teacher: Callable[[Gym, int], Policy],
    tasks: TaskSet,
    count: int,
    rng: np.random.Generator,
    *,
    effort_weights: tuple[float, ...] = (),
    form: PromptForm = PromptForm.FULL,
    rejected: Counter[Rejection] | None = None,
) -> Iterator[Demonstration]:
    """`count` kept demonstrations on `tasks` in random order, tasks repeating with new choices of the teacher.

    With `effort_weights` each prompt names one of them at random: the student learns to read the line, but not what to make of
    it, which is left to reinforcement. `rejected` collects why others were not kept.

    Raises `DataError` without tasks, `ValueError` where hardly a trajectory is kept.
    """
    if not tasks:
        raise DataError(f"no tasks to demonstrate {gym.name} on: give at least one")
    kept = tried = 0
    while kept < count:
        for task in tasks.sample(len(tasks), rng):
            tried += 1
            if tried > 50 * (count + 20):
                raise ValueError(f"the teacher's trajectories on {gym.name} are nearly all rejected: {counts(rejected)}")
            seed = int(rng.integers(2**31))
            weight = float(rng.choice(effort_weights)) if effort_weights else None
            system = system_text(gym, form, weight)
            policy = teacher(gym, seed)
            trajectory = play(gym, policy, task, seed, system=system)
            slipped: list[bool] = getattr(policy, "slipped", [False] * len(trajectory.turns))
            reason = reject(trajectory, slipped)
            if reason is not None:
                if rejected is not None:
                    rejected[reason] += 1
                continue
            yield Demonstration(
                system,
                trajectory.opening,
                tuple(
                    (render(turn.thinking, turn.action), turn.reply, not slip)
                    for turn, slip in zip(trajectory.turns, slipped, strict=True)
                ),
            )
            kept += 1
            if kept == count:
                return

"""Demonstrations for the warm start: a teacher plays, what is worth imitating is kept.

Two ways to choose. `hindsight_demonstrations` takes, for a price of a user turn, the play of least regret at this price by
values measured from the teacher's own plays (`bao.train.hindsight`): what to do at which price is learned from them.
`demonstrations` keeps what succeeded: well formed, earned something, did not drive the user away, no wrong submission; there
the price is named and says nothing. A teacher's slips (see `bao.gyms.travel.agents.Habits`) stay in the text, so that the
student learns to recover, but carry no loss, so that it does not learn to slip.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from bao.action import ActionKind, render
from bao.errors import DataError
from bao.gym import Gym
from bao.measures.intervals import Floats
from bao.policies.prompt import PromptForm, percent, system_text
from bao.policies.teacher import CLAUSE
from bao.policy import Policy
from bao.rollout.episode import play
from bao.task import Task, TaskSet
from bao.train.hindsight import SLIGHT, Play, Values, effort_by_price, least_regret
from bao.train.shown import Shown, everything
from bao.train.situations import split_decision
from bao.trajectory import StopReason, Trajectory

NEAR = 2
"""Percent on either side of a price at which acting best changes that count as about it."""


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
    shown: Shown = everything,
    rejected: Counter[Rejection] | None = None,
) -> Iterator[Demonstration]:
    """`count` kept demonstrations on `tasks` in random order, tasks repeating with new choices of the teacher.

    With `effort_weights` each prompt names one of them at random: the student learns to read the line, but not what to make of
    it, which is left to reinforcement. Of the thinking there is what is `shown`. `rejected` collects why others were not kept.

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
            trajectory, slipped = _show(gym, teacher, task, seed, system)
            reason = reject(trajectory, slipped)
            if reason is not None:
                if rejected is not None:
                    rejected[reason] += 1
                continue
            yield demonstration(system, trajectory, [not slip for slip in slipped], form=form, shown=shown)
            kept += 1
            if kept == count:
                return


def gather(
    gym: Gym, teacher: Callable[[Gym, int], Policy], tasks: TaskSet, plays: int, rng: np.random.Generator, system: str
) -> Iterator[list[tuple[Trajectory, list[bool]]]]:
    """For each task, `plays` episodes of the teacher under seeds of their own, each with which of its turns were slips."""
    for task in tasks:
        yield [_show(gym, teacher, task, int(seed), system) for seed in rng.integers(2**31, size=plays)]


def hindsight_demonstrations(
    gym: Gym,
    played: Sequence[Sequence[Play]],
    values: Values,
    count: int,
    rng: np.random.Generator,
    *,
    skill: float = 0.0,
    form: PromptForm = PromptForm.FULL,
    shown: Shown = everything,
) -> Iterator[Demonstration]:
    """`count` demonstrations from the plays of each task (`played`), at prices drawn from those of `values`.

    The first are the skill base, a share `skill`: told no price or, every other one, the price 0, and the play of least regret
    at 0, which does all there is to do. At high prices a play is short, and a student of such alone would hardly learn to act;
    and among all whole percents 0 would be told too seldom to be learned. Of the thinking there is what is `shown`, of the same
    plays. Raises `ValueError` where no task has a usable play.
    """
    usable = [[play for play in plays if play.usable] for plays in played]
    usable = [plays for plays in usable if plays]
    if not usable:
        raise ValueError(f"no play of the teacher on {gym.name} ended by itself in readable turns")
    regrets = [[values.regrets(play) for play in plays] for plays in usable]
    base, chances = skill_base(count, skill), price_chances(values, [play for plays in usable for play in plays])
    for number, place in enumerate(_cycle(len(usable), count, rng)):
        price = 0 if number < base else int(rng.choice(len(chances), p=chances))
        told = None if number < base and number % 2 == 0 else values.prices[price]
        chosen = least_regret(regrets[place], price, rng)
        play = usable[place][chosen]
        worth = regrets[place][chosen][:, price] <= SLIGHT
        loss = [bool(good) and not slip for good, slip in zip(worth, play.slipped, strict=True)]
        yield demonstration(system_text(gym, form, told), play.trajectory, loss, told, form=form, shown=shown)


def price_chances(values: Values, plays: Sequence[Play]) -> Floats:
    """How often each of the prices is told [prices]: half of the times any of them, half of them those about which acting best
    changes, in proportion to how many user turns it takes less there.

    Where every price is told as often, most are such as leave nothing to decide: too low, or too high to act at.
    """
    count = len(values.prices)
    even = np.full(count, 1.0 / count)
    if count < 3:
        return even
    effort = effort_by_price(values, values.start(plays))
    less = np.maximum(-np.diff(effort), 0.0)  # at the prices between the first and the last
    spread = np.convolve(np.concatenate([[0.0], less, [0.0]]), np.ones(2 * NEAR + 1) / (2 * NEAR + 1), mode="same")
    return even if spread.sum() <= 0 else 0.5 * even + 0.5 * spread / spread.sum()


def skill_base(count: int, skill: float) -> int:
    """How many of `count` demonstrations in hindsight are the skill base: the first ones."""
    return round(skill * count)


def demonstration(
    system: str,
    play: Trajectory,
    loss: Sequence[bool],
    price: float | None = None,
    left: Sequence[int] | None = None,
    *,
    form: PromptForm = PromptForm.FULL,
    shown: Shown = everything,
) -> Demonstration:
    """A trajectory as texts. `price`, and the user turns that are `left` before each turn, are restated in the thinking where
    they are given, the price as a prompt of this `form` tells it; of the thinking there is what is `shown`."""
    before = [None] * len(play.turns) if left is None else left
    thoughts = [restated(turn.thinking, price, each, form) for turn, each in zip(play.turns, before, strict=True)]
    texts = [render(shown(thought), turn.action) for thought, turn in zip(thoughts, play.turns, strict=True)]
    replies = [turn.reply for turn in play.turns]
    return Demonstration(system, play.opening, tuple(zip(texts, replies, loss, strict=True)))


def restated(thinking: str, price: float | None = None, left: int | None = None, form: PromptForm = PromptForm.FULL) -> str:
    """Thinking with what was told said once more before the decision: the price of a user turn, in percent, and the user turns
    that are left of a budget. No verdict."""
    if price is None and left is None:
        return thinking
    head, decision = split_decision(thinking)
    told = ["" if price is None else f"at {percent(price, form)}", "" if left is None else f"left {left}"]
    return CLAUSE.join(filter(None, (head, *told, decision)))


def _cycle(size: int, count: int, rng: np.random.Generator) -> Iterator[int]:
    """`count` indices below `size`, each once in every pass."""
    made = 0
    while made < count:
        for index in rng.permutation(size)[: count - made].tolist():
            yield index
            made += 1


def _show(gym: Gym, teacher: Callable[[Gym, int], Policy], task: Task, seed: int, system: str) -> tuple[Trajectory, list[bool]]:
    policy = teacher(gym, seed)
    trajectory = play(gym, policy, task, seed, system=system)
    return trajectory, list(getattr(policy, "slipped", [False] * len(trajectory.turns)))

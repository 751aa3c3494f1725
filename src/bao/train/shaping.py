"""What each turn of a trajectory is paid in training: the task reward less priced costs and penalties on behaviour.

    r'_t = r_t - sum_k w_k cost_k,t + p_IS,t + p_OT,t + p_IG,t

The costs are a named vector of counts per turn (`costs_per_turn`), their prices a `CostWeights`; by default the effort weight
is the one dial. The penalties are those of `bao.train.penalties`. Everything is a pure function of one trajectory, but for the
guard at the end, which refuses effort weights under which silence pays best.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from bao.action import ActionKind
from bao.errors import ConfigError
from bao.train.penalties import (
    IS_COEFFICIENT,
    OT_COEFFICIENT,
    PenaltyVariant,
    information_gain,
    information_seeking,
    over_thinking,
)
from bao.trajectory import StopReason, Trajectory

FloatArray = npt.NDArray[np.float64]

UNPARSABLE_FLOOR = 0.05
"""Least default price of an unreadable action, so that it is no free escape where the effort weight is small."""

OVER_BUDGET = 1.0
"""The default price of a user turn beyond a told budget: a whole task, so that none is ever worth it."""


class Part(StrEnum):
    """What a shaped turn reward is made of; from ``user_effort`` to ``over_budget`` they are the priced costs."""

    TASK_REWARD = "task_reward"
    USER_EFFORT = "user_effort"
    """Turns that involve the user."""
    TURNS = "turns"
    QUESTIONS = "questions"
    """What the user is asked: a turn that asks three counts three."""
    VERBOSITY = "verbosity"
    """Words said to the user: those of the action's content in turns that involve the user."""
    PREMATURE = "premature"
    """Answers that earned nothing."""
    UNPARSABLE = "unparsable"
    """Turns whose text held no readable action."""
    OVER_BUDGET = "over_budget"
    """Turns that involve the user beyond the budget that the policy was told."""
    INFORMATION_SEEKING = "information_seeking"
    OVER_THINKING = "over_thinking"
    INFORMATION_GAIN = "information_gain"
    """What queries failed to tell."""


@dataclass(frozen=True, slots=True)
class CostWeights:
    """The price of one unit of each cost, in units of task reward (a whole task pays at most 1). All are >= 0."""

    user_effort: float = 0.0
    """Per turn that involves the user: the effort weight w."""
    turns: float = 0.0
    """Per turn."""
    verbosity: float = 0.0
    """Per word said to the user."""
    questions: float = 0.0
    """Per question to the user, added to ``user_effort``; so packing several into one turn does not make them free."""
    premature: float = 0.0
    """Per answer that earned nothing."""
    unparsable: float | None = None
    """Per unreadable action. None: as much as involving the user, and `UNPARSABLE_FLOOR` at least. An unreadable action costs
    the user nothing, so without a price it would be the cheapest turn there is."""
    over_budget: float = OVER_BUDGET
    """Per turn that involves the user beyond a told budget, added to ``user_effort``."""

    def __post_init__(self) -> None:
        for spec in fields(self):
            value = getattr(self, spec.name)
            if value is not None:
                _require_weight(f"costs.{spec.name}", value)

    def resolved(self, effort_weight: float | None = None) -> dict[Part, float]:
        """The price of every cost, `effort_weight` in place of ``user_effort`` where it is given."""
        effort = self.user_effort if effort_weight is None else effort_weight
        return {
            Part.USER_EFFORT: effort,
            Part.TURNS: self.turns,
            Part.QUESTIONS: self.questions,
            Part.VERBOSITY: self.verbosity,
            Part.PREMATURE: self.premature,
            Part.UNPARSABLE: max(effort, UNPARSABLE_FLOOR) if self.unparsable is None else self.unparsable,
            Part.OVER_BUDGET: self.over_budget,
        }


@dataclass(frozen=True, slots=True)
class Shaping:
    """How trajectories are paid in training. A penalty with coefficient 0 is off, its constant terms included."""

    costs: CostWeights = field(default_factory=CostWeights)
    is_coefficient: float = IS_COEFFICIENT
    """lambda_IS >= 0."""
    ot_coefficient: float = OT_COEFFICIENT
    """lambda_OT >= 0."""
    variant: PenaltyVariant = PenaltyVariant.PAPER
    """Of both."""
    ig_coefficient: float = 0.0
    """lambda_IG >= 0. Above 0 the trajectories must carry `bao.trajectory.Turn.information`."""
    ig_bits: float = 1.0
    """Bits > 0 from which on a query has told enough."""

    def __post_init__(self) -> None:
        for name in ("is_coefficient", "ot_coefficient", "ig_coefficient"):
            _require_weight(name, getattr(self, name))
        if not (math.isfinite(self.ig_bits) and self.ig_bits > 0):
            raise ConfigError(f"ig_bits={self.ig_bits} must be a finite number above 0: the bits that a good query tells")

    def prices(self, effort_weight: float | None = None, *, budgeted: bool = False) -> dict[Part, float]:
        """What one unit of every part counts for: the task reward 1, a cost its price, a penalty its coefficient.

        Only where the policy is `budgeted` does it matter what a user turn beyond the budget costs.
        """
        penalties = {Part.INFORMATION_SEEKING: self.is_coefficient, Part.OVER_THINKING: self.ot_coefficient}
        found = {Part.TASK_REWARD: 1.0, **self.costs.resolved(effort_weight), **penalties}
        return {part: price for part, price in found.items() if budgeted or part is not Part.OVER_BUDGET}


@dataclass(frozen=True, slots=True)
class Shaped:
    """A trajectory's shaped rewards [turns] and what they are made of."""

    rewards: FloatArray
    parts: dict[Part, FloatArray]
    """Signed contributions [turns]; they sum to ``rewards``."""


def shape(trajectory: Trajectory, settings: Shaping, effort_weight: float | None = None) -> Shaped:
    """The shaped turn rewards r'_t [turns] of `trajectory`.

    `effort_weight` takes the place of ``settings.costs.user_effort``: where the policy is conditioned on the weight, it is
    drawn anew for each group. Raises `ValueError` on a trajectory that ended in a fault (a fault is excluded, never paid) and
    `ConfigError` on an effort weight that is negative or not finite.
    """
    if trajectory.stop == StopReason.FAULT:
        raise ValueError(f"the trajectory of task {trajectory.task_id!r} ended in a fault: exclude it before shaping")
    if effort_weight is not None:
        _require_weight("effort_weight", effort_weight)
    parts = {Part.TASK_REWARD: _per_turn(trajectory, (turn.reward for turn in trajectory.turns))}
    weights = settings.costs.resolved(effort_weight)
    for part, count in costs_per_turn(trajectory).items():
        parts[part] = -weights[part] * count
    parts[Part.INFORMATION_SEEKING] = information_seeking(trajectory, settings.is_coefficient, settings.variant)
    parts[Part.OVER_THINKING] = over_thinking(trajectory, settings.ot_coefficient, settings.variant)
    parts[Part.INFORMATION_GAIN] = information_gain(trajectory, settings.ig_coefficient, settings.ig_bits)
    return Shaped(np.sum(list(parts.values()), axis=0), parts)


def costs_per_turn(trajectory: Trajectory) -> dict[Part, FloatArray]:
    """The unpriced costs: counts >= 0 per turn [turns], verbosity in words."""
    turns = trajectory.turns
    involved = _per_turn(trajectory, (turn.involves_user for turn in turns))
    return {
        Part.USER_EFFORT: involved,
        Part.TURNS: np.ones(len(turns)),
        Part.QUESTIONS: _per_turn(trajectory, (turn.questions for turn in turns)),
        Part.VERBOSITY: _per_turn(trajectory, (turn.verbosity for turn in turns)),
        Part.PREMATURE: _per_turn(trajectory, (t.action.kind == ActionKind.ANSWER and t.reward <= 0 for t in turns)),
        Part.UNPARSABLE: _per_turn(trajectory, (turn.parse_fault is not None for turn in turns)),
        Part.OVER_BUDGET: _beyond(involved, trajectory.budget),
    }


def _beyond(involved: FloatArray, budget: int | None) -> FloatArray:
    """1 [turns] in each turn that involves the user after `budget` such turns."""
    return np.zeros(len(involved)) if budget is None else involved * (np.cumsum(involved) > budget)


def firing_rates(shaped: Sequence[Shaped]) -> dict[Part, float]:
    """Share of trajectories in which each part is not zero in some turn; empty if `shaped` is.

    A cost whose weight is 0 never fires.
    """
    if not shaped:
        return {}
    return {part: sum(bool(np.any(one.parts[part])) for one in shaped) / len(shaped) for part in Part}


def acting_pays(task_return: float, user_effort: float, weight: float) -> bool:
    """Whether an episode of return R and effort U pays more than saying nothing: ``R - w U > 0``."""
    return task_return - weight * user_effort > 0


def largest_paying_weight(trajectories: Iterable[Trajectory]) -> float:
    """The effort weight from which on a bounding policy's ``R - w U`` is above zero in no task.

    That is the largest ``mean R / mean U`` of a task. On average over the tasks acting may cease to pay before; a policy that
    acts only where it pays, still does. 0 where the policy earns nothing, and never more than 1, where it earns with little
    effort or none: from there on a single user turn costs what a whole task is worth, so none pays in any episode. Trajectories
    that ended in a fault are left out; raises `ValueError` if none remains.
    """
    ratios = [
        min(sum(each.task_return for each in played) / max(sum(each.user_effort for each in played), 1e-9), 1.0)
        for played in _by_task(trajectories)
    ]
    return max(0.0, *ratios)


def check_weights(weights: Iterable[float], oracle: Sequence[Trajectory]) -> tuple[str, ...]:
    """Refuse effort weights under which silence is the best policy; return warnings on those that silence some tasks.

    `oracle` are a bounding policy's trajectories on the training tasks. The other costs are not counted, so the bound is an
    upper one where they have a price. Raises `ConfigError` on a weight > 0 that is not below `largest_paying_weight`, and on
    one that is negative or not finite; `ValueError` if `oracle` holds no trajectory without a fault.
    """
    by_task = _by_task(oracle)
    largest = largest_paying_weight(oracle)
    warnings = []
    for weight in weights:
        _require_weight("effort_weight", weight)
        if weight == 0:
            continue
        if weight >= largest:
            why = "in no task does the oracle's return pay for its effort but below" if largest < 1 else "a whole task pays"
            raise ConfigError(
                f"effort_weight={weight:g} makes silence the best policy: {why} {largest:.4g}; choose weights in "
                f"[0, {largest:.4g})"
            )
        silenced = sum(
            not acting_pays(sum(t.task_return for t in played), sum(t.user_effort for t in played), weight)
            for played in by_task
        )
        if silenced:
            warnings.append(
                f"effort_weight={weight:g}: {silenced} of {len(by_task)} tasks cost the oracle more effort than they pay, so "
                "silence is the best policy on them"
            )
    return tuple(warnings)


def _per_turn(trajectory: Trajectory, values: Iterable[float]) -> FloatArray:
    return np.fromiter(values, dtype=np.float64, count=len(trajectory.turns))


def _by_task(trajectories: Iterable[Trajectory]) -> list[list[Trajectory]]:
    found: dict[str, list[Trajectory]] = {}
    for trajectory in _without_faults(trajectories):
        found.setdefault(trajectory.task_id, []).append(trajectory)
    return list(found.values())


def _without_faults(trajectories: Iterable[Trajectory]) -> list[Trajectory]:
    played = [trajectory for trajectory in trajectories if trajectory.stop != StopReason.FAULT]
    if not played:
        raise ValueError("the effort weights cannot be bounded: no trajectory of the oracle ended without a fault")
    return played


def _require_weight(name: str, value: float) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise ConfigError(f"{name}={value} must be a finite number of at least 0")

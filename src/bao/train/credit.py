"""From the shaped turn rewards of one group of trajectories to one advantage per turn.

A group is G trajectories of one task. Rewards are [G, T] with NaN where a trajectory has no such turn; `advantages`, the entry
point, gives 0 there. Everything is a pure function on arrays.

The default, ``group_reward_to_go`` with ``scale = "batch"``, gives turn t of trajectory i ``A_it = (G_it - b_it) / s``. The
baseline b is taken over the *other* trajectories, so it is independent of the action that it judges; the scale s is known
before the group is played (`bao.train.running`). Given what was known, therefore, ``sum_t A_it grad log pi(a_it)`` has the
gradient of the expected return over s as its expectation: the objective's, E[R - wU], up to one constant that no outcome of
the group moves.

With ``scale = "group"``, s is the root mean square of the group's own differences. Then a group's weight depends on what came
out: groups in which few outcomes differ are blown up, groups with much noise are damped. The expected gradient is no longer
the objective's. Where asking gains .7 of the time and costs .45, finishing at once is worth .05 more than asking; by exact
enumeration, training with the group's scale ends at asking 96 % of the time. The published estimators (BAO, arXiv 2602.11351;
UserRL, arXiv 2509.19736) share this and have defects of their own (`bao.train.published`).
"""

from enum import StrEnum
from typing import NamedTuple, TypeVar

import numpy as np

from bao.errors import ConfigError, suggest
from bao.train import published
from bao.train.published import CreditKind
from bao.train.returns import TOLERANCE, FloatArray, IntArray, filled, reward_to_go, zero_variance

_Choice = TypeVar("_Choice", bound=StrEnum)


class Baseline(StrEnum):
    """What a turn's reward-to-go is compared with; always taken over the *other* trajectories of the group."""

    TURN = "turn"
    """The others' mean reward-to-go at the same turn index; over all their turns where none of them reached that index."""
    POOLED = "pooled"
    """The others' mean reward-to-go over all their turns."""


class Estimator(StrEnum):
    """How advantages are made. All but the first are as published, defects included."""

    GROUP_REWARD_TO_GO = "group_reward_to_go"
    """The default: reward-to-go less `Baseline`, over `Scale`."""
    TRAJECTORY = "trajectory"
    """Plain GRPO: the z-score of the trajectory's sum on each of its turns; no credit per turn."""
    PAPER = "paper"
    """BAO's text: reward-to-go, normalised with the mean and std of all turns of the group."""
    USERRL_EQUALIZED = "userrl_equalized"
    USERRL_REWARD_TO_GO = "userrl_reward_to_go"
    USERRL_EXPONENTIAL = "userrl_exponential"
    REFERENCE_CODE = "reference_code"
    """BAO's public code: UserRL's estimator with reward-to-go credits, meant for shaped rewards."""


class Scale(StrEnum):
    """What ``group_reward_to_go`` divides the differences from the baseline by."""

    NONE = "none"
    """Nothing: advantages are in units of reward."""
    BATCH = "batch"
    """The root mean square of the differences in earlier steps, over all groups: advantages are of order one, whatever a gym
    pays, so the learning rate and the weights of other terms keep their meaning."""
    GROUP = "group"
    """The root mean square of the group's own differences, as in GRPO. Bends the expected gradient."""


class Mixing(StrEnum):
    """Whether several objectives (task reward, priced costs, penalties) are summed before or after they are scaled."""

    FIRST = "first"
    """Rewards and priced costs are summed, then credited and scaled together. The prices are the stated ones."""
    LATE = "late"
    """Each objective k is credited in its own unit and divided by its own scale s_k, then all are summed with their prices. The
    expected gradient is ``grad E[R] / s_R - sum_k w_k grad E[C_k] / s_k``, that of ``E[R] - sum_k w_k (s_R / s_k) E[C_k]`` up
    to a constant. So the price in effect is ``w_k s_R / s_k`` and moves as the policy does; it is w_k only where the two
    scales agree. Clear cases are learned all the same; near the border the policy comes to rest in between: where asking is
    right with .9 and costs .55, it is worth .05 more than finishing, and the policy stays at asking 88 % of the time. D3PO
    (arXiv 2602.07764), which found one policy for all preferences to collapse where rewards are summed first, clips each
    objective on its own as well; here the mixed advantage is clipped."""


class Term(NamedTuple):
    """One objective of a group: its advantage is ``price * differences / scale``."""

    price: float
    differences: FloatArray
    """[G, T], in the objective's own unit; 0 where a turn does not exist."""


def group_baseline(to_go: FloatArray, baseline: Baseline = Baseline.TURN) -> FloatArray:
    """What each turn's reward-to-go [G, T] is compared with [G, T]; 0 where no other trajectory has any turn.

    A trajectory's own turns never enter its baseline, so the baseline is independent of the action it judges and the policy
    gradient stays unbiased; with them, a turn that n trajectories reach would be shrunk by (n - 1)/n, late turns most.
    Counting ended trajectories as reward-to-go 0 would be unbiased too, but where all of a group earn the same early it gives
    the turns of the last to end an advantage made of noise alone.
    """
    values, exists = filled(to_go)
    own_sum, own_count = values.sum(axis=1, keepdims=True), exists.sum(axis=1, keepdims=True)
    other_count = own_count.sum() - own_count
    pooled = (own_sum.sum() - own_sum) / np.maximum(other_count, 1)
    if baseline == Baseline.POOLED:
        return np.where(exists, pooled, np.nan)
    peers = exists.sum(axis=0) - 1
    same_turn = (values.sum(axis=0) - values) / np.maximum(peers, 1)
    return np.where(exists, np.where(peers > 0, same_turn, pooled), np.nan)


def differences(rewards: FloatArray, *, gamma: float = 1.0, baseline: Baseline = Baseline.TURN) -> FloatArray:
    """``G_t - b_t`` [G, T] of turn rewards [G, T]; 0 where a turn does not exist, and where only rounding is left of it.

    A group whose returns all agree is no exception: its turns may differ, and leaving it out because of what came out would
    bend the expected gradient as a scale of its own does.
    """
    to_go = reward_to_go(rewards, gamma)
    found = np.nan_to_num(to_go - group_baseline(to_go, baseline))
    return np.where(np.abs(found) <= TOLERANCE, 0.0, found)


def advantages(
    rewards: FloatArray,
    tokens: IntArray,
    estimator: Estimator | str = Estimator.GROUP_REWARD_TO_GO,
    *,
    gamma: float = 1.0,
    baseline: Baseline | str = Baseline.TURN,
    scale: Scale | str = Scale.BATCH,
    known: float = 1.0,
    eps: float = 1e-6,
) -> FloatArray:
    """Advantages [G, T] of one group; 0 where a turn does not exist.

    `rewards` [G, T] are shaped turn rewards, NaN after a trajectory's last turn. `tokens` [G, T] counts the tokens the agent
    wrote in each turn (only the UserRL estimators read it). `gamma` discounts rewards-to-go (UserRL and BAO's code: 0.8).
    `baseline`, `scale` and `known` serve ``group_reward_to_go`` only; `known` is what the scale ``batch`` divides by. `eps` is
    added to every scale of the group's own. Each turn's value goes to all its tokens.

    Raises `ConfigError` on an unknown estimator, baseline or scale or a `gamma` outside [0, 1], `ValueError` on arrays that are
    no group: another number of dimensions, no rows, shapes that differ, an infinite reward, a gap between turns.
    """
    estimator, baseline = _known("estimator", estimator, Estimator), _known("baseline", baseline, Baseline)
    scale = _known("scale", scale, Scale)
    if not 0.0 <= gamma <= 1.0:
        raise ConfigError(f"gamma={gamma} must lie in [0, 1]")
    _require_group(rewards, tokens)
    match estimator:
        case Estimator.GROUP_REWARD_TO_GO if scale == Scale.GROUP:
            return _scaled_by_group(rewards, gamma, baseline, eps)
        case Estimator.GROUP_REWARD_TO_GO:
            found = differences(rewards, gamma=gamma, baseline=baseline)
            return found / known if scale == Scale.BATCH else found
        case Estimator.TRAJECTORY:
            return published.trajectory(rewards, eps)
        case Estimator.PAPER:
            return published.paper(rewards, gamma, eps)
        case Estimator.USERRL_EQUALIZED:
            return published.userrl(rewards, tokens, CreditKind.EQUALIZED, gamma, eps)
        case Estimator.USERRL_EXPONENTIAL:
            return published.userrl(rewards, tokens, CreditKind.EXPONENTIAL, gamma, eps)
        case Estimator.USERRL_REWARD_TO_GO | Estimator.REFERENCE_CODE:
            return published.userrl(rewards, tokens, CreditKind.REWARD_TO_GO, gamma, eps)


def _scaled_by_group(rewards: FloatArray, gamma: float, baseline: Baseline, eps: float) -> FloatArray:
    """``A_t = k (G_t - b_t) / (s + eps)``, ``s^2 = k mean (G_t - b_t)^2`` over the group's turns, ``k = (G - 1) / G``.

    k undoes the widening by a baseline that leaves out the own trajectory: with one turn each, A is GRPO's z-score. The scale
    is that of the differences themselves, not of the returns: where returns nearly agree and rewards-to-go do not, dividing
    by the former would explode. ``|A| <= sqrt(turns in the group)``. A group without variance gives zeros.
    """
    if zero_variance(rewards, gamma=gamma):
        return np.zeros(rewards.shape)
    found = differences(rewards, gamma=gamma, baseline=baseline)
    widening = 1.0 - 1.0 / len(rewards)
    scale = float(np.sqrt(widening * np.square(found).sum() / (~np.isnan(rewards)).sum()))
    return widening * found / (scale + eps) if scale > 0 else np.zeros(rewards.shape)


def _known(name: str, value: str, kind: type[_Choice]) -> _Choice:
    try:
        return kind(value)
    except ValueError:
        raise ConfigError(f"{name}={value!r} is unknown: {suggest(value, map(str, kind))}") from None


def _require_group(rewards: FloatArray, tokens: IntArray) -> None:
    if rewards.ndim != 2 or not len(rewards):
        raise ValueError(f"rewards must be [trajectories, turns] with at least one row, not of shape {rewards.shape}")
    if tokens.shape != rewards.shape:
        raise ValueError(f"tokens {tokens.shape} and rewards {rewards.shape} must have one shape")
    if np.isinf(rewards).any():
        raise ValueError("rewards must be finite, or NaN where a turn does not exist")
    missing = np.isnan(rewards)
    if (missing[:, :-1] & ~missing[:, 1:]).any():
        raise ValueError("a turn exists after one that does not: NaN may only follow a trajectory's last turn")

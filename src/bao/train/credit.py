"""From the shaped turn rewards of one group of trajectories to one advantage per turn.

A group is G trajectories of one task. Rewards are [G, T] with NaN where a trajectory has no such turn; functions that return
values per turn keep that padding, and `advantages`, the entry point, gives 0 there. Everything is a pure function on arrays.

The default estimator, ``group_reward_to_go``, is defined for rewards of any sign and is unbiased up to one positive factor per
group. The published estimators (BAO, arXiv 2602.11351; UserRL, arXiv 2509.19736) are kept by name, for reproduction.
"""

from enum import StrEnum
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from bao.errors import ConfigError, suggest

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.integer]
_Choice = TypeVar("_Choice", bound=StrEnum)

TOLERANCE = 1e-9
"""Spread of returns up to which a group counts as having no variance: well above rounding, well below any real price."""


class ScoreKind(StrEnum):
    """What one trajectory is worth."""

    SUM = "sum"
    MEAN = "mean"
    """Sum over the number of turns: what UserRL's code computes where it says "Sum" (rounded to 4 decimals there, not here).
    It holds a 1/n length penalty."""
    DISCOUNTED = "discounted"


class CreditKind(StrEnum):
    """How UserRL shares a trajectory's score among its turns."""

    EQUALIZED = "equalized"
    """c_t = 1."""
    REWARD_TO_GO = "reward_to_go"
    """c_t = r_t + gamma c_{t+1}."""
    EXPONENTIAL = "exponential"
    """c_t = .5 + .5 (1 - e^{-2 r_t}) / (1 - e^{-2}): a reward of 0 gives .5, of 1 gives 1."""


class Baseline(StrEnum):
    """What a turn's reward-to-go is compared with; always taken over the *other* trajectories of the group."""

    TURN = "turn"
    """The others' mean reward-to-go at the same turn index; over all their turns where none of them reached that index."""
    POOLED = "pooled"
    """The others' mean reward-to-go over all their turns."""


class Estimator(StrEnum):
    """How advantages are made. All but the first two are as published, defects included."""

    GROUP_REWARD_TO_GO = "group_reward_to_go"
    """The default: reward-to-go less `Baseline`, over one scale per group."""
    TRAJECTORY = "trajectory"
    """Plain GRPO: the z-score of the trajectory's sum on each of its turns; no credit per turn."""
    PAPER = "paper"
    """BAO's text: reward-to-go, normalised with the mean and std of all turns of the group."""
    USERRL_EQUALIZED = "userrl_equalized"
    USERRL_REWARD_TO_GO = "userrl_reward_to_go"
    USERRL_EXPONENTIAL = "userrl_exponential"
    REFERENCE_CODE = "reference_code"
    """BAO's public code: UserRL's estimator with reward-to-go credits, meant for shaped rewards."""


def scores(rewards: FloatArray, kind: ScoreKind, gamma: float = 1.0) -> FloatArray:
    """One score per trajectory [G] from turn rewards [G, T]: ``sum r``, ``sum r / n`` or ``sum gamma^t r_t``, t from 0.

    A trajectory without turns scores 0. `gamma` serves ``discounted`` only.
    """
    values, exists = _filled(rewards)
    if kind == ScoreKind.DISCOUNTED:
        values = values * gamma ** np.arange(values.shape[1])
    score: FloatArray = values.sum(axis=1)
    return score / np.maximum(exists.sum(axis=1), 1) if kind == ScoreKind.MEAN else score


def reward_to_go(rewards: FloatArray, gamma: float = 1.0) -> FloatArray:
    """``G_t = r_t + gamma G_{t+1}`` [G, T] of turn rewards [G, T]."""
    values, exists = _filled(rewards)
    if gamma == 1.0:
        to_go = values[:, ::-1].cumsum(axis=1)[:, ::-1]
    else:
        to_go = values.copy()
        for turn in range(values.shape[1] - 2, -1, -1):
            to_go[:, turn] += gamma * to_go[:, turn + 1]
    return np.where(exists, to_go, np.nan)


def turn_credits(rewards: FloatArray, kind: CreditKind, gamma: float = 1.0) -> FloatArray:
    """UserRL's turn credits c_t [G, T] of turn rewards [G, T]; `gamma` serves ``reward_to_go`` only (published: 0.8)."""
    match CreditKind(kind):
        case CreditKind.EQUALIZED:
            return np.where(np.isnan(rewards), np.nan, 1.0)
        case CreditKind.REWARD_TO_GO:
            return reward_to_go(rewards, gamma)
        case CreditKind.EXPONENTIAL:
            saturated: FloatArray = np.expm1(-2.0 * rewards) / np.expm1(-2.0)
            return 0.5 + 0.5 * saturated


def group_baseline(to_go: FloatArray, baseline: Baseline = Baseline.TURN) -> FloatArray:
    """What each turn's reward-to-go [G, T] is compared with [G, T]; 0 where no other trajectory has any turn.

    A trajectory's own turns never enter its baseline, so the baseline is independent of the action it judges and the policy
    gradient stays unbiased; with them, a turn that n trajectories reach would be shrunk by (n - 1)/n, late turns most.
    Counting ended trajectories as reward-to-go 0 would be unbiased too, but where all of a group earn the same early it gives
    the turns of the last to end an advantage made of noise alone.
    """
    values, exists = _filled(to_go)
    own_sum, own_count = values.sum(axis=1, keepdims=True), exists.sum(axis=1, keepdims=True)
    other_count = own_count.sum() - own_count
    pooled = (own_sum.sum() - own_sum) / np.maximum(other_count, 1)
    if baseline == Baseline.POOLED:
        return np.where(exists, pooled, np.nan)
    peers = exists.sum(axis=0) - 1
    same_turn = (values.sum(axis=0) - values) / np.maximum(peers, 1)
    return np.where(exists, np.where(peers > 0, same_turn, pooled), np.nan)


def zero_variance(rewards: FloatArray, tol: float = TOLERANCE, *, gamma: float = 1.0) -> bool:
    """Whether the trajectories' returns agree to within `tol`, summed as well as discounted: nothing to learn from.

    Both count, since a small `gamma` hides late rewards from the one and differences in speed are only in the other.
    """
    returns = (scores(rewards, kind, gamma) for kind in (ScoreKind.SUM, ScoreKind.DISCOUNTED))
    return all(bool(np.ptp(values) <= tol) for values in returns)


def advantages(
    rewards: FloatArray,
    tokens: IntArray,
    estimator: Estimator | str = Estimator.GROUP_REWARD_TO_GO,
    *,
    gamma: float = 1.0,
    baseline: Baseline | str = Baseline.TURN,
    eps: float = 1e-6,
) -> FloatArray:
    """Advantages [G, T] of one group; 0 where a turn does not exist.

    `rewards` [G, T] are shaped turn rewards, NaN after a trajectory's last turn. `tokens` [G, T] counts the tokens the agent
    wrote in each turn (only the UserRL estimators read it). `gamma` discounts rewards-to-go (UserRL and BAO's code: 0.8);
    `baseline` serves ``group_reward_to_go`` only; `eps` is added to every scale. Each turn's value goes to all its tokens.

    Raises `ConfigError` on an unknown estimator or baseline or a `gamma` outside [0, 1], `ValueError` on arrays that are no
    group: another number of dimensions, no rows, shapes that differ, an infinite reward, a gap between turns.
    """
    estimator, baseline = _known("estimator", estimator, Estimator), _known("baseline", baseline, Baseline)
    if not 0.0 <= gamma <= 1.0:
        raise ConfigError(f"gamma={gamma} must lie in [0, 1]")
    _require_group(rewards, tokens)
    match estimator:
        case Estimator.GROUP_REWARD_TO_GO:
            return _group_reward_to_go(rewards, gamma, baseline, eps)
        case Estimator.TRAJECTORY:
            return _trajectory(rewards, eps)
        case Estimator.PAPER:
            return _paper(rewards, gamma, eps)
        case Estimator.USERRL_EQUALIZED:
            return _userrl(rewards, tokens, CreditKind.EQUALIZED, gamma, eps)
        case Estimator.USERRL_EXPONENTIAL:
            return _userrl(rewards, tokens, CreditKind.EXPONENTIAL, gamma, eps)
        case Estimator.USERRL_REWARD_TO_GO | Estimator.REFERENCE_CODE:
            return _userrl(rewards, tokens, CreditKind.REWARD_TO_GO, gamma, eps)


def _group_reward_to_go(rewards: FloatArray, gamma: float, baseline: Baseline, eps: float) -> FloatArray:
    """``A_t = k (G_t - b_t) / (s + eps)``, ``s^2 = k mean (G_t - b_t)^2`` over the group's turns, ``k = (G - 1) / G``.

    k undoes the widening by a baseline that leaves out the own trajectory: with one turn each, A is GRPO's z-score. The scale
    is that of the differences themselves, not of the returns: where returns nearly agree and rewards-to-go do not, dividing
    by the former would explode. ``|A| <= sqrt(turns in the group)``. A group without variance gives zeros.
    """
    if zero_variance(rewards, gamma=gamma):
        return np.zeros(rewards.shape)
    to_go = reward_to_go(rewards, gamma)
    exists = ~np.isnan(to_go)
    difference = np.where(exists, to_go - group_baseline(to_go, baseline), 0.0)
    widening = 1.0 - 1.0 / len(rewards)
    scale = float(np.sqrt(widening * np.square(difference).sum() / exists.sum()))
    if scale <= TOLERANCE:  # nothing but rounding, which must not be scaled up to a signal
        return np.zeros(rewards.shape)
    return widening * difference / (scale + eps)


def _trajectory(rewards: FloatArray, eps: float) -> FloatArray:
    if zero_variance(rewards):
        return np.zeros(rewards.shape)
    z = _z_scores(scores(rewards, ScoreKind.SUM), eps)
    return np.where(np.isnan(rewards), 0.0, z[:, None])


def _paper(rewards: FloatArray, gamma: float, eps: float) -> FloatArray:
    to_go = reward_to_go(rewards, gamma)
    exists = ~np.isnan(to_go)
    pooled = to_go[exists]
    if pooled.size < 2 or pooled.max() - pooled.min() <= TOLERANCE:
        return np.zeros(rewards.shape)
    return np.where(exists, (to_go - pooled.mean()) / (pooled.std(ddof=1) + eps), 0.0)


def _userrl(rewards: FloatArray, tokens: IntArray, credit: CreditKind, gamma: float, eps: float) -> FloatArray:
    """UserRL's ``A = c_t z N / sum(c)``, the sum and N over the trajectory's agent tokens with c != 0; 0 where the sum is 0.

    z is the group z-score of the *mean* turn reward; in a group of one it is that score itself.
    """
    score = scores(rewards, ScoreKind.MEAN)
    z = _z_scores(score, eps) if len(score) > 1 else score / (1.0 + eps)
    credits, exists = _filled(turn_credits(rewards, credit, gamma))
    weight = np.where(exists, tokens, 0)
    total = (weight * credits).sum(axis=1)
    count = (weight * (credits != 0)).sum(axis=1)
    share: FloatArray = np.divide(z * count, total, out=np.zeros_like(z), where=total != 0)
    return credits * share[:, None]


def _z_scores(values: FloatArray, eps: float) -> FloatArray:
    z: FloatArray = (values - values.mean()) / (values.std(ddof=1) + eps)
    return z


def _filled(values: FloatArray) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """The values with 0 for NaN, and where they exist."""
    exists = ~np.isnan(values)
    return np.where(exists, values, 0.0), exists


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

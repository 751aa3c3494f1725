"""The published estimators of advantages, defects included, for reproduction: plain GRPO, BAO's text, UserRL's code.

All divide by a scale of the group's own outcomes, which turns the expected gradient away from the objective's
(`bao.train.credit`). Rewards and tokens are [G, T] as there; `eps` is added to every scale. Sources: BAO, arXiv 2602.11351, and
its public code; UserRL, arXiv 2509.19736.
"""

from enum import StrEnum

import numpy as np

from bao.train.returns import TOLERANCE, FloatArray, IntArray, ScoreKind, filled, reward_to_go, scores, zero_variance


class CreditKind(StrEnum):
    """How UserRL shares a trajectory's score among its turns."""

    EQUALIZED = "equalized"
    """c_t = 1."""
    REWARD_TO_GO = "reward_to_go"
    """c_t = r_t + gamma c_{t+1}."""
    EXPONENTIAL = "exponential"
    """c_t = .5 + .5 (1 - e^{-2 r_t}) / (1 - e^{-2}): a reward of 0 gives .5, of 1 gives 1."""


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


def trajectory(rewards: FloatArray, eps: float) -> FloatArray:
    """Plain GRPO: the z-score of the trajectory's sum on each of its turns."""
    if zero_variance(rewards):
        return np.zeros(rewards.shape)
    z = _z_scores(scores(rewards, ScoreKind.SUM), eps)
    return np.where(np.isnan(rewards), 0.0, z[:, None])


def paper(rewards: FloatArray, gamma: float, eps: float) -> FloatArray:
    """BAO's text: reward-to-go, normalised with the mean and std of all turns of the group."""
    to_go = reward_to_go(rewards, gamma)
    exists = ~np.isnan(to_go)
    pooled = to_go[exists]
    if pooled.size < 2 or pooled.max() - pooled.min() <= TOLERANCE:
        return np.zeros(rewards.shape)
    return np.where(exists, (to_go - pooled.mean()) / (pooled.std(ddof=1) + eps), 0.0)


def userrl(rewards: FloatArray, tokens: IntArray, credit: CreditKind, gamma: float, eps: float) -> FloatArray:
    """UserRL's ``A = c_t z N / sum(c)``, the sum and N over the trajectory's agent tokens with c != 0; 0 where the sum is 0.

    z is the group z-score of the *mean* turn reward; in a group of one it is that score itself.
    """
    score = scores(rewards, ScoreKind.MEAN)
    z = _z_scores(score, eps) if len(score) > 1 else score / (1.0 + eps)
    credits, exists = filled(turn_credits(rewards, credit, gamma))
    weight = np.where(exists, tokens, 0)
    total = (weight * credits).sum(axis=1)
    count = (weight * (credits != 0)).sum(axis=1)
    share: FloatArray = np.divide(z * count, total, out=np.zeros_like(z), where=total != 0)
    return credits * share[:, None]


def _z_scores(values: FloatArray, eps: float) -> FloatArray:
    z: FloatArray = (values - values.mean()) / (values.std(ddof=1) + eps)
    return z

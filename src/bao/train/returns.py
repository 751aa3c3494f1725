"""What the turns of a group of trajectories return: scores, rewards-to-go, and whether a group differs within itself.

A group is G trajectories of one task. Rewards are [G, T] with NaN where a trajectory has no such turn; functions that return
values per turn keep that padding. Everything is a pure function on arrays.
"""

from enum import StrEnum

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.integer]

TOLERANCE = 1e-9
"""Spread of returns up to which a group counts as having no variance: well above rounding, well below any real price."""


class ScoreKind(StrEnum):
    """What one trajectory is worth."""

    SUM = "sum"
    MEAN = "mean"
    """Sum over the number of turns: what UserRL's code computes where it says "Sum" (rounded to 4 decimals there, not here).
    It holds a 1/n length penalty."""
    DISCOUNTED = "discounted"


def scores(rewards: FloatArray, kind: ScoreKind, gamma: float = 1.0) -> FloatArray:
    """One score per trajectory [G] from turn rewards [G, T]: ``sum r``, ``sum r / n`` or ``sum gamma^t r_t``, t from 0.

    A trajectory without turns scores 0. `gamma` serves ``discounted`` only.
    """
    values, exists = filled(rewards)
    if kind == ScoreKind.DISCOUNTED:
        values = values * gamma ** np.arange(values.shape[1])
    score: FloatArray = values.sum(axis=1)
    return score / np.maximum(exists.sum(axis=1), 1) if kind == ScoreKind.MEAN else score


def reward_to_go(rewards: FloatArray, gamma: float = 1.0) -> FloatArray:
    """``G_t = r_t + gamma G_{t+1}`` [G, T] of turn rewards [G, T]."""
    values, exists = filled(rewards)
    if gamma == 1.0:
        to_go = values[:, ::-1].cumsum(axis=1)[:, ::-1]
    else:
        to_go = values.copy()
        for turn in range(values.shape[1] - 2, -1, -1):
            to_go[:, turn] += gamma * to_go[:, turn + 1]
    return np.where(exists, to_go, np.nan)


def zero_variance(rewards: FloatArray, tol: float = TOLERANCE, *, gamma: float = 1.0) -> bool:
    """Whether the trajectories' returns agree to within `tol`, summed as well as discounted: nothing to learn from.

    Both count, since a small `gamma` hides late rewards from the one and differences in speed are only in the other.
    """
    returns = (scores(rewards, kind, gamma) for kind in (ScoreKind.SUM, ScoreKind.DISCOUNTED))
    return all(bool(np.ptp(values) <= tol) for values in returns)


def filled(values: FloatArray) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """The values with 0 for NaN, and where they exist."""
    exists = ~np.isnan(values)
    return np.where(exists, values, 0.0), exists

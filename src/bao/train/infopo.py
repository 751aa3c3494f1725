"""InfoPO's intrinsic reward (arXiv 2603.00656): a turn is worth what its reply changed in what the agent did next.

    I_t = 1/|a| sum_k log P(a_k | c, a_t, o_t, a_<k) - log P(a_k | c, a_t, placeholder, a_<k),   a = a_{t+1}
    A_i,t += weight sigmoid(-s / gate) (I_i,t - mean I) / std I

a_{t+1} is the turn that was sampled, so the sum in I_t is an unbiased sample of KL(P(. | o_t) || P(. | placeholder)); as in the
published code its mean over the turn's tokens is taken, so that a long turn earns no more for its length. Mean and std are over
the group's turns that have a next one, as in GRPO; s is the std of the group's returns: where outcomes tell the trajectories
apart, the gate (1/2 at most) closes.

It differs from the published code in three points: turns count once in mean and std, not once for each token; the placeholder
stands in the chat template like any reply, where the code pads or cuts it to the length of the observation; s is that of the
shaped returns, the price of the user's effort included. Its bound on the intrinsic part's spread is left out, since what is
normalised keeps within it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

PLACEHOLDER = "No information found."
WEIGHT, GATE = 0.5, 0.05
"""As published."""

_EPS = 1e-6


@dataclass(frozen=True, slots=True)
class InfoPO:
    """How the intrinsic reward enters the advantages."""

    weight: float = WEIGHT
    gate: float = GATE
    """Std of a group's returns at which the gate is sigmoid(-1) = .27; at 0 it is .5, at three times as much .05."""
    placeholder: str = PLACEHOLDER
    """What stands in the place of a reply."""


@dataclass(frozen=True)
class Intrinsic:
    """The intrinsic part of a group's advantages."""

    shifts: FloatArray
    """[trajectories, turns] I_t in nats a token; NaN where no turn follows."""
    gate: float
    bonus: FloatArray
    """[trajectories, turns], weighted and gated; 0 where there is no shift."""


def intrinsic(shifts: Sequence[FloatArray], returns: FloatArray, turns: int, settings: InfoPO) -> Intrinsic:
    """The intrinsic part of a group from each trajectory's `shifts` [its turns], padded to `turns`, and its `returns` [G].

    A group with a single shift, or with equal ones, has none.
    """
    table = np.full((len(shifts), turns), np.nan)
    for row, values in zip(table, shifts, strict=True):
        row[: len(values)] = values
    known = ~np.isnan(table)
    spread = float(returns.std(ddof=1)) if len(returns) > 1 else 0.0
    gate = 1.0 / (1.0 + math.exp(min(spread / settings.gate, 700.0)))
    bonus = np.zeros(table.shape)
    if known.sum() > 1:
        values = table[known]
        bonus[known] = settings.weight * gate * (values - values.mean()) / (values.std(ddof=1) + _EPS)
    return Intrinsic(table, gate, bonus)

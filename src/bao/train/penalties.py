"""Penalties on how an episode was played, turn by turn, beside what it earned and cost.

The information-seeking (IS) and over-thinking (OT) penalties are those of Behavioral Agentic Optimization (arXiv 2602.11351),
as the paper defines them or as its public code computes them (`PenaltyVariant`). The information-gain penalty (IG) is our own,
for gyms that know what each query told. All are pure functions of one trajectory and never positive: no behaviour is paid for,
so none is learned for its own sake.
"""

from enum import StrEnum

import numpy as np
import numpy.typing as npt

from bao.trajectory import StopReason, Trajectory

FloatArray = npt.NDArray[np.float64]

IS_COEFFICIENT, OT_COEFFICIENT = 0.005, 0.05
"""lambda_IS and lambda_OT of the public code."""


class PenaltyVariant(StrEnum):
    """Whose definition of IS and OT."""

    PAPER = "paper"
    REFERENCE_CODE = "reference_code"


def information_seeking(trajectory: Trajectory, coefficient: float, variant: PenaltyVariant) -> FloatArray:
    """IS penalty <= 0 [turns] on the second of two consecutive turns that both involve the user (BAO section on BR).

    ``paper``: ``p_t = -lambda 1[a_t in A_u and a_{t-1} in A_u]``. ``reference_code``: the same, in trajectories with
    ``sum r <= 0`` only.
    """
    involves = np.array([turn.involves_user for turn in trajectory.turns], dtype=bool)
    penalty = np.zeros(len(involves))
    if variant == PenaltyVariant.PAPER or trajectory.task_return <= 0:
        penalty[1:][involves[1:] & involves[:-1]] = -coefficient
    return penalty


def over_thinking(trajectory: Trajectory, coefficient: float, variant: PenaltyVariant) -> FloatArray:
    """OT penalty <= 0 [turns] on a trajectory that gave up n turns into a horizon of T without success.

    ``paper``: every turn gets ``-lambda (T - n) / n`` (T = 16, n = 3: -4.333 lambda), where `ended_unsuccessfully`.
    ``reference_code``: where ``sum r == 0`` and ``n < T - 1``, ``total = lambda (T - 1 - n) + 0.2`` and every turn but the
    first gets ``-total / (n + 1)``; the only turn of a one-turn trajectory gets -0.5.
    """
    n, horizon = len(trajectory.turns), trajectory.horizon
    penalty = np.zeros(n)
    if coefficient == 0 or n == 0:
        return penalty
    if variant == PenaltyVariant.PAPER:
        if ended_unsuccessfully(trajectory) and n < horizon:
            penalty[:] = -coefficient * (horizon - n) / n
    elif trajectory.task_return == 0 and n < horizon - 1:
        penalty[1:] = -(coefficient * (horizon - 1 - n) + 0.2) / (n + 1)
        if n == 1:
            penalty[0] = -0.5
    return penalty


def ended_unsuccessfully(trajectory: Trajectory) -> bool:
    """Whether OT of the paper applies: it broke off, its token budget spent or its last turn unreadable, before it succeeded.

    A deliberate ``finish`` is a valid action, and a wrong last answer a complete attempt: neither is over-thinking. A policy
    that is told a high price may rightly finish early, and a penalty on that would be the stronger the earlier it does. Nor is
    a user who left: what the agent loses by that is the rest of the task's reward.
    """
    broke_off = trajectory.stop is StopReason.TOKEN_BUDGET or (
        bool(trajectory.turns) and trajectory.turns[-1].parse_fault is not None
    )
    return broke_off and not trajectory.success


def information_gain(trajectory: Trajectory, coefficient: float, bits: float) -> FloatArray:
    """IG penalty in [-coefficient, 0] on each turn [turns] whose query told less than `bits`.

    ``p_t = -lambda (1 - min(b_t / bits, 1))``, b_t the bits that the query told (`Turn.information`); 0 on turns that are no
    query, or whose information nobody knows.

    It takes the place of IS, whose proxy (two user turns in a row) a free search in between escapes: here that search is a
    query itself, and costs what it failed to tell. A query that told enough costs nothing, and none is paid for telling more,
    so asking many questions earns nothing. Like IS it costs lambda a turn at most, so their coefficients compare. At 1 bit, the
    most that a yes-or-no question tells on average, its mean is 0 for the question that halves what is possible, and only for
    that one.
    """
    told = np.array([np.nan if turn.information is None else turn.information for turn in trajectory.turns], dtype=np.float64)
    missed = 1.0 - np.clip(told / bits, 0.0, 1.0)
    return np.where(np.isnan(told), 0.0, -coefficient * missed)

"""Dominance and hypervolume of normalised points: pure functions on arrays.

Points are normalised so that 0 is the reference value and 1 the ideal in every objective, whatever its direction; more is
better. See Zitzler et al., IEEE Transactions on Evolutionary Computation 7(2), 2003, for both notions.
"""

import moocore
import numpy as np
import numpy.typing as npt

from bao.measures.intervals import Floats

Bools = npt.NDArray[np.bool_]

_DECIMALS = 9
"""Normalised values that agree to so many decimals are ties: equal means may differ in the last bits of a float."""


def normalise(values: Floats, reference: Floats, ideal: Floats) -> Floats:
    """``(value - reference) / (ideal - reference)`` on the last axis: [.., objectives] -> the same shape."""
    result: Floats = np.round((values - reference) / (ideal - reference), _DECIMALS)
    return result


def dominates(points: Floats) -> Bools:
    """Which point dominates which: [.., points, objectives] -> [.., a, b], true where a dominates b.

    a dominates b if it is at least as good in every objective and better in one; so equal points do not dominate each other.
    """
    shape = (*points.shape[:-1], points.shape[-2])
    no_worse, better = np.ones(shape, dtype=bool), np.zeros(shape, dtype=bool)
    for objective in range(points.shape[-1]):
        value = points[..., objective]
        no_worse &= value[..., :, None] >= value[..., None, :]
        better |= value[..., :, None] > value[..., None, :]
    result: Bools = no_worse & better
    return result


def hypervolumes(points: Floats) -> Floats:
    """Share of the unit box that each set of points dominates: [sets, points, objectives] -> [sets], in [0, 1].

    A point beyond the reference in some objective adds nothing; one beyond the ideal counts as at the ideal.
    """
    measure = moocore.Hypervolume(ref=np.zeros(points.shape[-1]), maximise=True)
    return np.array([measure(members) for members in np.clip(points, 0.0, 1.0)], dtype=np.float64)

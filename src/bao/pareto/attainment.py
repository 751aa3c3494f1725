"""How surely a goal is reached: empirical attainment surfaces of sets of points that vary from sample to sample.

A set attains a goal if one of its points is at least as good in every objective. The attainment function gives each goal the
share of the sets that attain it, and its surface at level p bounds the goals that at least a share p of them attains (Grunert
da Fonseca, Fonseca and Hall, EMO 2001). Sets may be bootstrap resamples of one evaluation, or one method under several seeds.
"""

from collections.abc import Sequence

import moocore
import numpy as np

from bao.measures.intervals import Floats

LEVELS = (0.025, 0.5, 0.975)
"""What all but a fortieth of the sets fall short of, the median, and what all but a fortieth attain: a pointwise 95 % band."""

STEPS = 400
"""Steps of the unit box that coordinates are rounded down to, so that a surface has at most so many corners in it."""


def attainment_surfaces(points: Floats, levels: Sequence[float] = LEVELS, *, steps: int = STEPS) -> list[Floats]:
    """The surface at each of `levels` in (0, 1]: [sets, points, 2] -> one array [corners, 2] a level, by its first coordinate.

    Points are normalised as by `bao.pareto.normalise`, more being better. Corners are mutually non-dominated: between them the
    surface is a staircase. Rounding moves a surface down by less than ``1 / steps``. Raises `ValueError` on another shape.
    """
    if points.ndim != 3 or points.shape[-1] != 2 or not points.size:
        raise ValueError(f"points of shape {points.shape} are not [sets, points, 2] with one point at least")
    sets, members, _ = points.shape
    coarse = np.floor(np.round(points * steps, 6)) / steps
    percentiles = [100.0 * level for level in levels]
    found = moocore.eaf(-coarse.reshape(-1, 2), np.repeat(np.arange(1, sets + 1), members), percentiles=percentiles)
    surfaces = []
    for percentile in percentiles:
        corners = np.unique(-found[np.isclose(found[:, 2], percentile), :2], axis=0)
        surfaces.append(corners + 0.0)  # no negative zero
    return surfaces

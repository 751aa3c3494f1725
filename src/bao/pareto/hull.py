"""Convex hulls of operating points: what a coin between two of them reaches.

Who plays one policy with the probability c and another otherwise gets, in the mean, the point at c on the chord between
theirs. So what a set of policies reaches is the convex hull of their points, and all that a point of it dominates. Points are
normalised as by `bao.pareto.normalise`: 0 is the reference value, 1 the ideal, more is better.
"""

import numpy as np

from bao.measures.intervals import Floats

_FLAT = 1e-12
"""Heights that differ by less make no slope."""


def hull_hypervolumes(points: Floats) -> Floats:
    """Share of the unit box that mixtures of each set of points dominate: [sets, points, 2] -> [sets], in [0, 1].

    At least the staircase's share (`bao.pareto.hypervolumes`), and the same with or without a point that a mixture of others
    dominates. Points beyond the box take part in mixtures; what they dominate counts within the box. Raises `ValueError` on
    another shape: with more than two objectives there is no hull here.
    """
    if points.ndim != 3 or points.shape[-1] != 2 or not points.shape[1]:
        raise ValueError(f"points of shape {points.shape} are not [sets, points, 2] with one point at least")
    return np.array([_area(upper_hull(members)) for members in points], dtype=np.float64)


def upper_hull(points: Floats) -> Floats:
    """The corners that no mixture of `points` [points, 2] dominates, from the highest to the rightmost: [corners, 2].

    Between two neighbours the slope falls from corner to corner (Andrew's monotone chain, 1979).
    """
    order = points[np.lexsort((points[:, 1], points[:, 0]))].tolist()
    chain: list[list[float]] = []
    for x, y in order:
        # A corner that lies on or below the line past it is none; nor is one that the new point dominates.
        while chain and (chain[-1][1] <= y or (len(chain) > 1 and _below(chain[-2], chain[-1], (x, y)))):
            chain.pop()
        chain.append([x, y])
    return np.array(chain)


def _below(a: list[float], b: list[float], c: tuple[float, float]) -> bool:
    """Whether b, between a and c by its first coordinate, lies on or below their chord."""
    return (b[0] - a[0]) * (c[1] - a[1]) >= (c[0] - a[0]) * (b[1] - a[1])


def _area(corners: Floats) -> float:
    """Area of the box under the corners and the segments between them."""
    x, y = corners[:, 0], corners[:, 1]
    left = float(np.clip(x[0], 0.0, 1.0) * np.clip(y[0], 0.0, 1.0))
    start, end = np.clip(x[:-1], 0.0, 1.0), np.clip(x[1:], 0.0, 1.0)
    slope = np.divide(np.diff(y), np.diff(x))
    high, low = y[:-1] + slope * (start - x[:-1]), y[:-1] + slope * (end - x[:-1])
    fall = high - low
    steep = fall > _FLAT
    # The mean over a segment of its height, cut to the box: the integral of clip(y) from low to high, over their difference.
    mean = np.where(steep, (_under(high) - _under(low)) / np.where(steep, fall, 1.0), np.clip(high, 0.0, 1.0))
    return left + float(((end - start) * mean).sum())


def _under(height: Floats) -> Floats:
    """The integral of ``clip(y, 0, 1)`` from 0 to `height`."""
    inside = np.clip(height, 0.0, 1.0)
    result: Floats = inside**2 / 2 + np.maximum(height - 1.0, 0.0)
    return result

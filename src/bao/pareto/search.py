"""Which price to train for next: where the frontier found so far leaves the most room.

What the best policy is worth at the price w, ``J(w) = max (R - w U)``, is convex in w. The points found so far bound it from
below everywhere, by their upper envelope ``E(w)``. At a price that was trained for, E is the best guess of J; so between two
such neighbours a < b, J is at most the chord of E over them. The *gap* ``chord(w) - E(w)`` is the most that training for w
could add there. In the plane of U and R it is the height of the triangle between a chord of the frontier and the tangents at
its ends, and half of it times the width in U between the best points at a and at b is the most that the hypervolume of the
convex hull could gain. This is the sandwich algorithm for convex functions (Rote, Computing 48, 1992), with the gap weighted
by width and averaged over a bootstrap, since the points are estimates. On a frontier without noise the first price is the
slope of the chord, as in the NISE method (Cohon, Church and Sheer, Water Resources Research 15, 1979).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bao.measures.intervals import Floats

_EVEN = 1e-9
"""Expected gains that differ by less are equal."""


@dataclass(frozen=True, slots=True)
class NextPrice:
    """A decision of `next_price`."""

    price: float
    nearest: float
    """The trained price that lies nearest; of two equally near ones the lower."""
    gains: Mapping[float, float]
    """What the hull's hypervolume may gain at most at each price that could be chosen, in units of R times U: the mean over the
    resamples."""
    by_width: bool
    """No price promised any gain, so the widest interval between trained prices was halved."""


def next_price(prices: Sequence[float], clouds: Floats) -> NextPrice | None:
    """Where to train next, given a bootstrap of the points that were trained for `prices`.

    `clouds` [resamples, prices, 2] holds (R, U), the same resample of tasks for all. Prices are in whole percents, as a prompt
    tells them; so is the one chosen, strictly between the least and the greatest. None where all of those are taken. Raises
    `ValueError` on fewer than two prices, and where the shapes do not match.
    """
    if len(set(prices)) < 2 or clouds.ndim != 3 or clouds.shape[1:] != (len(prices), 2) or not len(clouds):
        raise ValueError(f"a search needs two prices at least and a [resamples, {len(prices)}, 2], not {clouds.shape}")
    tried = sorted({round(100 * price) for price in prices})
    open_percents = [percent for low, high in pairwise(tried) for percent in range(low + 1, high)]
    if not open_percents:
        return None
    gains = expected_gains(prices, clouds, [percent / 100 for percent in open_percents])
    found = dict(zip([percent / 100 for percent in open_percents], gains.tolist(), strict=True))
    by_width = max(found.values()) <= _EVEN
    if by_width:
        low, high = max(pairwise(tried), key=lambda ends: (ends[1] - ends[0], -ends[0]))
        price = (low + high) // 2 / 100
    else:
        price = max(found, key=lambda each: found[each])
    nearest = min(sorted(prices), key=lambda each: round(abs(each - price), 9))
    return NextPrice(price, nearest, found, by_width)


def expected_gains(prices: Sequence[float], clouds: Floats, at: Sequence[float]) -> Floats:
    """The room for the hull's hypervolume at each price of `at`, each between two of `prices`: [at], in units of R times U.

    ``mean over resamples of (U(a) - U(b)) (chord(w) - E(w)) / 2``, with a, b the neighbours of w among `prices`, E the upper
    envelope of ``R - w U`` over all points, and U(a), U(b) the effort of the best points there (of equally good ones the one of
    least effort). `clouds` as for `next_price`.
    """
    known, asked = np.sort(np.asarray(prices, dtype=np.float64)), np.asarray(at, dtype=np.float64)
    right = np.clip(np.searchsorted(known, asked), 1, len(known) - 1)
    low, high = known[right - 1], known[right]
    clouds = np.take_along_axis(clouds, clouds[..., 1].argsort(axis=1)[..., None], axis=1)
    ends, efforts = _envelope(clouds, known)
    middle, _ = _envelope(clouds, asked)
    share = (asked - low) / (high - low)
    chord = (1 - share) * ends[:, right - 1] + share * ends[:, right]
    width = efforts[:, right - 1] - efforts[:, right]
    result: Floats = (np.maximum(chord - middle, 0.0) * np.maximum(width, 0.0) / 2).mean(axis=0)
    return result


def _envelope(clouds: Floats, prices: Floats) -> tuple[Floats, Floats]:
    """The worth and the effort of the best point at each price, of equally good ones the first: [resamples, prices] both."""
    worth = clouds[:, :, None, 0] - prices * clouds[:, :, None, 1]
    best = worth.argmax(axis=1)
    return np.take_along_axis(worth, best[:, None], axis=1)[:, 0], np.take_along_axis(clouds[..., 1], best, axis=1)

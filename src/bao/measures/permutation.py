"""Whether a mean paired difference is more than chance, and how many more tasks would tell: sign flips by clusters of tasks."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from bao.measures.clusters import Clustered, Floats, Numbers, cluster_sums, units

LEVEL, POWER = 0.05, 0.8
_EXACT = 14
"""Clusters up to which all sign flips are gone through (16,384)."""


def sign_flip_p(
    differences: npt.ArrayLike,
    numbers: Numbers | None = None,
    *,
    permutations: int = 10_000,
    seed: int | np.random.Generator = 0,
) -> Floats:
    """Two-sided p-values of "the mean difference is 0", [tasks, measures] -> [measures], by the clusters' `numbers` [tasks].

    Under the null hypothesis the differences of a cluster are as likely with their signs turned, all together, so the mean is
    compared with those of flipped signs: ``p = P(|flipped| > |mean|) + P(|flipped| = |mean|) / 2``, and 1 for a mean of 0. Up
    to 14 clusters all flips are gone through, beyond that `permutations` random ones and the data as they are, so that p is
    never 0. Counting ties by half (the mid-p value; Lancaster, JASA 56, 1961) takes back the caution that ties bring, of which
    yes-or-no episodes have many: on simulated equal policies .038 to .052 of the p-values are below .05, against .017 to .05
    with ties counted whole, and .002 where only 3 of 30 tasks are expected to differ. Where k clusters differ, p is at least
    2^-k.
    """
    table = np.asarray(differences, dtype=np.float64)
    table = cluster_sums(table, units(numbers, len(table)))
    clusters = len(table)
    observed = np.abs(table.sum(axis=0))
    # Sums of the same terms in another order differ in their last bits, and are ties.
    slack = 1e-12 * np.abs(table).sum(axis=0)
    if clusters <= _EXACT:
        signs = 1.0 - 2.0 * ((np.arange(2**clusters)[:, None] >> np.arange(clusters)) & 1)
        found: Floats = _at_least(signs @ table, observed, slack) / 2**clusters
    else:
        rng = np.random.default_rng(seed)
        hits = np.ones(table.shape[1])
        step = max(1, 2_000_000 // clusters)
        for start in range(0, permutations, step):
            signs = 1.0 - 2.0 * rng.integers(0, 2, size=(min(step, permutations - start), clusters))
            hits += _at_least(signs @ table, observed, slack)
        found = hits / (1 + permutations)
    return np.where(observed <= slack, 1.0, found)


def _at_least(flipped: Floats, observed: Floats, slack: Floats) -> Floats:
    """How many of `flipped` [flips, measures] are more extreme than `observed`, ties by half."""
    size = np.abs(flipped)
    counts: Floats = ((size > observed + slack).sum(axis=0) + (size >= observed - slack).sum(axis=0)) / 2
    return counts


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment: the k-th smallest of m times ``m - k + 1``, made monotone, at most 1."""
    adjusted = [0.0] * len(p)
    reached = 0.0
    for rank, index in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        reached = max(reached, min(1.0, (len(p) - rank) * p[index]))
        adjusted[index] = reached
    return adjusted


def more_tasks(differences: Floats, numbers: Numbers | None = None, *, comparisons: int = 1) -> int | None:
    """How many more tasks a test at level .05 needs for power .8, if effect and spread are those of `differences` [tasks].

    ``((z_.975 + z_.8) sd / mean)^2`` clusters less those there are, at least 0, sd being that of what the clusters add to the
    mean; as many tasks in each as now, so that new tasks count only as far as they come in new clusters. None for an effect of
    exactly 0 or a single task. The level is shared out over `comparisons`, and no test comes below it with so few clusters that
    ``2^-clusters`` is above it. The observed effect is a guess at the true one: read the number as an order of magnitude.
    """
    found, effect = Clustered.of(differences, numbers), float(differences.mean())
    count = len(found.values)
    if effect == 0 or count < 2:
        return None
    level = LEVEL / comparisons
    reach = float(ndtri(1 - level / 2) + ndtri(POWER))
    spread = float(np.sqrt(count * found.variance))
    needed = max((reach * spread / effect) ** 2, 1 + math.floor(-math.log2(level)))
    return max(0, math.ceil((needed - count) * len(differences) / count)) if needed < 1e12 else None

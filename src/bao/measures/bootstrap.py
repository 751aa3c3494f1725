"""Means over tasks and their bootstrap, which resamples clusters of tasks, each with all its tasks and episodes.

Episodes of one task are not independent, and neither are tasks of one cluster (`bao.measures.clusters`). A measure is the mean
over tasks of the task's mean. Everything starts from a matrix ``per_task`` [tasks, measures]; NaN marks a task that a measure
lacks, so that policies measured on different tasks can be resampled together, paired where they share.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bao.measures.clusters import Numbers, cluster_sums, effective_clusters, units
from bao.measures.intervals import Floats, Interval, in_unit_interval, percentile_interval, rate_interval

_DRAWS = 4_000_000
"""Cluster draws held at a time (32 MB)."""


def task_means(values: npt.ArrayLike, tasks: Sequence[str]) -> tuple[tuple[str, ...], Floats]:
    """Mean of each task's episodes; an episode with NaN is left out, a task with nothing else gets NaN.

    `values` [episodes, measures] and the `tasks` [episodes] that the episodes belong to -> the task ids in sorted order and
    their means [tasks, measures]. Raises `ValueError` where the lengths differ or there is no episode.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or len(table) != len(tasks) or not len(table):
        raise ValueError(f"values of shape {table.shape} do not match {len(tasks)} episodes")
    ids, index = np.unique(np.asarray(tasks, dtype=object), return_inverse=True)
    present = ~np.isnan(table)
    sums = np.zeros((len(ids), table.shape[1]))
    np.add.at(sums, index, np.where(present, table, 0.0))
    sizes = np.zeros_like(sums)
    np.add.at(sizes, index, present)
    return tuple(ids.tolist()), np.divide(sums, sizes, out=np.full_like(sums, np.nan), where=sizes > 0)


def means(per_task: Floats) -> Floats:
    """Mean over the tasks that each measure has: [tasks, measures] -> [measures]."""
    base, deviations, present = _centred(per_task)
    result: Floats = base + deviations.sum(axis=0) / present.sum(axis=0)
    return result


def resampled_means(per_task: Floats, resamples: int, rng: np.random.Generator, numbers: Numbers | None = None) -> Floats:
    """Means of `resamples` bootstrap samples of the clusters: [tasks, measures] -> [resamples, measures].

    Each sample draws as many clusters as there are, with replacement, and the same ones for all measures; `numbers` are those
    of the tasks' clusters. A sample in which a measure has no task at all takes that measure's mean.
    """
    base, deviations, present = _centred(per_task)
    place = units(numbers, len(per_task))
    clusters = int(place.max()) + 1
    if clusters < len(per_task):
        deviations, present = (cluster_sums(table, place) for table in (deviations, present))
    complete = bool((present == 1).all())
    fallback = deviations.sum(axis=0) / present.sum(axis=0)
    blocks = []
    step = max(1, _DRAWS // clusters)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        draws = rng.integers(clusters, size=(rows, clusters)) + clusters * np.arange(rows)[:, None]
        counts = np.bincount(draws.ravel(), minlength=rows * clusters).reshape(rows, clusters).astype(np.float64)
        sums = counts @ deviations
        if complete:
            blocks.append(sums / clusters)
        else:
            sizes = counts @ present
            blocks.append(np.where(sizes > 0, sums / np.maximum(sizes, 1), fallback))
    result: Floats = base + np.concatenate(blocks)
    return result


def bootstrap_intervals(
    per_task: Floats,
    rates: Sequence[bool] | None = None,
    *,
    numbers: Numbers | None = None,
    resamples: int = 2000,
    seed: int | np.random.Generator = 0,
) -> list[Interval]:
    """Intervals of the means over tasks, one per column of `per_task` [tasks, measures], by the clusters' `numbers` [tasks].

    `rates` marks the columns that are bounded by [0, 1], whose interval is `rate_interval`; the others', and those
    of a gym that breaks the bounds, is bootstrapped.
    """
    rng = np.random.default_rng(seed)
    return intervals(per_task, resampled_means(per_task, resamples, rng, numbers), rates, numbers)


def intervals(
    per_task: Floats, replicates: Floats, rates: Sequence[bool] | None = None, numbers: Numbers | None = None
) -> list[Interval]:
    """`bootstrap_intervals` from `replicates` [resamples, measures] that `resampled_means` has drawn."""
    place = units(numbers, len(per_task))
    found = []
    for column, estimate in enumerate(means(per_task).tolist()):
        present = ~np.isnan(per_task[:, column])
        values, own = per_task[present, column], place[present]
        if rates is not None and rates[column] and in_unit_interval(values):
            found.append(rate_interval(values, own))
        else:
            found.append(percentile_interval(estimate, replicates[:, column], effective_clusters(own, len(values))))
    return found


def _centred(per_task: Floats) -> tuple[Floats, Floats, Floats]:
    """Each column's first value, the differences from it (0 where missing), and 1 where present.

    Differences from a value that occurs keep a constant column exactly constant under any summation order.
    """
    present = ~np.isnan(per_task)
    if not len(per_task) or not present.any(axis=0).all():
        raise ValueError("every measure needs at least one task")
    base = per_task[present.argmax(axis=0), np.arange(per_task.shape[1])]
    return base, np.where(present, per_task - base, 0.0), present.astype(np.float64)

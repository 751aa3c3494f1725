"""Intervals for means over tasks, when each task was played several times.

Episodes of one task are not independent, so the task is the unit: a measure is the mean over tasks of the task's mean, and the
bootstrap resamples tasks, each with all its episodes. Everything starts from a matrix ``per_task`` [tasks, measures]; NaN marks
a task that a measure lacks, so that policies measured on different tasks can be resampled together, paired where they share.
A paired difference of two policies is `bootstrap_intervals` of the difference of their columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri, stdtrit

Floats = npt.NDArray[np.float64]

_DRAWS = 4_000_000
"""Task draws held at a time (32 MB)."""

_Z2 = float(ndtri(0.975)) ** 2


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % interval; ``low <= mean <= high``."""

    mean: float
    low: float
    high: float

    def overlaps(self, other: "Interval") -> bool:
        return self.low <= other.high and other.low <= self.high

    def to_json(self) -> dict[str, float]:
        return {"mean": self.mean, "low": self.low, "high": self.high}


def task_means(values: npt.ArrayLike, tasks: Sequence[str]) -> tuple[tuple[str, ...], Floats]:
    """Mean of each task's episodes.

    `values` [episodes, measures] and the `tasks` [episodes] that the episodes belong to -> the task ids in sorted order and
    their means [tasks, measures]. Raises `ValueError` where the lengths differ or there is no episode.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or len(table) != len(tasks) or not len(table):
        raise ValueError(f"values of shape {table.shape} do not match {len(tasks)} episodes")
    ids, index, counts = np.unique(np.asarray(tasks, dtype=object), return_inverse=True, return_counts=True)
    sums = np.zeros((len(ids), table.shape[1]))
    np.add.at(sums, index, table)
    return tuple(ids.tolist()), sums / counts[:, None]


def means(per_task: Floats) -> Floats:
    """Mean over the tasks that each measure has: [tasks, measures] -> [measures]."""
    base, deviations, present = _centred(per_task)
    result: Floats = base + deviations.sum(axis=0) / present.sum(axis=0)
    return result


def resampled_means(per_task: Floats, resamples: int, rng: np.random.Generator) -> Floats:
    """Means of `resamples` bootstrap samples of the tasks: [tasks, measures] -> [resamples, measures].

    Each sample draws as many tasks as there are, with replacement, and the same ones for all measures. A sample in which a
    measure has no task at all takes that measure's mean.
    """
    base, deviations, present = _centred(per_task)
    tasks = len(per_task)
    complete = bool(present.all())
    fallback = deviations.sum(axis=0) / present.sum(axis=0)
    blocks = []
    step = max(1, _DRAWS // tasks)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        draws = rng.integers(tasks, size=(rows, tasks)) + tasks * np.arange(rows)[:, None]
        counts = np.bincount(draws.ravel(), minlength=rows * tasks).reshape(rows, tasks).astype(np.float64)
        sums = counts @ deviations
        if complete:
            blocks.append(sums / tasks)
        else:
            sizes = counts @ present
            blocks.append(np.where(sizes > 0, sums / np.maximum(sizes, 1), fallback))
    result: Floats = base + np.concatenate(blocks)
    return result


def percentile_interval(estimate: float, replicates: Floats, tasks: int, *, reflect: bool = False) -> Interval:
    """The 95 % interval of `estimate` from its bootstrap `replicates` [resamples], for `tasks` independent tasks.

    Expanded percentiles: the quantiles at ``Phi(-/+ sqrt(n / (n - 1)) t(0.975, n - 1))``, which undo the plain percentile
    interval's being too narrow for few tasks (Hesterberg, The American Statistician 69, 2015). With `reflect` the quantiles
    are mirrored at the estimate (the basic bootstrap): for an estimate that noise shifts one way, such as the hypervolume of
    points that lie close together, each resample shifts it once more, and mirroring takes that out. The interval always
    holds the estimate. One task gives no spread: the interval is the estimate.
    """
    if tasks < 2:
        return Interval(estimate, estimate, estimate)
    reach = np.sqrt(tasks / (tasks - 1)) * stdtrit(tasks - 1, 0.975)
    low, high = np.quantile(replicates, ndtr([-reach, reach])).tolist()
    if reflect:
        low, high = 2 * estimate - high, 2 * estimate - low
    return Interval(estimate, min(low, estimate), max(high, estimate))


def rate_interval(interval: Interval, tasks: int) -> Interval:
    """`interval` of a quantity in [0, 1], widened to what its number of tasks can tell at least.

    Where all tasks (or nearly all) agree, the bootstrap sees little or no spread. No event in n tasks still allows a rate of
    up to ``z^2 / (n + z^2)`` (Wilson's score bound, z = 1.96; .071 for n = 50), so the interval reaches at least from
    ``n / (n + z^2)`` down and from ``z^2 / (n + z^2)`` up.
    """
    bound = _Z2 / (tasks + _Z2)
    return Interval(interval.mean, min(interval.low, 1 - bound), max(interval.high, bound))


def bootstrap_intervals(
    per_task: Floats, rates: Sequence[bool] | None = None, *, resamples: int = 2000, seed: int | np.random.Generator = 0
) -> list[Interval]:
    """Clustered bootstrap intervals of the means over tasks, one per column of `per_task` [tasks, measures].

    `rates` marks the columns that are bounded by [0, 1] (see `rate_interval`).
    """
    rng = np.random.default_rng(seed)
    return intervals(per_task, resampled_means(per_task, resamples, rng), rates)


def intervals(per_task: Floats, replicates: Floats, rates: Sequence[bool] | None = None) -> list[Interval]:
    """`bootstrap_intervals` from `replicates` [resamples, measures] that `resampled_means` has drawn."""
    sizes = (~np.isnan(per_task)).sum(axis=0)
    found = []
    for column, (estimate, size) in enumerate(zip(means(per_task).tolist(), sizes.tolist(), strict=True)):
        interval = percentile_interval(estimate, replicates[:, column], size)
        found.append(rate_interval(interval, size) if rates is not None and rates[column] else interval)
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

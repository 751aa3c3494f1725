"""Intervals for means over tasks, when each task was played several times.

Episodes of one task are not independent, so the task is the unit: a measure is the mean over tasks of the task's mean, and the
bootstrap resamples tasks, each with all its episodes. Everything starts from a matrix ``per_task`` [tasks, measures]; NaN marks
a task that a measure lacks, so that policies measured on different tasks can be resampled together, paired where they share.

Three intervals, each where it was found to cover the truth (tests/test_intervals.py simulates all three on clustered data):
`rate_interval` for quantities in [0, 1], `percentile_interval` of a bootstrap for others, `difference_interval` for paired
differences of two policies.
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


def rate_interval(values: Floats) -> Interval:
    """The 95 % interval of the mean of a quantity in [0, 1], from its task means `values` [tasks].

    Wilson's score interval with the effective sample size that the spread between tasks shows:

        n_e = p (1 - p) / (s^2 / n),    q = t^2 / n_e,    (p + q/2 -+ sqrt(q (p (1 - p) + q/4))) / (1 + q)

    with p the mean and s^2 the variance of n task means. Few tasks off the boundary make s^2 a poor estimate, so t has the
    degrees of freedom ``min(n - 1, k + 1)``, where k of the tasks lie off the boundary that most lie on; q is then at most what
    n independent yes-or-no observations would have. Where all tasks agree on 0 or 1, n_e = n and t = z = 1.96: no event in n
    tasks still allows a rate of ``z^2 / (n + z^2)`` (.071 for n = 50). A quantity of no spread strictly inside (0, 1) gets the
    point. After Dean and Pagano, Journal of Survey Statistics and Methodology 3(4), 2015; Korn and Graubard, 1998.

    Simulated coverage on clustered yes-or-no data (6,000 draws each; 10 to 200 tasks of 1 to 16 episodes, intra-cluster
    correlation 0 to .95): .93 to .98 where at least 5 tasks are expected off the boundary, nearly all within .945 and .965; at
    a rate of .05 with 10 to 50 tasks .935 to .989, mostly above .95, because so few outcomes are possible there that none gives
    .95, and of the two ways to miss this is the cautious one. The percentile bootstrap covered .38 to .94 there and, widened to
    Wilson's bound, .98 to 1.

    Raises `ValueError` on values outside of [0, 1].
    """
    if not in_unit_interval(values):
        raise ValueError(f"values from {values.min()} to {values.max()} are no rates: they must lie in [0, 1]")
    values = np.clip(values, 0.0, 1.0)
    count = len(values)
    mean = float(values.mean())
    if (values == values[0]).all():
        mean = float(values[0])
        if 0 < mean < 1 and count > 1:
            return Interval(mean, mean, mean)
        q = _Z2 / count
    else:
        off = min(int((values > 0).sum()), int((values < 1).sum()))
        per_t2 = float(values.var(ddof=1)) / count / (mean * (1 - mean))
        full, few = stdtrit(count - 1, 0.975) ** 2, stdtrit(min(count - 1, off + 1), 0.975) ** 2
        q = float(min(few * per_t2, max(full * per_t2, _Z2 / count)))
    centre = (mean + q / 2) / (1 + q)
    reach = float(np.sqrt(q * (max(mean * (1 - mean), 0.0) + q / 4))) / (1 + q)
    # At 0 and 1 the formula gives the boundary only up to rounding.
    return Interval(mean, min(max(centre - reach, 0.0), mean), max(min(centre + reach, 1.0), mean))


def in_unit_interval(values: Floats) -> bool:
    """Whether all `values` lie in [0, 1], but for rounding."""
    return bool((values >= -1e-9).all() and (values <= 1 + 1e-9).all())


def difference_interval(differences: Floats, *, bounded: bool = False) -> Interval:
    """The 95 % interval of a mean paired difference, from the tasks' `differences` [tasks].

    A t interval (n - 1 degrees of freedom) after adding two tasks of weight w whose differences are +s and -s, with s the root
    mean square of the differences that are not 0, and w the share of the tasks that do not differ (or, of a measure `bounded`
    by [0, 1], differ by all of 1, if that share is greater). For one yes-or-no episode per task and w = 1 that is the adjusted
    Wald interval of Bonett and Price, British Journal of Mathematical and Statistical Psychology 65(3), 2012; where all tasks
    differ, w = 0, it is the plain t interval. It keeps the interval from collapsing where hardly any task differs. Where none
    does, s = 1 if the measure is `bounded`, and else the interval is the point 0.

    Simulated coverage of paired clustered yes-or-no data (4,000 draws each; 10 to 200 tasks of 1 to 8 episodes, correlation 0
    to 1, rates .05, .5 and .95, effects of 0, 10 and 90 % of what is possible): from 50 tasks on, where at least 10 of them are
    expected to differ, .928 to .992, nearly all within .94 and .97. Where fewer differ it is mostly above .97; the worst case
    was .876 (20 tasks of 8 episodes, 4 of them differing). The plain t interval fell to .05 where hardly any task differs.
    """
    count = len(differences)
    estimate = float(differences.mean())
    if count < 2:
        reach = 1.0 if bounded else 0.0
        return Interval(estimate, min(-reach, estimate), max(reach, estimate))
    nonzero = differences[differences != 0]
    weight = 1 - len(nonzero) / count
    if bounded:
        weight = max(weight, float((np.abs(differences) >= 1).mean()))
    square = weight * (float((nonzero**2).mean()) if len(nonzero) else float(bounded))
    size = count + 2 * weight
    centre = float(differences.sum()) / size
    variance = (float((differences**2).sum()) + 2 * square) / size - centre**2
    # n - 1 where nothing is added, as for any t interval; Bonett and Price's n + 2 where two whole tasks are.
    reach = float(stdtrit(count - 1, 0.975) * np.sqrt(max(variance, 0.0) / (size - (1 - weight))))
    low, high = centre - reach, centre + reach
    if bounded:
        low, high = max(low, -1.0), min(high, 1.0)
    return Interval(estimate, min(low, estimate), max(high, estimate))


def bootstrap_intervals(
    per_task: Floats, rates: Sequence[bool] | None = None, *, resamples: int = 2000, seed: int | np.random.Generator = 0
) -> list[Interval]:
    """Clustered intervals of the means over tasks, one per column of `per_task` [tasks, measures].

    `rates` marks the columns that are bounded by [0, 1], whose interval is `rate_interval`; the others', and those
    of a gym that breaks the bounds, is bootstrapped.
    """
    rng = np.random.default_rng(seed)
    return intervals(per_task, resampled_means(per_task, resamples, rng), rates)


def intervals(per_task: Floats, replicates: Floats, rates: Sequence[bool] | None = None) -> list[Interval]:
    """`bootstrap_intervals` from `replicates` [resamples, measures] that `resampled_means` has drawn."""
    sizes = (~np.isnan(per_task)).sum(axis=0)
    found = []
    for column, (estimate, size) in enumerate(zip(means(per_task).tolist(), sizes.tolist(), strict=True)):
        values = per_task[:, column]
        values = values[~np.isnan(values)]
        if rates is not None and rates[column] and in_unit_interval(values):
            found.append(rate_interval(values))
        else:
            found.append(percentile_interval(estimate, replicates[:, column], size))
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

"""Intervals for means over tasks, when each task was played several times.

Episodes of one task are not independent, so the task is the unit: a measure is the mean over tasks of the task's mean, and the
bootstrap resamples tasks, each with all its episodes. Everything starts from a matrix ``per_task`` [tasks, measures]; NaN marks
a task that a measure lacks, so that policies measured on different tasks can be resampled together, paired where they share.

Three intervals, each where it was found to cover the truth (docs/measures.md has the map):
`rate_interval` for quantities in [0, 1], `percentile_interval` of a bootstrap for others, `difference_interval` for paired
differences of two policies.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv, ndtr, ndtri, stdtrit

Floats = npt.NDArray[np.float64]

_DRAWS = 4_000_000
"""Task draws held at a time (32 MB)."""

_Z2 = float(ndtri(0.975)) ** 2

_FEW_EVENTS = 3


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

    with p the mean and s^2 the variance of n task means. Few or very unequal tasks off the boundary make s^2 a poor estimate:
    t has Satterthwaite's degrees of freedom for a rare event, ``min(n - 1, 2 (sum x^2)^2 / sum x^4)`` with x the distances from
    the nearer boundary (twice the number of tasks off it, where they lie equally far off); q is then at most what n independent
    yes-or-no observations would have. Where all tasks agree on 0 or 1, n_e = n and t = z = 1.96: no event in n tasks still
    allows a rate of ``z^2 / (n + z^2)`` (.071 for n = 50). Up to three effective events, ``k = (sum x)^2 / sum x^2``, the end
    towards the boundary is at most ``p gamma(.05; k) / k``, the Poisson limit that mends the Wilson interval there (Brown, Cai
    and DasGupta, Statistical Science 16(2), 2001). A quantity of no spread strictly inside (0, 1) gets the point. After Dean
    and Pagano, Journal of Survey Statistics and Methodology 3(4), 2015; Korn and Graubard, Survey Methodology 24(2), 1998.

    Simulated coverage: docs/measures.md. Raises `ValueError` on values outside of [0, 1].
    """
    if not in_unit_interval(values):
        raise ValueError(f"values from {values.min()} to {values.max()} are no rates: they must lie in [0, 1]")
    values = np.clip(values, 0.0, 1.0)
    count, mean = len(values), float(values.mean())
    if (values == values[0]).all():
        mean = float(values[0])
        if 0 < mean < 1 and count > 1:
            return Interval(mean, mean, mean)
        q, low_limit, high_limit = _Z2 / count, 1.0, 0.0
    else:
        low_limit = _poisson_limit(values) if mean <= 0.5 else 1.0
        high_limit = 1 - _poisson_limit(1 - values) if mean >= 0.5 else 0.0
        df = min(_rare_event_df(values), _rare_event_df(1 - values))
        q = _squared_reach(float(values.var(ddof=1)) / count / (mean * (1 - mean)), 1 / count, df, count)
    centre = (mean + q / 2) / (1 + q)
    reach = float(np.sqrt(q * (max(mean * (1 - mean), 0.0) + q / 4))) / (1 + q)
    low, high = min(centre - reach, low_limit), max(centre + reach, high_limit)
    # At 0 and 1 the formula gives the boundary only up to rounding.
    return Interval(mean, min(max(low, 0.0), mean), max(min(high, 1.0), mean))


def _effective(weights: Floats) -> float:
    """How many equal `weights` would vary as much: ``(sum w)^2 / sum w^2``, 0 where all are 0."""
    square = float((weights**2).sum())
    return float(weights.sum()) ** 2 / square if square else 0.0


def _rare_event_df(values: Floats) -> float:
    """Satterthwaite's degrees of freedom of the variance of `values` that are mostly 0: ``2 (sum x^2)^2 / sum x^4``."""
    return 2 * _effective(values**2)


def _squared_reach(variance: float, whole: float, df: float, count: int) -> float:
    """t^2 times `variance`; too few degrees of freedom `df` do not widen it beyond `whole`, the variance of yes-or-no tasks."""
    few, full = (float(stdtrit(max(1.0, min(count - 1, each)), 0.975)) ** 2 for each in (df, count - 1))
    return min(few * variance, max(full * variance, _Z2 * whole))


def _poisson_limit(values: Floats) -> float:
    """The lower 95 % limit of the mean of rare events, one-sided; 1 (no limit) where they are not that few."""
    events = _effective(values)
    return float(values.mean() * gammaincinv(events, 0.05)) / events if 0 < events <= _FEW_EVENTS else 1.0


def in_unit_interval(values: Floats) -> bool:
    """Whether all `values` lie in [0, 1], but for rounding."""
    return bool((values >= -1e-9).all() and (values <= 1 + 1e-9).all())


def difference_interval(differences: Floats, *, bounded: bool = False) -> Interval:
    """The 95 % interval of a mean paired difference, from the tasks' `differences` d [tasks].

    Each end is the mean of those of two intervals, weighted by the share of tasks that differ and that do not:

    * for tasks that differ, the t interval (n - 1 degrees of freedom), or of a measure `bounded` by [0, 1] `rate_interval` of
      ``(1 + d) / 2``, which keeps within [-1, 1];
    * for tasks that do not, Tango's score interval for paired yes-or-no data (Statistics in Medicine 17(8), 1998). Differences
      count as events of the size ``phi = sum d^2 / sum |d|``, gains and losses each, and z^2 becomes t^2 with the degrees of
      freedom of `rate_interval`, x being |d|. One yes-or-no episode a task has phi = 1.

    So it does not collapse where hardly any task differs. Where none does, it is ``-+ z^2 / (n + z^2)`` if the measure is
    `bounded`, and else the point 0. Simulated coverage: docs/measures.md.
    """
    count = len(differences)
    estimate = float(differences.mean())
    bounded = bounded and in_unit_interval((1 + differences) / 2)
    if count < 2:
        reach = 1.0 if bounded else 0.0
        return Interval(estimate, min(-reach, estimate), max(reach, estimate))
    same = float((differences == 0).mean())
    if same == 1 and not bounded:
        return Interval(0.0, 0.0, 0.0)
    low, high = _dense(differences, bounded)
    if same > 0:
        few_low, few_high = _sparse(differences, bounded)
        low, high = (1 - same) * low + same * few_low, (1 - same) * high + same * few_high
    return Interval(estimate, min(low, estimate), max(high, estimate))


def _dense(differences: Floats, bounded: bool) -> tuple[float, float]:
    if bounded:
        half = rate_interval((1 + differences) / 2)
        return 2 * half.low - 1, 2 * half.high - 1
    count, mean = len(differences), float(differences.mean())
    reach = float(stdtrit(count - 1, 0.975) * differences.std(ddof=1) / np.sqrt(count))
    return mean - reach, mean + reach


def _sparse(differences: Floats, bounded: bool) -> tuple[float, float]:
    count, size = len(differences), np.abs(differences)
    if not size.any():
        reach = _Z2 / (count + _Z2)
        return -reach, reach
    phi = float((size**2).sum() / size.sum())
    # In units of phi; a bounded measure's tasks differ by 1 at most.
    q = _squared_reach(1 / count, 1 / count / phi if bounded else np.inf, _rare_event_df(size), count)
    gains, losses = (float(np.maximum(part, 0).sum()) / count / phi for part in (differences, -differences))
    return -phi * _tango_end(losses, gains, q), phi * _tango_end(gains, losses, q)


def _tango_end(gains: float, losses: float, q: float) -> float:
    """The greatest x in [-1, 1] with ``(gains - losses - x)^2 <= q V(x)``, V the variance at its likeliest given x (Tango)."""
    inside, outside = gains - losses, 1.0
    for _ in range(50):
        x = (inside + outside) / 2
        b = x * (2 - gains + losses) - gains - losses
        variance = (np.sqrt(max(b * b + 8 * losses * x * (1 - x), 0.0)) - b) / 2 + x * (1 - x)
        if (gains - losses - x) ** 2 <= q * variance:
            inside = x
        else:
            outside = x
    return (inside + outside) / 2


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

"""Intervals for means over tasks, which hang together in clusters (`bao.measures.clusters`).

Three intervals, each where it was found to cover the truth (docs/measures.md has the map):
`rate_interval` for quantities in [0, 1], `percentile_interval` of a bootstrap for others, `difference_interval` for paired
differences of two policies. In their formulas n is the number of clusters, effectively (K_e), x what a cluster adds to the mean
and s^2 / n the variance of the mean; where each task is its own cluster: the number of tasks, a task's mean, their variance.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv, ndtr, ndtri, stdtrit

from bao.measures.clusters import Clustered, Numbers

Floats = npt.NDArray[np.float64]

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


def percentile_interval(estimate: float, replicates: Floats, clusters: float, *, reflect: bool = False) -> Interval:
    """The 95 % interval of `estimate` from its bootstrap `replicates` [resamples], for effectively so many `clusters`.

    Expanded percentiles: the quantiles at ``Phi(-/+ sqrt(n / (n - 1)) t(0.975, n - 1))``, which undo the plain percentile
    interval's being too narrow for few clusters (Hesterberg, The American Statistician 69, 2015). With `reflect` the quantiles
    are mirrored at the estimate (the basic bootstrap): for an estimate that noise shifts one way, such as the hypervolume of
    points that lie close together, each resample shifts it once more, and mirroring takes that out. The interval always
    holds the estimate. One cluster gives no spread: the interval is the estimate.
    """
    if clusters < 1 + 1e-9:
        return Interval(estimate, estimate, estimate)
    count = max(clusters, 2.0)
    reach = np.sqrt(count / (count - 1)) * stdtrit(count - 1, 0.975)
    low, high = np.quantile(replicates, ndtr([-reach, reach])).tolist()
    if reflect:
        low, high = 2 * estimate - high, 2 * estimate - low
    return Interval(estimate, min(low, estimate), max(high, estimate))


def rate_interval(values: Floats, numbers: Numbers | None = None) -> Interval:
    """The 95 % interval of the mean of a quantity in [0, 1], from task means `values` [tasks] and their clusters' `numbers`.

    Wilson's score interval with the effective sample size that the spread between tasks shows:

        n_e = p (1 - p) / (s^2 / n),    q = t^2 / n_e,    (p + q/2 -+ sqrt(q (p (1 - p) + q/4))) / (1 + q)

    with p the mean and s^2 the variance of n means. Few or very unequal ones off the boundary make s^2 a poor estimate:
    t has Satterthwaite's degrees of freedom for a rare event, ``min(n - 1, 2 (sum x^2)^2 / sum x^4)`` with x the distances from
    the nearer boundary (twice the number of those off it, where they lie equally far off); q is then at most what n independent
    yes-or-no observations would have. Where all agree on 0 or 1, n_e = n and t = z = 1.96: no event in n tasks still
    allows a rate of ``z^2 / (n + z^2)`` (.071 for n = 50). Up to three effective events, ``k = (sum x)^2 / sum x^2``, the end
    towards the boundary is at most ``p gamma(.05; k) / k``, the Poisson limit that mends the Wilson interval there (Brown, Cai
    and DasGupta, Statistical Science 16(2), 2001). A quantity of no spread strictly inside (0, 1) gets the point. After Dean
    and Pagano, Journal of Survey Statistics and Methodology 3(4), 2015; Korn and Graubard, Survey Methodology 24(2), 1998.

    Simulated coverage: docs/measures.md. Raises `ValueError` on values outside of [0, 1].
    """
    if not in_unit_interval(values):
        raise ValueError(f"values from {values.min()} to {values.max()} are no rates: they must lie in [0, 1]")
    values = np.clip(values, 0.0, 1.0)
    found = Clustered.of(values, numbers)
    count, mean = found.effective, float(values.mean())
    if (found.values == found.values[0]).all():
        mean = float(found.values[0])
        if 0 < mean < 1 and len(found.values) > 1:
            return Interval(mean, mean, mean)
        q, low_limit, high_limit = _Z2 / count, 1.0, 0.0
    else:
        low_limit = _poisson_limit(found.shares) if mean <= 0.5 else 1.0
        rest = len(found.values) * found.weights - found.shares
        high_limit = 1 - _poisson_limit(rest) if mean >= 0.5 else 0.0
        df = min(_rare_event_df(found.shares), _rare_event_df(rest))
        q = _squared_reach(found.variance / (mean * (1 - mean)), 1 / count, df, count)
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


def _squared_reach(variance: float, whole: float, df: float, count: float) -> float:
    """t^2 times `variance`; too few degrees of freedom `df` do not widen it beyond `whole`, the variance of yes-or-no tasks."""
    few, full = (_student(min(count - 1, each)) ** 2 for each in (df, count - 1))
    return min(few * variance, max(full * variance, _Z2 * whole))


def _student(df: float) -> float:
    """t(.975) with `df` degrees of freedom, at least one."""
    return float(stdtrit(max(1.0, df), 0.975))


def _poisson_limit(values: Floats) -> float:
    """The lower 95 % limit of the mean of rare events, one-sided; 1 (no limit) where they are not that few."""
    events = _effective(values)
    return float(values.mean() * gammaincinv(events, 0.05)) / events if 0 < events <= _FEW_EVENTS else 1.0


def in_unit_interval(values: Floats) -> bool:
    """Whether all `values` lie in [0, 1], but for rounding."""
    return bool((values >= -1e-9).all() and (values <= 1 + 1e-9).all())


def difference_interval(differences: Floats, numbers: Numbers | None = None, *, bounded: bool = False) -> Interval:
    """The 95 % interval of a mean paired difference, from the tasks' `differences` [tasks] and their clusters' `numbers`.

    With d the mean difference of a cluster, each end is the mean of those of two intervals, weighted by the share of clusters
    (by their tasks) that differ and that do not:

    * for those that differ, the t interval (n - 1 degrees of freedom), or of a measure `bounded` by [0, 1] `rate_interval` of
      ``(1 + d) / 2``, which keeps within [-1, 1];
    * for those that do not, Tango's score interval for paired yes-or-no data (Statistics in Medicine 17(8), 1998). Differences
      count as events of the size ``phi = sum d^2 / sum |d|``, gains and losses each, and z^2 becomes t^2 with the degrees of
      freedom of `rate_interval`, x being |d|. One yes-or-no episode a task has phi = 1.

    So it does not collapse where hardly anything differs. Where none does, it is ``-+ z^2 / (n + z^2)`` if the measure is
    `bounded`, and else the point 0. Simulated coverage: docs/measures.md.
    """
    found, estimate = Clustered.of(differences, numbers), float(differences.mean())
    bounded = bounded and in_unit_interval((1 + differences) / 2)
    if len(found.values) < 2:
        reach = 1.0 if bounded else 0.0
        return Interval(estimate, min(-reach, estimate), max(reach, estimate))
    differ = found.values != 0
    same = 1.0 if not differ.any() else float(found.weights[~differ].sum())
    if same == 1 and not bounded:
        return Interval(0.0, 0.0, 0.0)
    if bounded:
        half = rate_interval((1 + differences) / 2, numbers)
        low, high = 2 * half.low - 1, 2 * half.high - 1
    else:
        reach = _student(found.effective - 1) * float(np.sqrt(found.variance))
        low, high = estimate - reach, estimate + reach
    if same > 0:
        few_low, few_high = _sparse(found, bounded)
        low, high = (1 - same) * low + same * few_low, (1 - same) * high + same * few_high
    return Interval(estimate, min(low, estimate), max(high, estimate))


def _sparse(found: Clustered, bounded: bool) -> tuple[float, float]:
    count, size = len(found.values), np.abs(found.shares)
    if not size.any():
        reach = _Z2 / (found.effective + _Z2)
        return -reach, reach
    phi = float((size**2).sum() / size.sum())
    # In units of phi; if each cluster that differs did so by 1, as much as a bounded measure can.
    whole = float((found.weights * size).sum() / (size**2).sum()) if bounded else np.inf
    q = _squared_reach(1 / count, whole, _rare_event_df(size), found.effective)
    gains, losses = (float(np.maximum(part, 0).mean()) / phi for part in (found.shares, -found.shares))
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

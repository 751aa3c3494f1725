"""The guard against a policy that learned its simulator: how much of its score survives another user or judge.

Two figures. The reward translation rate of one policy, its score under another user over that under the user it was trained
with: 1 where the score survives, towards 0 where it was the simulator that was learned. And the agreement of rankings: whether
another user would put the same policies in the same order (Kendall's tau-b).
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from bao.errors import DataError
from bao.measures.bootstrap import resampled_means
from bao.measures.clusters import Clustered, Numbers, Records, cluster_numbers, count_clusters
from bao.measures.intervals import Floats, Interval, in_unit_interval, rate_interval


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio with its 95 % interval; a bound is None where the data set none."""

    value: float | None
    """None where the denominator is 0."""
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Transfer:
    """The same policies under two users."""

    trained: str
    other: str
    tasks: int
    clusters: int
    scores: Mapping[str, tuple[float, float]]
    """Mean score by policy, under the one and under the other."""
    rates: Mapping[str, Ratio]
    """Reward translation rate by policy."""
    agreement: Interval | None
    """Kendall's tau-b of the two rankings; None with fewer than two policies, or where a ranking is all ties."""

    def to_json(self) -> dict[str, Any]:
        return {
            "trained": self.trained,
            "other": self.other,
            "tasks": self.tasks,
            "clusters": self.clusters,
            "scores": {policy: list(pair) for policy, pair in self.scores.items()},
            "reward_translation_rate": {policy: asdict(rate) for policy, rate in self.rates.items()},
            "rank_agreement": None if self.agreement is None else self.agreement.to_json(),
        }


Scores = Mapping[str, Mapping[str, float]]
"""Mean score by policy and task, under one user."""


def transfer(
    trained: Scores,
    other: Scores,
    names: tuple[str, str],
    *,
    records: Records | None = None,
    seed: int = 0,
    resamples: int = 2000,
) -> Transfer:
    """Compare two users, `names` theirs, over the policies and tasks that both have; `records` say what tasks share.

    Raises `DataError` where they share no policy, or one policy's tasks.
    """
    policies = [policy for policy in trained if policy in other]
    if not policies:
        raise DataError(
            f"{names[0]} and {names[1]} hold no policy in common ({', '.join(trained)} against {', '.join(other)}): evaluate "
            "the same policies under both, with the same --name"
        )
    tasks = sorted(set.intersection(*(set(scores[policy]) for scores in (trained, other) for policy in policies)))
    if not tasks:
        raise DataError(f"{names[0]} and {names[1]} share no task of {', '.join(policies)}: evaluate them on the same tasks")
    table = np.array([[[scores[policy][task] for policy in policies] for scores in (trained, other)] for task in tasks])
    numbers = cluster_numbers(tasks, records or {})
    drawn = {"seed": seed, "resamples": resamples}
    agreement = rank_agreement(table[:, 0], table[:, 1], numbers, **drawn) if len(policies) > 1 else None
    rates = {policy: reward_translation_rate(table[:, 0, i], table[:, 1, i], numbers) for i, policy in enumerate(policies)}
    means = dict(zip(policies, map(tuple, table.mean(axis=0).T.tolist()), strict=True))
    return Transfer(names[0], names[1], len(tasks), count_clusters(numbers), means, rates, agreement)


def reward_translation_rate(trained: npt.ArrayLike, other: npt.ArrayLike, numbers: Numbers | None = None) -> Ratio:
    """Mean score under another user over that under the training user, [tasks] each, paired by task.

    The interval is Fieller's for a ratio of paired means with t(n - 1), n being the clusters of tasks, effectively: all ratios
    r for which the mean of ``other - r trained`` is not significantly different from 0. Where the training score itself is
    hardly above 0 it has no upper bound (None), where the data exclude nothing no bound at all. Scores being at least 0, it is
    cut at 0. Other scores that are all 0 have no variance: the upper end is then that of `rate_interval` over the training
    score.
    """
    x, y = np.asarray(trained, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape or not len(x):
        raise ValueError(f"scores of shape {x.shape} and {y.shape} are not paired by task")
    both = [Clustered.of(values, numbers) for values in (x, y)]
    count = len(both[0].values)
    mean_x, mean_y = float(x.mean()), float(y.mean())
    value = mean_y / mean_x if mean_x else None
    if count < 2:
        return Ratio(value, None, None)
    weights, off = both[0].weights, np.array([each.values - each.mean for each in both])
    cov = (weights**2 / (1 - weights) * off) @ off.T
    t2 = float(stdtrit(max(1.0, both[0].effective - 1), 0.975)) ** 2
    a = mean_x**2 - t2 * float(cov[0, 0])
    b = mean_x * mean_y - t2 * float(cov[0, 1])
    c = mean_y**2 - t2 * float(cov[1, 1])
    if a <= 0:  # the training score is not told from 0: the set of ratios has no upper end
        root = math.sqrt(max(b * b - a * c, 0.0))
        low = (b - root) / a if a < 0 and c > 0 and b * b > a * c else 0.0
        return Ratio(value, max(low, 0.0) if mean_x else None, None)
    if not y.any() and in_unit_interval(x):
        return Ratio(value, 0.0, rate_interval(y, numbers).high / mean_x)
    root = math.sqrt(max(b * b - a * c, 0.0))
    return Ratio(value, max((b - root) / a, 0.0), max((b + root) / a, 0.0))


def kendall_tau(x: Floats, y: Floats) -> Floats:
    """Tau-b of the rankings `x` and `y` [.., items] on the last axis; NaN where one is all ties.

    ``(concordant - discordant) / sqrt((pairs - ties in x) (pairs - ties in y))`` over all pairs of items (Kendall, 1945).
    """
    pairs = list(combinations(range(x.shape[-1]), 2))
    left, right = [i for i, _ in pairs], [j for _, j in pairs]
    # Means that agree to nine decimals are ties: equal ones may differ in the last bits.
    signs_x = np.sign(np.round(x[..., left] - x[..., right], 9))
    signs_y = np.sign(np.round(y[..., left] - y[..., right], 9))
    scale = np.sqrt(np.abs(signs_x).sum(-1) * np.abs(signs_y).sum(-1))
    total = (signs_x * signs_y).sum(-1)
    found: Floats = np.divide(total, scale, out=np.full_like(scale, np.nan), where=scale > 0)
    return found


def rank_agreement(
    trained: Floats, other: Floats, numbers: Numbers | None = None, *, seed: int = 0, resamples: int = 2000
) -> Interval | None:
    """Tau-b between the policies' mean scores under two users, [tasks, policies] each, with its 95 % interval.

    The interval holds the middle 95 % of the tau of resampled clusters, the same for all policies and both users, and the
    estimate. Noise pulls a resample's tau towards 0 where policies lie close, so the interval is lower than it should be rather
    than higher: it does not overstate agreement. None where a ranking is all ties.
    """
    policies = trained.shape[1]
    both = np.concatenate([trained, other], axis=1)
    means = both.mean(axis=0)
    estimate = float(kendall_tau(means[:policies], means[policies:]))
    if math.isnan(estimate):
        return None
    if len(both) < 2:
        return Interval(estimate, -1.0, 1.0)
    drawn = resampled_means(both, resamples, np.random.default_rng(seed), numbers)
    taus = kendall_tau(drawn[:, :policies], drawn[:, policies:])
    low, high = np.nanquantile(taus, [0.025, 0.975]).tolist()
    return Interval(estimate, min(low, estimate), max(high, estimate))


__all__ = ["Ratio", "Scores", "Transfer", "kendall_tau", "rank_agreement", "reward_translation_rate", "transfer"]

"""What the intervals and the test of `bao compare` hold where tasks share strong effects: by clusters, and by task.

``python -m benchmarks.coverage --parts clusters``. Clusters of 10 tasks each, of unequal sizes (geometric) or very unequal ones
(Pareto, up to 40). A cluster's chance of success is beta with a correlation within clusters, so that two equal policies with
chances of their own differ by whole clusters; turns are Poisson about a log-normal level of the cluster.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from bao.measures.bootstrap import bootstrap_intervals
from bao.measures.intervals import Floats, Interval, difference_interval, rate_interval
from bao.measures.permutation import sign_flip_p

SIZES = ("equal", "unequal", "heavy")
_LEVEL, _EDGE = 0.05, 1e-12
_SPREAD = 0.6
"""Standard deviation of the logarithm of a cluster's turns."""


@dataclass(frozen=True)
class Case:
    """What was found in one simulated case; shares of the data sets."""

    name: str
    clusters: int
    rate: float
    """In which the interval of a rate holds it."""
    count: float
    """Of a mean number of turns."""
    difference: float
    """Of a difference of rates."""
    by_task: float
    """The same difference, each task taken for independent."""
    alarms: float
    """In which equal policies differ at .05."""
    alarms_by_task: float


def simulate(draws: int) -> Iterator[Case]:
    cases = product(SIZES, (20, 40, 80), (0.2, 0.5), (0.3, 0.7))
    for seed, (kind, clusters, rate, shared) in enumerate(cases):
        rng = np.random.default_rng([8, seed])
        scale = (1 - shared) / shared
        hits: list[tuple[bool, ...]] = []
        for draw in range(draws):
            numbers = np.repeat(np.arange(clusters), _sizes(kind, clusters, rng))
            a, b = (rng.binomial(1, chance[numbers]).astype(float) for chance in
                    (rng.beta(rate * scale, (1 - rate) * scale, clusters) for _ in range(2)))  # fmt: skip
            turns = rng.poisson(4 * rng.lognormal(0, _SPREAD, clusters)[numbers]).astype(float)
            (count,) = bootstrap_intervals(turns[:, None], numbers=numbers, resamples=400, seed=draw)
            gap = b - a
            p, naive = (float(sign_flip_p(gap[:, None], each, permutations=999, seed=draw)[0]) for each in (numbers, None))
            hits.append((
                _holds(rate_interval(a, numbers), rate), _holds(count, 4 * float(np.exp(_SPREAD**2 / 2))),
                _holds(difference_interval(gap, numbers, bounded=True), 0.0),
                _holds(difference_interval(gap, bounded=True), 0.0),
                p < _LEVEL, naive < _LEVEL,
            ))  # fmt: skip
        found: Floats = np.array(hits, dtype=float).mean(axis=0)
        yield Case(f"{clusters} {kind}, rate {rate}, correlation {shared}", clusters, *found.tolist())


def _sizes(kind: str, clusters: int, rng: np.random.Generator) -> np.ndarray:
    if kind == "equal":
        return np.full(clusters, 10)
    if kind == "unequal":
        return rng.geometric(0.1, clusters)
    return np.minimum(np.ceil(rng.pareto(1.3, clusters) + _EDGE), 40).astype(int)


def _holds(interval: Interval, truth: float) -> bool:
    return interval.low - _EDGE <= truth <= interval.high + _EDGE


def table(draws: int) -> str:
    lines = [
        "\n## Clusters that share strong effects",
        "| case | rate | turns | difference | by task | alarms | by task |",
        "|---|---|---|---|---|---|---|",
    ]
    cases = list(simulate(draws))
    for kind in (*SIZES, ""):
        chosen = [case for case in cases if kind in case.name]
        rows = [*((case.name, [case]) for case in chosen), (f"mean of {kind}", chosen)] if kind else [("mean of all", cases)]
        for name, some in rows:
            figures = ("rate", "count", "difference", "by_task", "alarms", "alarms_by_task")
            lines.append(
                f"| {name} | " + " | ".join(f"{np.mean([getattr(c, each) for c in some]):.3f}" for each in figures) + " |"
            )
    return "\n".join(lines)

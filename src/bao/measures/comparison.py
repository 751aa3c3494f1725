"""Two policies side by side: paired differences with their certainty.

Episodes are paired by task and seed where both runs played a task under the same seeds, and by task elsewhere. The task is the
unit: a task's difference is the mean over its pairs, B's less A's. The interval and the p-value are of those differences
(`bao.measures.intervals.difference_interval`, `sign_flip_p`).
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from bao.errors import ConfigError, DataError, suggest
from bao.measures.catalogue import MEASURES, Direction
from bao.measures.cost import Prices
from bao.measures.diversity import Encode
from bao.measures.intervals import Floats, Interval, difference_interval
from bao.measures.metrics import episode_measures, healthy
from bao.trajectory import Trajectory

HEADLINE = (
    "score", "success", "pass_at_u_1", "user_effort", "user_involvement_rate", "questions", "verbosity", "idle_searches",
    "repeated_questions",
    "satisfaction", "turns", "tokens", "unparsable", "money", "repeated", "zero_information", "embedding_diversity",
)  # fmt: skip
"""What is compared where no measure is named; those that a run has no figure for are left out."""

EVERY = "all"
"""In place of names of measures: all that both runs have a figure for."""

LEVEL, POWER = 0.05, 0.8
_EXACT = 14
"""Tasks up to which all sign flips are gone through (16,384)."""


@dataclass(frozen=True)
class Side:
    """One side of a comparison: a policy's episodes."""

    label: str
    episodes: Sequence[Trajectory]
    setting: Mapping[str, Any]
    """Under what it was played: ``gym_version``, ``horizon``, ``convention``, ``user``; what is not known is absent."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One measure of B less that of A, over the tasks that both have a figure for."""

    measure: str
    a: float
    b: float
    difference: Interval
    p: float
    """Two-sided, by `sign_flip_p`."""
    adjusted_p: float
    """`p` adjusted for the number of pairs of runs (Holm); the same where there is one pair."""
    tasks: int
    better: str | None
    """The label of the better run; None where `adjusted_p` does not tell them apart, or neither way is better."""
    more_tasks: int | None
    """How many more tasks would settle it (see `more_tasks`); 0 where it is settled, None where no number is known to."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Comparison:
    """Run B against run A."""

    a: str
    b: str
    tasks: int
    """Tasks that both played."""
    by_seed: int
    """Tasks of these whose episodes were paired by seed."""
    differences: tuple[Difference, ...]
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        found = {"a": self.a, "b": self.b, "tasks": self.tasks, "paired_by_seed": self.by_seed}
        return {**found, "differences": [each.to_json() for each in self.differences], "warnings": list(self.warnings)}


def compare(
    runs: Sequence[Side],
    measures: Sequence[str] | None = None,
    *,
    prices: Prices | None = None,
    encode: Encode | None = None,
    seed: int = 0,
    permutations: int = 10_000,
) -> list[Comparison]:
    """Every pair of `runs`, the later against the earlier; `prices` gives ``money``, `encode` ``embedding_diversity``.

    `measures` are names, or just ``all``; `HEADLINE` where not given.

    The p-values of one measure are adjusted for the number of pairs (Holm). Raises `ConfigError` on an unknown measure, fewer
    than two runs or a repeated label, and `DataError` where a pair is of two gyms, shares no task or lacks a measure that was
    asked for.
    """
    if len(runs) < 2:
        raise ConfigError("a comparison needs at least two evaluations: name two or more folders that `bao eval` wrote")
    labels = [run.label for run in runs]
    if len(set(labels)) < len(labels):
        raise ConfigError(f"the labels {labels} must differ: give each evaluation its own --name")
    if measures is not None and list(measures) == [EVERY]:
        measures = ()
    for name in measures or ():
        if name not in MEASURES:
            raise ConfigError(f"--measure {name} is unknown: {suggest(name, MEASURES)}")
    measured = [_Measured.of(run, prices, encode) for run in runs]
    both = list(combinations(measured, 2))
    pairs = [_pair(a, b, measures, seed, permutations, len(both)) for a, b in both]
    return _adjusted(pairs)


def sign_flip_p(differences: npt.ArrayLike, *, permutations: int = 10_000, seed: int | np.random.Generator = 0) -> Floats:
    """Two-sided p-values of "the mean difference is 0", [tasks, measures] -> [measures].

    Under the null hypothesis a task's difference is as likely with either sign, so the mean is compared with those of flipped
    signs: ``p = P(|flipped| > |mean|) + P(|flipped| = |mean|) / 2``, and 1 for a mean of 0. Up to 14 tasks all flips are gone
    through, beyond that `permutations` random ones and the data as they are, so that p is never 0. Counting ties by half (the
    mid-p value; Lancaster, JASA 56, 1961) takes back the caution that ties bring, of which yes-or-no episodes have many: on
    simulated equal policies .038 to .052 of the p-values are below .05, against .017 to .05 with ties counted whole, and .002
    where only 3 of 30 tasks are expected to differ. Where k tasks differ, p is at least 2^-k.
    """
    table = np.asarray(differences, dtype=np.float64)
    tasks = len(table)
    observed = np.abs(table.sum(axis=0))
    # Sums of the same terms in another order differ in their last bits, and are ties.
    slack = 1e-12 * np.abs(table).sum(axis=0)
    if tasks <= _EXACT:
        signs = 1.0 - 2.0 * ((np.arange(2**tasks)[:, None] >> np.arange(tasks)) & 1)
        found: Floats = _at_least(signs @ table, observed, slack) / 2**tasks
    else:
        rng = np.random.default_rng(seed)
        hits = np.ones(table.shape[1])
        step = max(1, 2_000_000 // tasks)
        for start in range(0, permutations, step):
            signs = 1.0 - 2.0 * rng.integers(0, 2, size=(min(step, permutations - start), tasks))
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


def more_tasks(differences: Floats, comparisons: int = 1) -> int | None:
    """How many more tasks a test at level .05 needs for power .8, if effect and spread are those of `differences` [tasks].

    ``((z_.975 + z_.8) sd / mean)^2`` less those there are, at least 0; None for an effect of exactly 0 or a single task. The
    level is shared out over `comparisons`, and no test comes below it with so few tasks that ``2^-tasks`` is above it. The
    observed effect is a guess at the true one: read the number as an order of magnitude.
    """
    effect = float(differences.mean())
    if effect == 0 or len(differences) < 2:
        return None
    level = LEVEL / comparisons
    reach = float(ndtri(1 - level / 2) + ndtri(POWER))
    needed = max((reach * float(differences.std(ddof=1)) / effect) ** 2, 1 + math.floor(-math.log2(level)))
    return max(0, math.ceil(needed - len(differences))) if needed < 1e12 else None


@dataclass(frozen=True)
class _Measured:
    """A run with its healthy episodes, their measures and their rows by task."""

    run: Side
    episodes: Sequence[Trajectory]
    columns: Mapping[str, Floats]
    rows: Mapping[str, list[int]]
    wanted: Sequence[str]
    """Measures that something was given for, whether they have figures or not."""

    @classmethod
    def of(cls, run: Side, prices: Prices | None, encode: Encode | None) -> "_Measured":
        episodes = healthy(run.episodes)
        if not episodes:
            raise DataError(f"{run.label} has no healthy episode: repair what failed and evaluate it again")
        rows: dict[str, list[int]] = defaultdict(list)
        for index, episode in enumerate(episodes):
            rows[episode.task_id].append(index)
        wanted = [name for name, given in (("money", prices), ("embedding_diversity", encode)) if given is not None]
        return cls(run, episodes, episode_measures(episodes, prices=prices, encode=encode), rows, wanted)

    def seeds(self, task: str) -> set[int]:
        return {self.episodes[i].seed for i in self.rows[task]}

    def chosen(self, task: str, seeds: set[int]) -> list[int]:
        """The rows of `task` under these seeds; all where there is none."""
        return [i for i in self.rows[task] if not seeds or self.episodes[i].seed in seeds]

    def by_task(self, chosen: Sequence[Sequence[int]]) -> dict[str, Floats]:
        """[tasks] by measure: the mean over each task's `chosen` rows, NaN where none has a figure."""
        found = {name: np.array([_mean(column[list(rows)]) for rows in chosen]) for name, column in self.columns.items()}
        found["best_score"] = np.array([self.columns["score"][list(rows)].max() for rows in chosen])
        return found


def _pair(
    a: _Measured, b: _Measured, measures: Sequence[str] | None, seed: int, permutations: int, comparisons: int
) -> Comparison:
    gyms, two = sorted({episode.gym for episode in (*a.episodes, *b.episodes)}), f"{a.run.label} and {b.run.label}"
    if len(gyms) > 1:
        raise DataError(f"{two} were played in different gyms ({', '.join(gyms)}): compare within one gym")
    tasks = sorted(a.rows.keys() & b.rows.keys())
    if not tasks:
        raise DataError(f"{two} share no task: evaluate both on the same --tasks, --split and --levels")
    seeds = [a.seeds(task) & b.seeds(task) for task in tasks]
    rows = [(a.chosen(task, shared), b.chosen(task, shared)) for task, shared in zip(tasks, seeds, strict=True)]
    left, right = a.by_task([x for x, _ in rows]), b.by_task([y for _, y in rows])
    alike = all(len(x) == len(y) for x, y in rows)
    common = [name for name in MEASURES if name in left and name in right and (name != "best_score" or alike)]
    for name in measures or ():
        if name not in common:
            raise DataError(f"--measure {_why_absent(name, a, b)}: leave it out")
    chosen = [name for name in HEADLINE if name in common] if measures is None else list(measures) or common
    differences = [_difference(name, left[name], right[name], a.run, b.run, seed, permutations, comparisons) for name in chosen]
    known, warnings = tuple(each for each in differences if each is not None), tuple(_warnings(a, b, len(tasks)))
    return Comparison(a.run.label, b.run.label, len(tasks), sum(map(bool, seeds)), known, warnings)


def _mean(values: Floats) -> float:
    present = values[~np.isnan(values)]
    return float(present.mean()) if len(present) else math.nan


def _difference(
    name: str, left: Floats, right: Floats, a: Side, b: Side, seed: int, permutations: int, comparisons: int
) -> Difference | None:
    both = ~(np.isnan(left) | np.isnan(right))
    if not both.any():
        return None
    values = right[both] - left[both]
    # Two means of the same numbers may differ in their last bits.
    values[np.abs(values) < 1e-12 * np.maximum(np.abs(left[both]), 1)] = 0.0
    p = float(sign_flip_p(values[:, None], permutations=permutations, seed=seed)[0])
    means = (float(left[both].mean()), float(right[both].mean()))
    interval = difference_interval(values, bounded=MEASURES[name].rate)
    better = _better(name, float(values.mean()), p, a.label, b.label)
    return Difference(name, *means, interval, p, p, len(values), better, more_tasks(values, comparisons))


def _better(name: str, difference: float, p: float, a: str, b: str) -> str | None:
    direction = MEASURES[name].direction
    if p >= LEVEL or difference == 0 or direction == Direction.NONE:
        return None
    return b if (difference > 0) == (direction == Direction.MAX) else a


def _adjusted(pairs: Sequence[Comparison]) -> list[Comparison]:
    adjusted: dict[tuple[int, str], float] = {}
    for name in MEASURES:
        held = [(i, d.p) for i, pair in enumerate(pairs) for d in pair.differences if d.measure == name]
        for (i, _), p in zip(held, holm([p for _, p in held]), strict=True):
            adjusted[i, name] = p

    def anew(pair: Comparison, d: Difference, p: float) -> Difference:
        better = _better(d.measure, d.difference.mean, p, pair.a, pair.b)
        return replace(d, adjusted_p=p, better=better, more_tasks=_missing(d, p))

    differences = [tuple(anew(pair, d, adjusted[i, d.measure]) for d in pair.differences) for i, pair in enumerate(pairs)]
    return [replace(pair, differences=found) for pair, found in zip(pairs, differences, strict=True)]


def _missing(difference: Difference, p: float) -> int | None:
    if p < LEVEL:
        return 0
    return None if difference.more_tasks is None else max(1, difference.more_tasks)


_SETTINGS = {"gym_version": "gym version", "horizon": "horizon", "convention": "convention", "user": "user"}


def _warnings(a: _Measured, b: _Measured, shared: int) -> list[str]:
    found = []
    for key, words in _SETTINGS.items():
        left, right = a.run.setting.get(key), b.run.setting.get(key)
        if left is not None and right is not None and left != right:
            found.append(
                f"the {words} differs ({left} in {a.run.label}, {right} in {b.run.label}): differences may be due to that"
            )
    if not len(a.rows) == len(b.rows) == shared:
        found.append(
            f"the tasks differ ({len(a.rows)} in {a.run.label}, {len(b.rows)} in {b.run.label}): compared are the {shared} "
            "that both have"
        )
    found += [_why_absent(name, a, b) for name in a.wanted if name not in a.columns or name not in b.columns]
    return found


_COMES_FROM = {
    "money": "it takes token counts, and a price for the model in the table of --prices",
    "embedding_diversity": "it takes --embedding, and two queries in an episode",
}


def _why_absent(name: str, a: _Measured, b: _Measured) -> str:
    if name == "best_score":
        return (
            f"best_score grows with the episodes per task, and {a.run.label} and {b.run.label} differ in them, so compare score"
        )
    lacking = " and ".join(each.run.label for each in (a, b) if name not in each.columns)
    return (
        f"{name}: no episode of {lacking} has a figure ({_COMES_FROM.get(name, 'docs/measures.md says where it comes from')})"
    )

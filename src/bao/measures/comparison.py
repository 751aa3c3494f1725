"""Two policies side by side: paired differences with their certainty.

Episodes are paired by task and seed where both runs played a task under the same seeds, and by task elsewhere. A task's
difference is the mean over its pairs, B's less A's. The interval and the p-value are of those differences, by clusters of tasks
(`bao.measures.clusters`; `bao.measures.intervals.difference_interval`, `bao.measures.permutation.sign_flip_p`).
"""

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from bao.errors import ConfigError, DataError
from bao.measure import Direction, Measure, Own, merged
from bao.measures.catalogue import MEASURES, PASS_AT_U, PASS_HAT
from bao.measures.clusters import Numbers, Records, caveat, cluster_numbers, count_clusters, same_task
from bao.measures.cost import Prices
from bao.measures.diversity import Encode
from bao.measures.intervals import Floats, Interval, difference_interval
from bao.measures.metrics import episode_measures, healthy, task_pass_hat
from bao.measures.named import BestRules, find, restricted
from bao.measures.permutation import LEVEL, holm, more_tasks, sign_flip_p
from bao.measures.setting import other_settings
from bao.trajectory import Trajectory

HEADLINE = (
    "score", "success", "pass_at_u", "pass_hat", "user_effort", "user_involvement_rate", "questions", "verbosity",
    "idle_searches", "repeated_questions",
    "satisfaction", "turns", "tokens", "unparsable", "money", "repeated", "zero_information", "embedding_diversity",
)  # fmt: skip
"""What is compared where no measure is named; those that a run has no figure for are left out. Of ``pass_at_u`` and
``pass_hat`` it is the one of the smallest k that can be reached (`headline`)."""

EVERY = "all"
"""In place of names of measures: all that both runs have a figure for."""


@dataclass(frozen=True)
class Side:
    """One side of a comparison: a policy's episodes."""

    label: str
    episodes: Sequence[Trajectory]
    setting: Mapping[str, Any]
    """Under what it was played: ``gym_version``, ``horizon``, ``convention``, ``user``; what is not known is absent."""
    tasks: Records = field(default_factory=dict)
    """What the tasks were and what they share; a task that is not in it is taken for the other side's of the same id, and for
    independent."""
    own: Own = field(default_factory=dict)
    """The gym's own measures."""
    rules: BestRules | None = None
    """What regrets are reckoned from (`bao.measures.named`)."""


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
    clusters: int
    """Of these tasks."""
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
    clusters: int
    """Clusters of these."""
    by_seed: int
    """Tasks of these whose episodes were paired by seed."""
    differences: tuple[Difference, ...]
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        found = {"a": self.a, "b": self.b, "tasks": self.tasks, "clusters": self.clusters, "paired_by_seed": self.by_seed}
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

    `measures` are names (`bao.measures.named.find`), or just ``all``; `HEADLINE` and the gym's own where not given.

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
    own = merged(run.own for run in runs)
    known = {name: find(name, own, f"--measure {name}") for name in (*MEASURES, *own, *(measures or ()))}
    measured = [_Measured.of(run, prices, encode, measures or ()) for run in runs]
    both = list(combinations(measured, 2))
    pairs = [_pair(a, b, measures, _Test(seed, permutations, len(both), known)) for a, b in both]
    return _adjusted(pairs, known)


@dataclass(frozen=True)
class _Measured:
    """A run with its healthy episodes, their measures and their rows by task."""

    run: Side
    episodes: Sequence[Trajectory]
    columns: Mapping[str, Floats]
    rows: Mapping[str, list[int]]
    wanted: Sequence[str]
    """Measures that something was given for, whether they have figures or not."""
    named: Collection[str]
    """Measures that were asked for."""

    @classmethod
    def of(cls, run: Side, prices: Prices | None, encode: Encode | None, named: Collection[str]) -> "_Measured":
        episodes = healthy(run.episodes)
        if not episodes:
            raise DataError(f"{run.label} has no healthy episode: repair what failed and evaluate it again")
        rows: dict[str, list[int]] = defaultdict(list)
        for index, episode in enumerate(episodes):
            rows[episode.task_id].append(index)
        wanted = [name for name, given in (("money", prices), ("embedding_diversity", encode)) if given is not None]
        columns = episode_measures(episodes, prices=prices, encode=encode, named=named, rules=run.rules)
        return cls(run, episodes, columns, rows, wanted, named)

    def seeds(self, task: str) -> set[int]:
        return {self.episodes[i].seed for i in self.rows[task]}

    def chosen(self, task: str, seeds: set[int]) -> list[int]:
        """The rows of `task` under these seeds; all where there is none."""
        return [i for i in self.rows[task] if not seeds or self.episodes[i].seed in seeds]

    def by_task(self, chosen: Sequence[Sequence[int]]) -> dict[str, Floats]:
        """[tasks] by measure: the mean over each task's `chosen` rows, NaN where none has a figure."""
        found = {name: np.array([_mean(column[list(rows)]) for rows in chosen]) for name, column in self.columns.items()}
        counted = [(task, row) for task, rows in enumerate(chosen) for row in rows]
        success = self.columns["success"][[row for _, row in counted]]
        found |= task_pass_hat(success, [f"{task:09}" for task, _ in counted])
        found["best_score"] = np.array([self.columns["score"][list(rows)].max() for rows in chosen])
        return restricted(found, self.named, [self.episodes[rows[0]].level for rows in chosen])


def _pair(a: _Measured, b: _Measured, measures: Sequence[str] | None, test: "_Test") -> Comparison:
    gyms, two = sorted({episode.gym for episode in (*a.episodes, *b.episodes)}), f"{a.run.label} and {b.run.label}"
    if len(gyms) > 1:
        raise DataError(f"{two} were played in different gyms ({', '.join(gyms)}): compare within one gym")
    named = sorted(a.rows.keys() & b.rows.keys())
    tasks = [task for task in named if same_task(task, a.run.tasks, b.run.tasks)]
    if not tasks:
        what = "tasks of the same ids, but other contents" if named else "no task"
        raise DataError(f"{two} share {what}: evaluate both on the same --tasks, --split and --levels")
    numbers = cluster_numbers(tasks, a.run.tasks, b.run.tasks)
    seeds = [a.seeds(task) & b.seeds(task) for task in tasks]
    rows = [(a.chosen(task, shared), b.chosen(task, shared)) for task, shared in zip(tasks, seeds, strict=True)]
    left, right = a.by_task([x for x, _ in rows]), b.by_task([y for _, y in rows])
    alike = all(len(x) == len(y) for x, y in rows)
    common = [name for name in test.known if name in left and name in right and (name != "best_score" or alike)]
    for name in measures or ():
        if name not in common:
            raise DataError(f"--measure {_why_absent(name, a, b)}: leave it out")
    figures = [{name: float(np.nanmean(column)) for name, column in side.items()} for side in (left, right)]
    chosen = headline(common, figures) if measures is None else list(measures) or common
    differences = [_difference(test.known[name], left[name], right[name], a.run, b.run, numbers, test) for name in chosen]
    known, clusters = tuple(each for each in differences if each is not None), count_clusters(numbers)
    warnings = _warnings(a, b, tasks, len(named) - len(tasks), clusters)
    return Comparison(a.run.label, b.run.label, len(tasks), clusters, sum(map(bool, seeds)), known, tuple(warnings))


def headline(known: Collection[str], figures: Sequence[Mapping[str, float]]) -> list[str]:
    """`HEADLINE` as far as it is `known`, then what else is that no catalogue has: the gym's own measures.

    Its families by the smallest k that can be reached, by the means `figures` of policies: Pass@U-k at the first k at which
    one of them solves anything, pass^k at the first k that tasks were played.
    """
    found = []
    for name in HEADLINE:
        if name == "pass_at_u":
            members = [f"pass_at_u_{k}" for k in PASS_AT_U if f"pass_at_u_{k}" in known]
            reached = [each for each in members if any(values.get(each, 0.0) > 0 for values in figures)]
            found += (reached or members)[:1]
        elif name == "pass_hat":
            found += [f"pass_hat_{k}" for k in PASS_HAT if f"pass_hat_{k}" in known][:1]
        elif name in known:
            found.append(name)
    return [*found, *(name for name in known if name not in MEASURES)]


class _Test(NamedTuple):
    """How differences are tested."""

    seed: int
    permutations: int
    comparisons: int
    known: Mapping[str, Measure]


def _mean(values: Floats) -> float:
    present = values[~np.isnan(values)]
    return float(present.mean()) if len(present) else math.nan


def _difference(
    measure: Measure, left: Floats, right: Floats, a: Side, b: Side, numbers: Numbers, test: _Test
) -> Difference | None:
    both = ~(np.isnan(left) | np.isnan(right))
    if not both.any():
        return None
    values = right[both] - left[both]
    # Two means of the same numbers may differ in their last bits.
    values[np.abs(values) < 1e-12 * np.maximum(np.abs(left[both]), 1)] = 0.0
    own = numbers[both]
    p = float(sign_flip_p(values[:, None], own, permutations=test.permutations, seed=test.seed)[0])
    means = (float(left[both].mean()), float(right[both].mean()))
    interval = difference_interval(values, own, bounded=measure.rate)
    better = _better(measure, float(values.mean()), p, a.label, b.label)
    more = more_tasks(values, own, comparisons=test.comparisons)
    return Difference(measure.name, *means, interval, p, p, len(values), count_clusters(own), better, more)


def _better(measure: Measure, difference: float, p: float, a: str, b: str) -> str | None:
    if p >= LEVEL or difference == 0 or measure.direction == Direction.NONE:
        return None
    return b if (difference > 0) == (measure.direction == Direction.MAX) else a


def _adjusted(pairs: Sequence[Comparison], known: Mapping[str, Measure]) -> list[Comparison]:
    adjusted: dict[tuple[int, str], float] = {}
    for name in known:
        held = [(i, d.p) for i, pair in enumerate(pairs) for d in pair.differences if d.measure == name]
        for (i, _), p in zip(held, holm([p for _, p in held]), strict=True):
            adjusted[i, name] = p

    def anew(pair: Comparison, d: Difference, p: float) -> Difference:
        better = _better(known[d.measure], d.difference.mean, p, pair.a, pair.b)
        return replace(d, adjusted_p=p, better=better, more_tasks=_missing(d, p))

    differences = [tuple(anew(pair, d, adjusted[i, d.measure]) for d in pair.differences) for i, pair in enumerate(pairs)]
    return [replace(pair, differences=found) for pair, found in zip(pairs, differences, strict=True)]


def _missing(difference: Difference, p: float) -> int | None:
    if p < LEVEL:
        return 0
    return None if difference.more_tasks is None else max(1, difference.more_tasks)


def _warnings(a: _Measured, b: _Measured, tasks: Sequence[str], others: int, clusters: int) -> list[str]:
    found = other_settings({each.run.label: each.run.setting for each in (a, b)})
    if others:
        found.append(f"{others} tasks have the same id in both, but other contents: they are left out")
    if not len(a.rows) == len(b.rows) == len(tasks) + others:
        found.append(
            f"the tasks differ ({len(a.rows)} in {a.run.label}, {len(b.rows)} in {b.run.label}): compared are the {len(tasks)} "
            "that both have"
        )
    if told := caveat(len(tasks), clusters, any(task in a.run.tasks or task in b.run.tasks for task in tasks)):
        found.append(told)
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

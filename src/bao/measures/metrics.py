"""What a policy's episodes are worth, measure by measure and task by task.

An episode with a fault (the simulator or the infrastructure broke) is excluded from every measure and counted. Every measure is
a mean over tasks of the task's episodes, except ``best_score``, the mean over tasks of the best episode's return: the published
Score where a task is played several times. It grows with the number of rollouts, so compare it only at equal numbers. A measure
that an episode has no figure for leaves that episode out, and a task without any such episode; it is not 0.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np
from scipy.special import comb

from bao.errors import DataError
from bao.measures.behaviors import Behavior, behavior_rates
from bao.measures.bootstrap import task_means
from bao.measures.catalogue import BEHAVIORS, MEASURES, PASS_HAT
from bao.measures.cost import Prices, costs
from bao.measures.diversity import Encode, diversity
from bao.measures.intervals import Floats
from bao.measures.named import BestRules, priced, restricted
from bao.measures.outcomes import outcomes
from bao.measures.redundancy import redundancy
from bao.trajectory import Fault, StopReason, Trajectory

_AT_ONCE = 256
"""Episodes held at a time."""


@dataclass(frozen=True)
class TaskMeasures:
    """The measures of one set of episodes, task by task."""

    gym: str
    task_ids: tuple[str, ...]
    """The tasks with at least one healthy episode, sorted."""
    values: Mapping[str, Floats]
    """[tasks] for each measure that some task has; NaN for a task that lacks it."""
    stop: Mapping[str, Floats]
    """[tasks] for each stop reason that occurs: its share among the task's episodes."""
    episodes: int
    """Healthy episodes."""
    faults: Mapping[str, int]
    """Excluded episodes by fault, zeros included."""
    policy_errors: int
    """Episodes that the agent's own code broke off; they count, as failures."""
    policies: frozenset[str]
    """Who played, of all episodes."""
    effort_weights: frozenset[float | None]
    """What the healthy episodes were told."""
    budgets: frozenset[int | None]
    """Likewise."""


def healthy(trajectories: Iterable[Trajectory]) -> list[Trajectory]:
    """The episodes without a fault: those that count."""
    return [episode for episode in trajectories if episode.fault is None and episode.stop != StopReason.FAULT]


def fault_counts(trajectories: Iterable[Trajectory]) -> dict[str, int]:
    """Excluded episodes by fault, zeros included; a fault without a name counts as the gym's."""
    broken = (episode for episode in trajectories if episode.fault is not None or episode.stop == StopReason.FAULT)
    counts = Counter(episode.fault or Fault.GYM_ERROR for episode in broken)
    return {str(fault): counts[fault] for fault in Fault}


def episode_measures(
    trajectories: Sequence[Trajectory],
    *,
    prices: Prices | None = None,
    encode: Encode | None = None,
    only: Collection[str] | None = None,
    named: Collection[str] = (),
    rules: BestRules | None = None,
) -> dict[str, Floats]:
    """Each episode's measures, [episodes] by name: all of `bao.measures.catalogue` but ``best_score`` and ``pass_hat_k``, those
    of the gym's own, and worth and regret as far as `named` (`bao.measures.named`, which says what `rules` are).

    NaN where an episode has no figure; a measure that none has is left out. `prices` gives ``money``, `encode` the embeddings
    of ``embedding_diversity``. Where measures are named in `only`, others may be missing: of long transcripts those that read
    what was said take by far the longest.
    """
    wanted = frozenset(MEASURES if only is None else only)
    columns = {**outcomes(trajectories), **costs(trajectories, prices or {}), **redundancy(trajectories)}
    if wanted & {"self_bleu", "embedding_diversity"}:
        columns |= diversity(trajectories, encode)
    if wanted & set(BEHAVIORS.values()):
        shown = [behavior_rates(episode) for episode in trajectories]
        columns |= {BEHAVIORS[behavior]: [rates[behavior] for rates in shown] for behavior in Behavior}
    further = own_columns(trajectories) | priced(trajectories, named, rules)
    ordered = {name: columns[name] for name in MEASURES if name in columns} | further
    arrays = {name: np.asarray(column, dtype=np.float64) for name, column in ordered.items()}
    return {name: array for name, array in arrays.items() if not np.isnan(array).all() or not len(array)}


def own_columns(trajectories: Sequence[Trajectory]) -> dict[str, list[float]]:
    """The gym's own measures of each episode, NaN where it has no figure. Raises `DataError` on the name of another measure."""
    found: dict[str, list[float]] = {}
    for name in dict.fromkeys(name for episode in trajectories for name in episode.measured or ()):
        if name in MEASURES:
            raise DataError(f"the gym {trajectories[0].gym!r} gives a figure of its own for {name!r}, a measure of every gym")
        found[name] = [(episode.measured or {}).get(name, math.nan) for episode in trajectories]
    return found


def measure_tasks(
    trajectories: Iterable[Trajectory],
    *,
    prices: Prices | None = None,
    encode: Encode | None = None,
    only: Collection[str] | None = None,
    named: Collection[str] = (),
    rules: BestRules | None = None,
) -> TaskMeasures:
    """Every measure, task by task; options as for `episode_measures`. Holds a few hundred episodes at a time.

    Raises `DataError` on episodes of several gyms, or where no episode is healthy.
    """
    columns, source = _Columns(named), iter(trajectories)
    while some := list(islice(source, _AT_ONCE)):
        columns.add(some, partial(episode_measures, prices=prices, encode=encode, only=only, named=named, rules=rules))
    return columns.by_task()


class _Columns:
    """What the measures need of episodes that are seen once and not kept."""

    def __init__(self, named: Collection[str]) -> None:
        self._named = named
        self._levels: dict[str, int] = {}
        self._gyms: set[str] = set()
        self._policies: set[str] = set()
        self._weights: set[float | None] = set()
        self._budgets: set[int | None] = set()
        self._faults = Counter(dict.fromkeys(map(str, Fault), 0))
        self._tasks: list[str] = []
        self._stops: list[StopReason] = []
        self._parts: list[dict[str, Floats]] = []

    def add(self, episodes: Sequence[Trajectory], measure: Callable[[Sequence[Trajectory]], dict[str, Floats]]) -> None:
        self._gyms.update(episode.gym for episode in episodes)
        self._policies.update(episode.policy for episode in episodes)
        self._faults.update(fault_counts(episodes))
        counted = healthy(episodes)
        if not counted:
            return
        self._weights.update(episode.effort_weight for episode in counted)
        self._budgets.update(episode.budget for episode in counted)
        self._levels |= {episode.task_id: episode.level for episode in counted}
        self._tasks += [episode.task_id for episode in counted]
        self._stops += [episode.stop for episode in counted]
        self._parts.append(measure(counted))

    def by_task(self) -> TaskMeasures:
        if len(self._gyms) > 1:
            raise DataError(
                f"the episodes are of several gyms ({', '.join(sorted(self._gyms))}): measure each gym's on their own"
            )
        if not self._tasks:
            found = ", ".join(f"{name}: {count}" for name, count in self._faults.items() if count) or "no episode at all"
            raise DataError(f"no healthy episode to measure ({found}): repair what failed and play the tasks again")
        columns = self._joined()
        ids, table = task_means(np.column_stack(list(columns.values())), self._tasks)
        values = dict(zip(columns, table.T, strict=True))
        values["best_score"] = task_best(columns["score"], self._tasks)
        values |= task_pass_hat(columns["success"], self._tasks)
        reasons = [reason for reason in StopReason if reason in self._stops]
        _, shares = task_means([[stop == reason for reason in reasons] for stop in self._stops], self._tasks)
        values = restricted(values, self._named, [self._levels[task] for task in ids])
        measured = {name: values[name] for name in dict.fromkeys((*MEASURES, *values)) if name in values}
        stop = dict(zip(map(str, reasons), shares.T, strict=True))
        counted = (len(self._tasks), dict(self._faults), self._stops.count(StopReason.POLICY_ERROR))
        told = (frozenset(self._weights), frozenset(self._budgets))
        return TaskMeasures(min(self._gyms), ids, measured, stop, *counted, frozenset(self._policies), *told)

    def _joined(self) -> dict[str, Floats]:
        """[episodes] for each measure that some part has; a part that lacks it has NaN."""
        missing = [np.full(len(part["score"]), np.nan) for part in self._parts]
        names = list(dict.fromkeys(name for part in self._parts for name in part))
        pairs = list(zip(self._parts, missing, strict=True))
        return {name: np.concatenate([part.get(name, instead) for part, instead in pairs]) for name in names}


def task_pass_hat(success: Floats, tasks: Sequence[str]) -> dict[str, Floats]:
    """pass^k by name, [tasks] in sorted order: that k rollouts of the task all solve it; no k that no task was played as often.

    ``C(c, k) / C(n, k)`` with c of the task's n episodes solved, which is unbiased whatever n is (tau-bench, arXiv 2406.12045,
    section 3); NaN for a task of fewer than k episodes. `success` [episodes] is 0 or 1.
    """
    _, index = np.unique(np.asarray(tasks, dtype=object), return_inverse=True)
    solved, played = np.bincount(index, weights=success), np.bincount(index).astype(np.float64)
    found = {}
    for k in PASS_HAT:
        if played.max() >= k:
            share = comb(solved, k) / np.maximum(comb(played, k), 1.0)
            found[f"pass_hat_{k}"] = np.where(played >= k, share, np.nan)
    return found


def task_best(values: Floats, tasks: Sequence[str]) -> Floats:
    """The greatest of each task's `values` [episodes], for the tasks in sorted order."""
    ids, index = np.unique(np.asarray(tasks, dtype=object), return_inverse=True)
    best = np.full(len(ids), -np.inf)
    np.maximum.at(best, index, values)
    return best

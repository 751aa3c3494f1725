"""What a policy's episodes are worth: Score, Pass@U-k, user effort and the rest, with their intervals.

An episode with a fault (the simulator or the infrastructure broke) is excluded from every measure and counted. Every measure is
a mean over tasks of the task's episodes, except ``best_score``, the mean over tasks of the best episode's return: the published
Score where a task is played several times. It grows with the number of rollouts, so compare it only at equal numbers.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from bao.errors import DataError
from bao.measures.stats import Floats, bootstrap_intervals, task_means
from bao.trajectory import Fault, StopReason, Trajectory

PASS_AT_U = tuple(range(1, 10))
"""The k of Pass@U-k."""

RATES = frozenset(
    {
        "score",
        "best_score",
        "success",
        "user_involvement_rate",
        "unparsable",
        "satisfaction",
        *(f"pass_at_u_{k}" for k in PASS_AT_U),
    }
)
"""The measures that lie in [0, 1]."""

_AT_ONCE = 256
"""Episodes held at a time."""


@dataclass(frozen=True)
class TaskMeasures:
    """The measures of one set of episodes, task by task."""

    gym: str
    task_ids: tuple[str, ...]
    """The tasks with at least one healthy episode, sorted."""
    values: Mapping[str, Floats]
    """[tasks] for each measure."""
    stop: Mapping[str, Floats]
    """[tasks] for each stop reason that occurs: its share among the task's episodes."""
    episodes: int
    """Healthy episodes."""
    faults: Mapping[str, int]
    """Excluded episodes by fault, zeros included."""


def healthy(trajectories: Iterable[Trajectory]) -> list[Trajectory]:
    """The episodes without a fault: those that count."""
    return [episode for episode in trajectories if episode.fault is None and episode.stop != StopReason.FAULT]


def fault_counts(trajectories: Iterable[Trajectory]) -> dict[str, int]:
    """Excluded episodes by fault, zeros included; a fault without a name counts as the gym's."""
    counts = Counter(
        episode.fault or Fault.GYM_ERROR
        for episode in trajectories
        if episode.fault is not None or episode.stop == StopReason.FAULT
    )
    return {str(fault): counts[fault] for fault in Fault}


def episode_measures(trajectories: Sequence[Trajectory]) -> dict[str, Floats]:
    """Each episode's measures, [episodes] by name.

    ``score``: return R; ``success``: solved; ``user_effort``: U; ``user_involvement_rate``: U / turns; ``turns``; ``tokens``;
    ``unparsable``: share of the turns without a readable action; ``seconds``; ``pass_at_u_k``: solved within k
    user-involving actions (method: arXiv 2602.11351, section 5); ``satisfaction``: the estimate of `bao.users.satisfaction`,
    there only if all episodes have one.
    """
    efforts = [episode.solved_at_effort for episode in trajectories]
    columns: dict[str, list[float]] = {
        "score": [episode.task_return for episode in trajectories],
        "success": [float(episode.success) for episode in trajectories],
        "user_effort": [episode.user_effort for episode in trajectories],
        "user_involvement_rate": [episode.involvement_rate for episode in trajectories],
        "turns": [len(episode.turns) for episode in trajectories],
        "tokens": [episode.tokens for episode in trajectories],
        "unparsable": [_unparsable_share(episode) for episode in trajectories],
        "seconds": [episode.seconds for episode in trajectories],
    }
    satisfied = [episode.satisfaction for episode in trajectories if episode.satisfaction is not None]
    if satisfied and len(satisfied) == len(trajectories):
        columns["satisfaction"] = satisfied
    for k in PASS_AT_U:
        columns[f"pass_at_u_{k}"] = [float(effort is not None and effort <= k) for effort in efforts]
    return {name: np.asarray(column, dtype=np.float64) for name, column in columns.items()}


def measure_tasks(trajectories: Iterable[Trajectory]) -> TaskMeasures:
    """Every measure, task by task. Raises `DataError` on episodes of several gyms, or where no episode is healthy."""
    return _Columns.of(trajectories).by_task()


class _Columns:
    """What the measures need of episodes that are seen once and not kept."""

    def __init__(self) -> None:
        self.gyms: set[str] = set()
        self.policies: set[str] = set()
        self.weights: set[float | None] = set()
        """Of healthy episodes."""
        self.faults = Counter(dict.fromkeys(map(str, Fault), 0))
        self.tasks: list[str] = []
        self.stops: list[StopReason] = []
        self.values: list[dict[str, Floats]] = []

    @classmethod
    def of(cls, trajectories: Iterable[Trajectory]) -> "_Columns":
        columns, source = cls(), iter(trajectories)
        while some := list(islice(source, _AT_ONCE)):
            columns._add(some)
        return columns

    def _add(self, episodes: Sequence[Trajectory]) -> None:
        counted = healthy(episodes)
        self.gyms.update(episode.gym for episode in episodes)
        self.policies.update(episode.policy for episode in episodes)
        self.weights.update(episode.effort_weight for episode in counted)
        self.faults.update(fault_counts(episodes))
        self.tasks += [episode.task_id for episode in counted]
        self.stops += [episode.stop for episode in counted]
        if counted:
            self.values.append(episode_measures(counted))

    def by_task(self) -> TaskMeasures:
        if len(self.gyms) > 1:
            raise DataError(
                f"the episodes are of several gyms ({', '.join(sorted(self.gyms))}): measure each gym's on their own"
            )
        if not self.tasks:
            found = ", ".join(f"{name}: {count}" for name, count in self.faults.items() if count) or "no episode at all"
            raise DataError(f"no healthy episode to measure ({found}): repair what failed and play the tasks again")
        columns = {
            name: np.concatenate([part[name] for part in self.values])
            for name in self.values[0]
            if all(name in part for part in self.values)
        }
        ids, table = task_means(np.column_stack(list(columns.values())), self.tasks)
        values = dict(zip(columns, table.T, strict=True))
        best = np.full(len(ids), -np.inf)
        places = np.searchsorted(np.asarray(ids, dtype=object), np.asarray(self.tasks, dtype=object))
        np.maximum.at(best, places, columns["score"])
        values["best_score"] = best
        reasons = [reason for reason in StopReason if reason in self.stops]
        _, shares = task_means([[stop == reason for reason in reasons] for stop in self.stops], self.tasks)
        return TaskMeasures(
            gym=min(self.gyms), task_ids=ids, values=values, stop=dict(zip(map(str, reasons), shares.T, strict=True)),
            episodes=len(self.tasks), faults=dict(self.faults),
        )  # fmt: skip


def summarize(
    trajectories: Iterable[Trajectory],
    *,
    seed: int = 0,
    resamples: int = 2000,
    behaviors: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The content of ``summary.json``: every measure of one policy's episodes with its 95 % interval, clustered by task.

    ``episodes`` and ``tasks`` count healthy ones; ``effort_weight`` is None unless all episodes share one; ``stop`` holds the
    reasons that occur; ``satisfaction`` is there for users with a persona. `behaviors` is passed through. Raises `DataError` on
    episodes of several gyms or policies, or where no episode is healthy.
    """
    columns = _Columns.of(trajectories)
    policies = sorted(columns.policies)
    if len(policies) > 1:
        raise DataError(f"the episodes are of several policies ({', '.join(policies)}): summarize each policy's on their own")
    measured, weights = columns.by_task(), set(columns.weights)
    names = list(measured.values)
    per_task = np.column_stack(list(measured.values.values()))
    found = bootstrap_intervals(per_task, [name in RATES for name in names], resamples=resamples, seed=seed)
    values = {name: interval.to_json() for name, interval in zip(names, found, strict=True)}
    return {
        "gym": measured.gym,
        "policy": policies[0],
        "effort_weight": weights.pop() if len(weights) == 1 else None,
        "tasks": len(measured.task_ids),
        "episodes": measured.episodes,
        "faults": dict(measured.faults),
        "score": values["score"],
        "best_score": values["best_score"],
        "success": values["success"],
        "pass_at_u": {str(k): values[f"pass_at_u_{k}"] for k in PASS_AT_U},
        "user_effort": values["user_effort"],
        "user_involvement_rate": values["user_involvement_rate"],
        "turns": values["turns"],
        "tokens": values["tokens"],
        "unparsable": values["unparsable"],
        **{name: values[name] for name in ("satisfaction",) if name in values},
        "stop": {reason: float(shares.mean()) for reason, shares in measured.stop.items()},
        "behaviors": dict(behaviors or {}),
    }


def _unparsable_share(episode: Trajectory) -> float:
    return sum(turn.parse_fault is not None for turn in episode.turns) / len(episode.turns) if episode.turns else 0.0

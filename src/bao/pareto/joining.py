"""The tasks of several evaluations together: paired where they are the same, in their clusters."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bao.errors import DataError
from bao.measures.clusters import Numbers, caveat, cluster_numbers, count_clusters, effective_clusters
from bao.measures.intervals import Floats
from bao.measures.setting import other_settings
from bao.pareto.candidate import Candidate
from bao.pareto.objective import DEFAULT, Objective, resolve


class Joined(NamedTuple):
    """The evaluations' tasks together."""

    values: Floats
    """[tasks, evaluations x objectives], NaN where an evaluation lacks a task."""
    numbers: Numbers
    """[tasks] of their clusters."""
    own_clusters: tuple[int, ...]
    """Those of each evaluation."""
    fewest: float
    """Effective clusters of the evaluation and objective that has the fewest."""
    others: int
    """Ids that stand for tasks of different contents."""
    parts: tuple[str, ...]
    """A sentence for each objective that is of some of the tasks alone."""


def join(evaluations: Sequence[Candidate], objectives: Sequence[Objective]) -> Joined:
    digests: dict[str, set[str]] = {}
    for each in evaluations:
        for task in each.task_ids:
            if task in each.records:
                digests.setdefault(task, set()).add(each.records[task].digest)
    twofold = {task for task, found in digests.items() if len(found) > 1}

    def name(each: Candidate, task: str) -> str:
        return f"{task} {each.records[task].digest}" if task in twofold and task in each.records else task

    records = {name(each, task): each.records[task] for each in evaluations for task in each.task_ids if task in each.records}
    named = [[name(each, task) for task in each.task_ids] for each in evaluations]
    ids = sorted({task for tasks in named for task in tasks})
    row = {task: index for index, task in enumerate(ids)}
    numbers = cluster_numbers(ids, records)
    joined = np.full((len(ids), len(evaluations), len(objectives)), np.nan)
    for index, (each, tasks) in enumerate(zip(evaluations, named, strict=True)):
        joined[[row[task] for task in tasks], index] = np.column_stack(
            [each.values[objective.name] for objective in objectives]
        )
    own = [numbers[[row[task] for task in tasks]] for tasks in named]
    known = ~np.isnan(joined)
    fewest = min(effective_clusters(numbers[here], int(here.sum())) for here in known.reshape(len(ids), -1).T if here.any())
    counts = zip(objectives, known.any(axis=1).sum(axis=0), strict=True)
    parts = tuple(f"{each.name} is of {count} of the {len(ids)} tasks" for each, count in counts if count < len(ids))
    return Joined(joined.reshape(len(ids), -1), numbers, tuple(map(count_clusters, own)), fewest, len(twofold), parts)


def played_by_all(evaluations: Sequence[Candidate]) -> tuple[Floats, Numbers]:
    """R and U of the tasks that all of them played, [tasks, evaluations, 2], and the numbers of the tasks' clusters [tasks].

    Raises `DataError` where there is no such task.
    """
    joined = join(evaluations, resolve(DEFAULT))
    everybody = ~np.isnan(joined.values).any(axis=1)
    if not everybody.any():
        raise DataError(f"{', '.join(each.label for each in evaluations)} share no task: evaluate them on the same ones")
    return joined.values[everybody].reshape(-1, len(evaluations), len(DEFAULT)), joined.numbers[everybody]


def joining_warnings(evaluations: Sequence[Candidate], joined: Joined) -> tuple[str, ...]:
    found = [*other_settings({each.label: each.setting for each in evaluations}), *joined.parts]
    if joined.others:
        found.append(f"{joined.others} ids name tasks of different contents in some evaluations: these are not paired")
    elif any(set(each.task_ids) != set(evaluations[0].task_ids) for each in evaluations):
        counts = ", ".join(dict.fromkeys(str(len(each.task_ids)) for each in evaluations))
        found.append(f"the tasks differ ({counts} by evaluation): points are paired only where they share tasks")
    known = any(each.records for each in evaluations)
    if told := caveat(len(joined.values), count_clusters(joined.numbers), known):
        found.append(told)
    return tuple(found)

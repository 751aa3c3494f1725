"""What many episodes look like together: differences of policies, where in an episode effort goes, how measures are spread.

Made once when a report is written, so that the page draws its figures without touching the episodes.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from bao.measures.bootstrap import bootstrap_intervals, task_means
from bao.measures.clusters import Records, cluster_numbers, count_clusters, same_task
from bao.measures.intervals import Interval, difference_interval
from bao.reporting.archive import EpisodeRow, by_policy

RESAMPLES = 1000
BINS = 20
"""Bins of a measure that is no count; centred on multiples of their width, so that both ends have one of their own."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

PAIRED = ("score", "success", "effort")
"""The columns of a row that policies are compared by."""


Known = Mapping[str, Records]
"""By policy: what is known of its tasks (`bao.measures.clusters`)."""


def differences(rows: Sequence[EpisodeRow], known: Known | None = None) -> list[dict[str, Any]]:
    """For each two policies that share tasks: ``a``, ``b``, ``tasks``, ``clusters`` and, by `PAIRED`, B less A as mean and 95 %
    interval.

    Paired by task: a task's difference is that of its means over each policy's healthy episodes. The intervals are those of
    `bao.measures.intervals.difference_interval`, by clusters of tasks, each for itself.
    """
    means = {}
    for label, own in by_policy(rows):
        values = [[float(getattr(rows[index], name)) for name in PAIRED] for index in own]
        tasks, table = task_means(values, [rows[index].task for index in own])
        means[label] = dict(zip(tasks, table, strict=True))
    bounded = dict.fromkeys(PAIRED, False) | {"success": True, "score": all(0 <= row.score <= 1 for row in rows if row.healthy)}
    found = []
    for a, b in combinations(means, 2):
        records = [(known or {}).get(label, {}) for label in (a, b)]
        if shared := sorted(task for task in means[a].keys() & means[b].keys() if same_task(task, *records)):
            numbers = cluster_numbers(shared, *records)
            table = np.array([means[b][task] - means[a][task] for task in shared])
            intervals = {
                name: _rounded(difference_interval(table[:, column], numbers, bounded=bounded[name]))
                for column, name in enumerate(PAIRED)
            }
            found.append({"a": a, "b": b, "tasks": len(shared), "clusters": count_clusters(numbers), **intervals})
    return found


def effort_by_turn(rows: Sequence[EpisodeRow], known: Known | None = None, seed: int = 0) -> dict[str, dict[str, list[Any]]]:
    """By policy: the share of all its episodes that involve the user at turn t, t = 1.., with 95 % intervals.

    ``asked`` holds the intervals, ``running`` the share of episodes that have a turn t. Both are means over tasks of the task's
    mean, so that ``asked`` sums up to the policy's mean user effort.
    """
    found = {}
    for label, own in by_policy(rows):
        longest = max(rows[index].turns for index in own)
        if not longest:
            continue
        asked, running = np.zeros((len(own), longest)), np.zeros((len(own), longest))
        for place, index in enumerate(own):
            asked[place, list(rows[index].asked)] = 1.0
            running[place, : rows[index].turns] = 1.0
        tasks, per_task = task_means(np.hstack([asked, running]), [rows[index].task for index in own])
        numbers = cluster_numbers(tasks, (known or {}).get(label, {}))
        rates = [True] * longest
        intervals = bootstrap_intervals(per_task[:, :longest], rates, numbers=numbers, resamples=RESAMPLES, seed=seed)
        found[label] = {
            "asked": [_rounded(interval) for interval in intervals],
            "running": per_task[:, longest:].mean(axis=0).round(4).tolist(),
        }
    return found


def distributions(rows: Sequence[EpisodeRow]) -> dict[str, dict[str, Any]]:
    """By measure: bins that all policies share, and by policy the counts in them, the mean and the `QUANTILES`.

    ``centres`` [bins] and ``width`` say where the bins lie; counts are those of healthy episodes.
    """
    groups = list(by_policy(rows))
    counts = {"score": False, "effort": True, "turns": True, "tokens": False}
    further = dict.fromkeys(name for row in rows for name in row.more)
    found = {}
    for name, is_count in {**counts, **dict.fromkeys(further, False)}.items():
        values = {label: _values(rows, own, name) for label, own in groups}
        values = {label: column for label, column in values.items() if len(column)}
        if values:
            found[name] = _distribution(values, is_count, name == "score")
    return found


def _distribution(values: dict[str, npt.NDArray[np.float64]], is_count: bool, is_share: bool) -> dict[str, Any]:
    low = min(column.min() for column in values.values())
    high = max(column.max() for column in values.values())
    if is_share:
        low, high = min(low, 0.0), max(high, 1.0)
    # A count of more than 60 different values is shown in bins like any other number.
    width = 1.0 if is_count and high - low < 60 else (high - low) / BINS or 1.0
    bins = round((high - low) / width) + 1
    by_label = {}
    for label, column in values.items():
        places = np.clip(np.round((column - low) / width).astype(int), 0, bins - 1)
        by_label[label] = {
            "counts": np.bincount(places, minlength=bins).tolist(),
            "mean": float(f"{column.mean():.6g}"),
            "quantiles": [float(f"{value:.6g}") for value in np.quantile(column, QUANTILES)],
        }
    centres = [float(f"{low + width * place:.6g}") for place in range(bins)]
    return {"centres": centres, "width": float(f"{width:.6g}"), "policies": by_label}


def _values(rows: Sequence[EpisodeRow], own: Iterable[int], name: str) -> npt.NDArray[np.float64]:
    column = [getattr(rows[index], name) if name in EpisodeRow._fields else rows[index].more.get(name) for index in own]
    found = np.array([value for value in column if value is not None], dtype=np.float64)
    return found[np.isfinite(found)]


def _rounded(interval: Interval) -> list[float]:
    return [round(interval.mean, 4), round(interval.low, 4), round(interval.high, 4)]

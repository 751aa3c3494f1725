"""Clusters of tasks: what counts as one independent observation.

Tasks that share a component (`bao.gym.Gym.components`: a frame, a world, a customer) tend to be hard or easy together. So the
unit of every interval and test is the cluster: the connected component of tasks that share a component, directly or through
others. A mean stays the mean over tasks. With the n_k tasks of cluster k, ``w_k = n_k / n`` and their mean m_k,

    mean = sum w_k m_k,    variance = sum w_k^2 (m_k - mean)^2 / (1 - w_k),    K_e = 1 / sum w_k^2

is its cluster-robust variance (CR2 of Bell and McCaffrey, Survey Methodology 28(2), 2002, for a mean) and K_e the *effective
number of clusters*, which stands wherever a number of observations or degrees of freedom is needed: K where all have one size,
fewer where some are much larger. Where every task is its own cluster all of this is what it is for n tasks.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]


class TaskRecord(NamedTuple):
    """What an evaluation remembers of a task: which it was, and what it shares with others."""

    digest: str
    """Of its whole content: a task of the same id and another digest is another task."""
    components: tuple[str, ...]
    """Of `Gym.components`, or digests of them."""


Records = Mapping[str, TaskRecord]
"""By task id; empty where nothing is known of the tasks."""


def connected(components: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """The cluster of each task, named by the first of its tasks; `components` by task id."""
    leader: dict[tuple[str, bool], tuple[str, bool]] = {}

    def find(name: tuple[str, bool]) -> tuple[str, bool]:
        path = []
        while leader.setdefault(name, name) != name:
            path.append(name)
            name = leader[name]
        leader.update(dict.fromkeys(path, name))
        return name

    for task, parts in components.items():
        own = find((task, True))
        for part in parts:
            leader[find((part, False))] = own
    first: dict[tuple[str, bool], str] = {}
    return {task: first.setdefault(find((task, True)), task) for task in components}


def cluster_numbers(tasks: Sequence[str], *records: Records) -> Numbers:
    """The number of the cluster of each of `tasks`, from 0 in their order; a task that no record tells of is its own."""
    components = {task: [part for known in records if task in known for part in known[task].components] for task in tasks}
    names, numbers = connected(components), dict[str, int]()
    return np.array([numbers.setdefault(names[task], len(numbers)) for task in tasks], dtype=np.int64)


def same_task(task: str, a: Records, b: Records) -> bool:
    """Whether two evaluations mean the same by this id, as far as is known."""
    return task not in a or task not in b or a[task].digest == b[task].digest


def count_clusters(numbers: Numbers) -> int:
    return len(np.unique(numbers))


def units(numbers: Numbers | None, count: int) -> Numbers:
    """The clusters to reckon by, of `count` tasks, numbered from 0 without gaps: `numbers`, or the tasks where there is none.

    A single cluster of several tasks shows no spread that an interval could be made of. The tasks stand in for it: too narrow
    by a factor that nobody knows, which whoever prints the result has to say (`bao.measures.clusters.caveat`).
    """
    if numbers is None:
        return np.arange(count)
    if len(numbers) != count:
        raise ValueError(f"{len(numbers)} numbers of clusters do not match {count} tasks")
    found, places = np.unique(numbers, return_inverse=True)
    return np.arange(count) if len(found) == 1 else places.reshape(-1).astype(np.int64)


def cluster_sums(table: Floats, place: Numbers) -> Floats:
    """The sum of each cluster, `place` being its number by task (`units`): [tasks, measures] -> [clusters, measures]."""
    found = np.zeros((int(place.max()) + 1, table.shape[1]))
    np.add.at(found, place, table)
    return found


class Clustered(NamedTuple):
    """Values of tasks, taken together by cluster."""

    values: Floats
    """[clusters] the mean of each."""
    weights: Floats
    """[clusters] its share of the tasks; they sum up to 1."""

    @classmethod
    def of(cls, values: Floats, numbers: Numbers | None = None) -> "Clustered":
        """From the `values` of tasks [tasks] and the `numbers` of their clusters (`units`)."""
        place = units(numbers, len(values))
        sizes = np.bincount(place).astype(np.float64)
        means = np.bincount(place, weights=values) / sizes
        # Equal values stay equal under any order of summation.
        alone = sizes == 1
        means[place[alone[place]]] = values[alone[place]]
        return cls(means, sizes / len(values))

    @property
    def mean(self) -> float:
        return float((self.weights * self.values).sum())

    @property
    def effective(self) -> float:
        """K_e."""
        return 1 / float((self.weights**2).sum())

    @property
    def variance(self) -> float:
        """Of the mean; at least two clusters."""
        return float((self.weights**2 * (self.values - self.mean) ** 2 / (1 - self.weights)).sum())

    @property
    def shares(self) -> Floats:
        """[clusters] what each adds to the mean, times the number of clusters."""
        result: Floats = len(self.values) * self.weights * self.values
        return result


def count_text(tasks: int, clusters: int | None) -> str:
    """``200 tasks in 20 clusters``; without the clusters where nothing is known of them."""
    known = "" if clusters is None else f" in {clusters} cluster{'' if clusters == 1 else 's'}"
    return f"{tasks} task{'' if tasks == 1 else 's'}{known}"


def effective_clusters(numbers: Numbers | None, count: int) -> float:
    """K_e of `count` tasks."""
    sizes = np.bincount(units(numbers, count))
    return count**2 / float((sizes.astype(np.float64) ** 2).sum())


def caveat(tasks: int, clusters: int, known: bool = True) -> str | None:
    """What a reader has to be told of the unit of the intervals; None where there is nothing."""
    if not known:
        return (
            "what the tasks share was not recorded (a folder of an earlier version, or imported): intervals take each task for "
            "independent, and are too narrow where tasks share a component; run `bao eval` into another folder"
        )
    if clusters == 1 and tasks > 1:
        return (
            f"all {tasks} tasks hang together by what they share, as one cluster: intervals are by task instead, and too "
            "narrow by a factor that one cluster cannot show"
        )
    if clusters < FEW and clusters < tasks:
        return f"{tasks} tasks in only {clusters} clusters: intervals go by the clusters, and are as wide as so few allow"
    return None


FEW = 10
"""Clusters below which a caveat is told."""

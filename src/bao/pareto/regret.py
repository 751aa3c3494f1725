"""What policies are worth at the prices they were told, and how much that lacks of the best fixed behaviour (the regret).

At the price w a policy is worth ``J(w) = mean over tasks of (R - w U)``, R and U being the task's means over its episodes. The
*envelope* at w is the best of the fixed behaviours (they are told no price) and of silence, by the means on the same tasks:
choosing it there favours it, so a regret to it leans upwards. The *regret* to a policy at w is its J(w) less one's own. All
intervals come from one bootstrap over clusters of tasks, paired: each is that of a mean of the tasks' values or differences.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bao.errors import DataError
from bao.measures.bootstrap import bootstrap_intervals
from bao.measures.clusters import Records, cluster_numbers, count_clusters
from bao.measures.intervals import Floats, Interval
from bao.pareto.prices import SILENCE

ENVELOPE = "envelope"


@dataclass(frozen=True)
class Played:
    """A policy's outcomes by task."""

    task_ids: tuple[str, ...]
    task_return: Floats
    """[tasks]"""
    user_effort: Floats
    """[tasks]"""
    records: Records = field(default_factory=dict)
    """What the tasks share."""

    def at(self, price: float, tasks: Sequence[str]) -> Floats:
        """``R - w U`` of these tasks, NaN where one was not played."""
        return self._on(self.task_return - price * self.user_effort, tasks)

    def effort(self, tasks: Sequence[str]) -> Floats:
        """U of these tasks, NaN where one was not played."""
        return self._on(self.user_effort, tasks)

    def _on(self, values: Floats, tasks: Sequence[str]) -> Floats:
        found = dict(zip(self.task_ids, values.tolist(), strict=True))
        return np.array([found.get(task, np.nan) for task in tasks])


@dataclass(frozen=True, slots=True)
class OverPrices:
    """One figure at each price, and its mean over the prices."""

    at: tuple[Interval, ...]
    mean: Interval

    def to_json(self) -> dict[str, Any]:
        return {"at": [each.to_json() for each in self.at], "mean": self.mean.to_json()}


@dataclass(frozen=True)
class RegretTable:
    """What `regrets` finds; `to_json` gives the content of ``regret.json``."""

    prices: tuple[float, ...]
    tasks: int
    clusters: int
    best: tuple[str, ...]
    """The fixed behaviour that is the envelope at each price."""
    worth: Mapping[str, OverPrices]
    """J of each policy, `ENVELOPE` among them."""
    effort: Mapping[str, OverPrices]
    """U of each policy."""
    regret: Mapping[str, Mapping[str, OverPrices]]
    """By policy, then by what it is compared with: J there less J of the policy. Negative: the policy is worth more."""
    effort_drop: Mapping[str, Interval]
    """By policy: U at the least price less U at the greatest, paired by task; none with one price."""

    def to_json(self) -> dict[str, Any]:
        return {
            "prices": list(self.prices),
            "tasks": self.tasks,
            "clusters": self.clusters,
            "best": list(self.best),
            "worth": {name: each.to_json() for name, each in self.worth.items()},
            "user_effort": {name: each.to_json() for name, each in self.effort.items()},
            "regret": {name: {other: each.to_json() for other, each in found.items()} for name, found in self.regret.items()},
            "effort_drop": {name: each.to_json() for name, each in self.effort_drop.items()},
        }


def regrets(
    fixed: Mapping[str, Played], told: Mapping[str, Mapping[float, Played]], *, seed: int = 0, resamples: int = 1000
) -> RegretTable:
    """The worth and the regret of policies that were `told` prices (each at the same ones) to the best of the `fixed` ones and
    of silence, and to each other.

    Only tasks that all of them played count. Raises `DataError` where there is none, where nothing was told a price, and where
    prices differ.
    """
    prices = tuple(sorted(next(iter(told.values()), {})))
    for name, each in told.items():
        if tuple(sorted(each)) != prices:
            raise DataError(f"{name} was told the prices {sorted(each)} and another {list(prices)}: evaluate both at the same")
    if not prices:
        raise DataError("a regret needs a policy that was told prices: evaluate one at one or more")
    everyone = [*fixed.values(), *(each[price] for each in told.values() for price in prices)]
    tasks = sorted(set.intersection(*(set(each.task_ids) for each in everyone)))
    if not tasks:
        raise DataError("no task was played by all of these policies: evaluate them on the same tasks")
    numbers = cluster_numbers(tasks, *(each.records for each in everyone))
    silence = {SILENCE: Played(tuple(tasks), np.zeros(len(tasks)), np.zeros(len(tasks)))}
    scripts = {**silence, **fixed}

    def standing(name: str, price: float) -> tuple[float, float]:
        return float(scripts[name].at(price, tasks).mean()), -float(scripts[name].effort(tasks).mean())

    best = tuple(max(scripts, key=lambda name: standing(name, price)) for price in prices)
    worth = {name: np.column_stack([each[price].at(price, tasks) for price in prices]) for name, each in told.items()}
    worth[ENVELOPE] = np.column_stack([scripts[name].at(price, tasks) for name, price in zip(best, prices, strict=True)])
    effort = {name: np.column_stack([each[price].effort(tasks) for price in prices]) for name, each in told.items()}
    effort[ENVELOPE] = np.column_stack([scripts[name].effort(tasks) for name in best])

    def over(table: Floats) -> OverPrices:
        columns = np.column_stack([table, table.mean(axis=1)])
        *at, mean = bootstrap_intervals(columns, numbers=numbers, seed=seed, resamples=resamples)
        return OverPrices(tuple(at), mean)

    def drop(table: Floats) -> Interval:
        return bootstrap_intervals(table[:, :1] - table[:, -1:], numbers=numbers, seed=seed, resamples=resamples)[0]

    return RegretTable(
        prices=prices,
        tasks=len(tasks),
        clusters=count_clusters(numbers),
        best=best,
        worth={name: over(table) for name, table in worth.items()},
        effort={name: over(table) for name, table in effort.items()},
        regret={name: {other: over(table - worth[name]) for other, table in worth.items() if other != name} for name in told},
        effort_drop={name: drop(effort[name]) for name in told} if len(prices) > 1 else {},
    )

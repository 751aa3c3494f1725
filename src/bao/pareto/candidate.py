"""A policy as `bao.pareto.frontier` takes it: its measures, task by task."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from bao.errors import DataError
from bao.measure import Own
from bao.measures.bootstrap import task_means
from bao.measures.clusters import Records
from bao.measures.intervals import Floats
from bao.measures.metrics import measure_tasks
from bao.measures.named import BestRules, needs_more, parts
from bao.trajectory import Trajectory, point_label


@dataclass(frozen=True)
class Candidate:
    """A policy that may be on the frontier: its measures, task by task."""

    label: str
    """Unique within a frontier."""
    series: str
    """What the point belongs to: the points of one series share a hypervolume."""
    gym: str
    horizon: int
    task_ids: tuple[str, ...]
    values: Mapping[str, Floats]
    """[tasks] for each measure."""
    episodes: int
    effort_weight: float | None = None
    budget: int | None = None
    records: Records = field(default_factory=dict)
    """What the tasks were and what they share, as far as is known."""
    setting: Mapping[str, Any] = field(default_factory=dict)
    """Under what it was played, as for `bao.measures.comparison.Side`."""
    bound: bool = False
    """It knows what no agent can: it is shown, and takes part in nothing."""
    own: Own = field(default_factory=dict)
    """The gym's own measures."""

    def worth(self, price: float) -> Floats:
        """``R - w U`` of each task at the price w: [tasks]."""
        return self.values["score"] - price * self.values["user_effort"]

    @classmethod
    def of(
        cls,
        trajectories: Iterable[Trajectory],
        *,
        label: str | None = None,
        series: str | None = None,
        effort_weight: float | None = None,
        only: Collection[str] | None = None,
        records: Records | None = None,
        setting: Mapping[str, Any] | None = None,
        bound: bool = False,
        own: Own | None = None,
        rules: BestRules | None = None,
    ) -> "Candidate":
        """From episodes; the names default to the policy's and the weight to the episodes'. `only` and `rules` as for
        `measure_tasks`; of what takes more than a name (`bao.measures.named`) there is what `only` names.

        Holds a few hundred episodes at a time. Raises `DataError` on several gyms, policies, weights or
        budgets, or where no episode is healthy.
        """
        told: set[tuple[str, float | None, int | None]] = set()
        horizon = 0

        def noted() -> Iterator[Trajectory]:
            nonlocal horizon
            for episode in trajectories:
                told.add((episode.policy, episode.effort_weight, episode.budget))
                horizon = max(horizon, episode.horizon)
                yield episode

        named = tuple(filter(needs_more, only or ()))
        bases = None if only is None else {parts(name).base for name in only}
        measured = measure_tasks(noted(), only=bases, named=named, rules=rules)
        if len(told) > 1:
            found = ", ".join(
                sorted(f"{policy} at w={weight}" + ("" if k is None else f" and b={k}") for policy, weight, k in told)
            )
            raise DataError(f"one point needs the episodes of one policy at one effort weight, not of {found}: split them")
        policy, weight, budget = told.pop()
        weight = weight if effort_weight is None else effort_weight
        label = label or point_label(policy, weight, budget)
        measures = (measured.task_ids, measured.values, measured.episodes)
        known = (records or {}, {"horizon": horizon, **(setting or {})})
        return cls(label, series or policy, measured.gym, horizon, *measures, weight, budget, *known, bound, own or {})

    @classmethod
    def of_arrays(
        cls,
        tasks: Sequence[str],
        values: Mapping[str, npt.ArrayLike],
        *,
        label: str,
        series: str,
        gym: str,
        horizon: int,
        effort_weight: float | None = None,
        records: Records | None = None,
    ) -> "Candidate":
        """From arrays [episodes] by measure and the task of each episode. Raises `DataError` where lengths differ."""
        try:
            ids, table = task_means(np.column_stack([np.asarray(column) for column in values.values()]), tasks)
        except ValueError as error:
            raise DataError(
                f"{label}: every measure needs one value for each of the {len(tasks)} episodes ({error})"
            ) from error
        measured = dict(zip(values, table.T, strict=True))
        return cls(label, series, gym, horizon, ids, measured, len(tasks), effort_weight, records=records or {})

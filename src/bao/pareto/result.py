"""What a frontier is made of; `Frontier.to_json` gives the content of ``frontier.json``."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from bao.measures.frame import data_frame
from bao.measures.intervals import Floats, Interval
from bao.pareto.attainment import LEVELS
from bao.pareto.objective import Objective

if TYPE_CHECKING:
    import pandas as pd

VERSION = 1
"""Of the JSON that `Frontier.to_json` gives."""


@dataclass(frozen=True, slots=True)
class FrontierPoint:
    """One policy on the frontier's plot."""

    label: str
    series: str
    effort_weight: float | None
    tasks: int
    clusters: int
    """Of these tasks."""
    episodes: int
    values: Mapping[str, Interval]
    non_dominated: bool
    """By the means."""
    non_dominated_probability: float
    """Share of the resamples in which no other point dominates it."""
    dominated_by: tuple[str, ...]
    """Labels of the points that dominate it in at least 95 % of the resamples."""
    budget: int | None = None

    def to_json(self) -> dict[str, Any]:
        """With ``budget`` only where one was told."""
        values = {**asdict(self), "dominated_by": list(self.dominated_by)}
        return {name: value for name, value in values.items() if name != "budget" or value is not None}


@dataclass(frozen=True, slots=True)
class Bound:
    """What a policy reaches that knows the task."""

    label: str
    series: str
    tasks: int
    clusters: int
    episodes: int
    values: Mapping[str, Interval]


@dataclass(frozen=True, slots=True)
class HypervolumeDifference:
    """Hypervolume of series `a` minus that of series `b`, paired by task."""

    a: str
    b: str
    difference: Interval


@dataclass(frozen=True)
class Frontier:
    """The result of `frontier`; `to_json` gives the content of ``frontier.json``."""

    gym: str
    objectives: tuple[Objective, ...]
    reference_point: Mapping[str, float]
    points: tuple[FrontierPoint, ...]
    hypervolume: Mapping[str, Interval]
    """By series: the share of the box between the reference point (0) and the ideal (1) that it dominates. The more points a
    series has, the more of the box its staircase takes."""
    hypervolume_all: Interval
    hypervolume_differences: tuple[HypervolumeDifference, ...]
    hull_hypervolume: Mapping[str, Interval]
    """By series, with two objectives: the share that mixtures of its points dominate (`bao.pareto.hull`). A point that a
    mixture of others reaches adds nothing, so series of different numbers of points can be compared."""
    hull_hypervolume_differences: tuple[HypervolumeDifference, ...]
    attainment: Mapping[str, tuple[Floats, ...]]
    """By series, with two objectives: the corners [corners, 2], in their units, of the surface at each of `LEVELS`."""
    tasks: int
    """Of all points together."""
    clusters: int
    bounds: tuple[Bound, ...] = ()
    """Beside the points; none of them dominates, or counts in a hypervolume."""
    warnings: tuple[str, ...] = ()
    """Where the evaluations differ in more than their policies, and what is to be known of the intervals."""

    def to_json(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "gym": self.gym,
            "objectives": [objective.to_json() for objective in self.objectives],
            "reference_point": dict(self.reference_point),
            "tasks": self.tasks,
            "clusters": self.clusters,
            "warnings": list(self.warnings),
            "points": [point.to_json() for point in self.points],
            "bounds": [asdict(bound) for bound in self.bounds],
            "hypervolume": {series: value.to_json() for series, value in self.hypervolume.items()},
            "hypervolume_all": self.hypervolume_all.to_json(),
            "hypervolume_differences": [asdict(difference) for difference in self.hypervolume_differences],
            "hull_hypervolume": {series: value.to_json() for series, value in self.hull_hypervolume.items()},
            "hull_hypervolume_differences": [asdict(difference) for difference in self.hull_hypervolume_differences],
            "attainment": {
                "levels": list(LEVELS),
                "surfaces": {series: [each.round(6).tolist() for each in levels] for series, levels in self.attainment.items()},
            },
        }

    def to_pandas(self) -> "pd.DataFrame":
        """A row for each point: its objectives' means with their 95 % intervals, and whether it is dominated."""
        rows = []
        for point in self.points:
            row: dict[str, Any] = {"label": point.label, "series": point.series, "effort_weight": point.effort_weight}
            for name, value in point.values.items():
                row |= {name: value.mean, f"{name}_low": value.low, f"{name}_high": value.high}
            certainty = {"non_dominated_probability": point.non_dominated_probability}
            rows.append({**row, "non_dominated": point.non_dominated, **certainty})
        return data_frame(rows)

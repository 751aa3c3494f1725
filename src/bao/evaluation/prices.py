"""Prices of a gym, found from its scripted policies: where involving the user pays, and where behaviours change hands.

The scripted policies play tasks; their mean return and effort, over all tasks and over those of each level by itself, are the
points of `bao.pareto.prices`. By level, since a policy may ask in easy tasks where it is silent in hard ones: what pays nowhere
on average may still pay there. The oracle, the random policy and teachers take no part (`bao.policies.scripted`). The policy
``rational``, where a gym has one, plays at prices of its own and adds a point for each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from bao.errors import DataError
from bao.gyms.registry import gym_class
from bao.gyms.section import GymSection, make_gym, requests_at_once, scripted_policy
from bao.measures.frame import data_frame
from bao.measures.metrics import healthy
from bao.pareto.prices import PriceRange, price_range, spread
from bao.policies.prompt import rules_text
from bao.policies.scripted import RATIONAL, fixed_behaviours
from bao.progress import Progress
from bao.rollout.episodes import play_all
from bao.task import Task
from bao.trajectory import Trajectory

if TYPE_CHECKING:
    import pandas as pd

_MARKED = 0.15
"""Share of the effort at price 0 by which effort has to fall for a breakpoint to be told from its neighbours."""
COUNT = 5
"""Prices that are suggested unless more are needed."""
TASKS = 200
"""Tasks that suffice to find them."""
_TOLD = tuple(percent / 100 for percent in range(0, 100, 5))
"""Prices at which ``rational`` is played."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a scripted policy earned, and what that took of the user: means over tasks."""

    name: str
    task_return: float
    user_effort: float


@dataclass(frozen=True)
class GymPrices:
    """What the scripted policies of a gym say of the price of a user turn."""

    gym: str
    tasks: int
    behaviours: tuple[Behaviour, ...]
    by_level: Mapping[int, tuple[Behaviour, ...]]
    """Of the tasks of each level by itself."""
    count: int = COUNT
    """Prices to suggest."""
    measured: tuple[Behaviour, ...] = ()
    """The best that can be made of a teacher's choices at each price, as measured from its plays (`bao.train.hindsight`)."""
    told: float | None = None
    """The largest price that a warm start on these plays tells; none: no plays were measured."""

    @cached_property
    def overall(self) -> PriceRange:
        """Over all tasks; with what was measured, where anything was."""
        return _range([*self.behaviours, *self.measured])

    @cached_property
    def levels(self) -> Mapping[int, PriceRange]:
        return {level: _range(found) for level, found in self.by_level.items()}

    @property
    def largest(self) -> float:
        """The price up to which involving the user pays on the tasks of some level, or on average; where measured, on any."""
        if self.measured:
            return self.overall.largest
        return max(each.largest for each in (self.overall, *self.levels.values()))

    @property
    def breakpoints(self) -> tuple[float, ...]:
        """Where behaviours change hands, over all tasks or on a level; where measured, those at which effort falls much."""
        if self.measured:
            return self.overall.marked(_MARKED)
        return tuple(sorted({point for each in (self.overall, *self.levels.values()) for point in each.breakpoints}))

    @property
    def suggested(self) -> tuple[float, ...]:
        """Effort weights to train with."""
        if self.measured:
            return self.overall.spread_by_effort(self.count, self.told)
        return spread(self.breakpoints, self.largest, self.count)

    def to_json(self) -> dict[str, Any]:
        return {
            "gym": self.gym,
            "tasks": self.tasks,
            "behaviours": [asdict(each) for each in self.behaviours],
            "measured": [asdict(each) for each in self.measured],
            "overall": self.overall.to_json(),
            "levels": {str(level): each.to_json() for level, each in self.levels.items()},
            "largest": self.largest,
            "breakpoints": list(self.breakpoints),
            "suggested": list(self.suggested),
        }

    def to_pandas(self) -> "pd.DataFrame":
        """A row for each behaviour that is the best somewhere: from which price on and up to which, over all tasks."""
        return data_frame(reign.to_json() for reign in self.overall.reigns)


def find_prices(section: GymSection, tasks: Sequence[Task], progress: Progress, *, count: int = COUNT) -> GymPrices:
    """Play `tasks` with the gym's scripted policies, once each. Raises `DataError` where every episode of one was a fault."""
    make, concurrency = partial(make_gym, section), min(requests_at_once(section), default=1)
    names = gym_class(section.name).scripted_policies()
    played: dict[str, list[Trajectory]] = {}
    told = [(f"{RATIONAL} at {price:.0%}", RATIONAL, price) for price in _TOLD if RATIONAL in names]
    with progress.task("prices", None, quiet=True):
        for label, name, price in [*((each, each, None) for each in fixed_behaviours(names)), *told]:
            policy, system = partial(scripted_policy, name, name), partial(rules_text, effort_weight=price)
            found = play_all(make, policy, tasks, concurrency=concurrency, system=system, effort_weight=price)
            played[label] = healthy(found)
            if not played[label]:
                raise DataError(
                    f"every episode of scripted:{name} on {section.name} ended in a fault (the first: "
                    f"{found[0].fault_detail or found[0].fault}): mend that, or give the prices by hand"
                )
    of_level = {
        level: {label: [each for each in episodes if each.level == level] for label, episodes in played.items()}
        for level in sorted({task.level for task in tasks})
    }
    levels = {level: _behaviours(found) for level, found in of_level.items() if all(found.values())}
    return GymPrices(section.name, len(tasks), _behaviours(played), levels if len(of_level) > 1 else {}, count)


def _behaviours(played: Mapping[str, Sequence[Trajectory]]) -> tuple[Behaviour, ...]:
    return tuple(
        Behaviour(label, float(np.mean([e.task_return for e in found])), float(np.mean([e.user_effort for e in found])))
        for label, found in played.items()
    )


def _range(behaviours: Sequence[Behaviour]) -> PriceRange:
    return price_range({each.name: (each.task_return, each.user_effort) for each in behaviours})

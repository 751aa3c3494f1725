"""Prices of a gym, found from what was played there: where involving the user pays, and where behaviours change hands.

The scripted policies play tasks; their mean return and effort, over all tasks and over those of each level by itself, are the
points of `bao.pareto.prices`. By level, since a policy may ask in easy tasks where it is silent in hard ones: what pays nowhere
on average may still pay there. The oracle, the random policy and teachers take no part (`bao.policies.scripted`). The policy
``rational``, where a gym has one, plays at prices of its own and adds a point for each. Evaluated policies are points too
(`evaluated_prices`), one for each price that they were told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from bao.errors import DataError
from bao.evaluation.results import EvaluationResult
from bao.gyms.registry import gym_class
from bao.gyms.section import GymSection, make_gym, requests_at_once, scripted_policy
from bao.measures.bootstrap import task_means
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
    """What a policy earned, and what that took of the user: means over tasks."""

    name: str
    task_return: float
    user_effort: float


@dataclass(frozen=True)
class GymPrices:
    """What the policies that played in a gym say of the price of a user turn."""

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
    of: str = "scripted policies"
    """Whose behaviours these are."""

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
            "of": self.of,
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
    return GymPrices(section.name, len(tasks), _behaviours(played), _by_level(played), count)


def evaluated_prices(results: Sequence[EvaluationResult], *, count: int = COUNT) -> GymPrices:
    """What evaluated policies say, by the tasks that all of them played; those that know the tasks take no part.

    Raises `DataError` on several gyms or users, where no policy is left, and where they share no task.
    """
    rivals = [each for each in results if not each.is_bound]
    if not rivals:
        raise DataError("all of these know the tasks: evaluate a policy that does not")
    for kind, found in (
        ("gyms", {str(each.summary["gym"]) for each in rivals}),
        ("users", {str(each.setting.get("user")) for each in rivals}),
    ):
        if len(found) > 1:
            raise DataError(f"these were played with several {kind} ({'; '.join(sorted(found))}): name those of one")
    played = {each.label: healthy(each.episodes(traces=False)) for each in rivals}
    shared = set.intersection(*({episode.task_id for episode in episodes} for episodes in played.values()))
    if not shared:
        raise DataError(f"{', '.join(played)} share no task: evaluate them on the same ones")
    played = {label: [each for each in episodes if each.task_id in shared] for label, episodes in played.items()}
    levels = _by_level(played)
    return GymPrices(str(rivals[0].summary["gym"]), len(shared), _behaviours(played), levels, count, of="evaluated policies")


def _by_level(played: Mapping[str, Sequence[Trajectory]]) -> dict[int, tuple[Behaviour, ...]]:
    """Where there are several levels: those that all have played."""
    there = sorted({each.level for episodes in played.values() for each in episodes})
    of_level = {
        level: {label: [each for each in episodes if each.level == level] for label, episodes in played.items()}
        for level in there
    }
    found = {level: _behaviours(each) for level, each in of_level.items() if all(each.values())}
    return found if len(there) > 1 else {}


def _behaviours(played: Mapping[str, Sequence[Trajectory]]) -> tuple[Behaviour, ...]:
    return tuple(Behaviour(label, *_means(episodes)) for label, episodes in played.items())


def _means(episodes: Sequence[Trajectory]) -> tuple[float, float]:
    """R and U, each the mean over tasks of the task's mean."""
    _, table = task_means([(each.task_return, each.user_effort) for each in episodes], [each.task_id for each in episodes])
    earned, effort = table.mean(axis=0).tolist()
    return earned, effort


def _range(behaviours: Sequence[Behaviour]) -> PriceRange:
    return price_range({each.name: (each.task_return, each.user_effort) for each in behaviours})

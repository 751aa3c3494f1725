"""What a training step cost, and the figures that a benchmark reports: pure functions on measured costs."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    ROLLOUT = "rollout"
    UPDATE = "update"
    STEP = "step"


UNITS: Mapping[Phase, str] = {Phase.ROLLOUT: "sampled_token", Phase.UPDATE: "trained_token", Phase.STEP: "trajectory"}
"""What the cost of a phase is divided by, so that two sides whose samples differ by chance can be compared."""


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock on the wall, and CPU seconds of all processes that took part."""

    wall: float
    cpu: float

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(self.wall - other.wall, self.cpu - other.cpu)


@dataclass(frozen=True)
class Step:
    """One training step: sample groups of trajectories, then update on all of them."""

    costs: Mapping[Phase, Cost]
    trajectories: int
    turns: int
    tokens: int
    """Tokens sampled; each is trained on once."""

    def per_unit(self, phase: Phase) -> Cost:
        """Seconds per sampled token (rollout), per trained token (update) or per trajectory (step)."""
        count = self.trajectories if phase is Phase.STEP else self.tokens
        return Cost(self.costs[phase].wall / count, self.costs[phase].cpu / count)


def figures(size: str, sides: Mapping[str, Sequence[Step]]) -> dict[str, float]:
    """Median costs of every side on the work called `size`, flat.

    Keys: ``{side}_{phase}_wall_seconds_per_{unit}_{size}``, the same with ``cpu`` for ``wall``, and
    ``{side}_tokens_per_step_{size}`` with its like for turns and trajectories.
    """
    flat: dict[str, float] = {}
    for side, steps in sides.items():
        for phase, unit in UNITS.items():
            costs = [step.per_unit(phase) for step in steps]
            flat[f"{side}_{phase}_wall_seconds_per_{unit}_{size}"] = statistics.median(cost.wall for cost in costs)
            flat[f"{side}_{phase}_cpu_seconds_per_{unit}_{size}"] = statistics.median(cost.cpu for cost in costs)
        flat[f"{side}_trajectories_per_step_{size}"] = statistics.median(step.trajectories for step in steps)
        flat[f"{side}_turns_per_step_{size}"] = statistics.median(step.turns for step in steps)
        flat[f"{side}_tokens_per_step_{size}"] = statistics.median(step.tokens for step in steps)
    return flat


def ratios(size: str, ours: Sequence[Step], theirs: Sequence[Step]) -> dict[str, float]:
    """How many times cheaper ours is, in wall seconds per unit: ``{phase}_ratio_{size}`` = median(theirs) / median(ours).

    Steps of equal index were measured next to each other; ``.._low`` and ``.._high`` are the least and the greatest of their
    ratios, which show how steady the machine was.
    """
    flat: dict[str, float] = {}
    for phase in Phase:
        mine, other = ([step.per_unit(phase).wall for step in steps] for steps in (ours, theirs))
        pairs = [b / a for a, b in zip(mine, other, strict=True)]
        flat[f"{phase}_ratio_{size}"] = statistics.median(other) / statistics.median(mine)
        flat[f"{phase}_ratio_{size}_low"], flat[f"{phase}_ratio_{size}_high"] = min(pairs), max(pairs)
    return flat

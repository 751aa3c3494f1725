"""What a frontier trades off: named objectives with a direction, an ideal and, where it has one, a natural worst value."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bao.errors import ConfigError, suggest
from bao.measures.metrics import PASS_AT_U


class Direction(StrEnum):
    MAX = "max"
    MIN = "min"


class Worst(StrEnum):
    """Where an objective's reference value comes from if none is given and it has no fixed one."""

    HORIZON = "horizon"
    """The most turns that an episode could have had."""
    OBSERVED = "observed"
    """The worst task mean among the evaluations: hypervolumes then compare only within one frontier."""


@dataclass(frozen=True, slots=True)
class Objective:
    """One objective. A measure of one's own works too: name it as in `bao.pareto.Evaluation.values`."""

    name: str
    direction: Direction
    ideal: float
    """The best value there can be; normalised to 1."""
    worst: float | Worst = Worst.OBSERVED
    """The default reference value; normalised to 0."""

    def to_json(self) -> dict[str, str]:
        return {"name": self.name, "direction": str(self.direction)}


_GAINS = ("score", "best_score", "success", *(f"pass_at_u_{k}" for k in PASS_AT_U))

OBJECTIVES: dict[str, Objective] = {
    **{name: Objective(name, Direction.MAX, 1.0, 0.0) for name in _GAINS},
    "user_effort": Objective("user_effort", Direction.MIN, 0.0, Worst.HORIZON),
    "turns": Objective("turns", Direction.MIN, 0.0, Worst.HORIZON),
    "tokens": Objective("tokens", Direction.MIN, 0.0),
    "seconds": Objective("seconds", Direction.MIN, 0.0),
    "user_involvement_rate": Objective("user_involvement_rate", Direction.MIN, 0.0, 1.0),
    "unparsable": Objective("unparsable", Direction.MIN, 0.0, 1.0),
    "satisfaction": Objective("satisfaction", Direction.MAX, 1.0, 0.0),
}
"""The objectives known by name: every measure of `bao.measures`."""

DEFAULT = ("score", "user_effort")


def resolve(objectives: Sequence[Objective | str]) -> tuple[Objective, ...]:
    """Objectives by name or as they are. Raises `ConfigError` on an unknown name, a repeated one, or fewer than two."""
    found = []
    for objective in objectives:
        if isinstance(objective, str):
            if objective not in OBJECTIVES:
                raise ConfigError(f"objective={objective!r} is unknown: {suggest(objective, OBJECTIVES)}")
            objective = OBJECTIVES[objective]
        found.append(objective)
    names = [objective.name for objective in found]
    if len(found) < 2 or len(set(names)) < len(names):
        raise ConfigError(f"objectives={names} must be at least two different ones, such as {list(DEFAULT)}")
    return tuple(found)

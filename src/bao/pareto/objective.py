"""What a frontier trades off: named objectives with a direction, an ideal and, where it has one, a natural worst value."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bao.errors import ConfigError, suggest
from bao.measures.catalogue import MEASURES, Direction, Measure


class Worst(StrEnum):
    """Where an objective's reference value comes from if none is given and it has no fixed one."""

    HORIZON = "horizon"
    """The most turns that an episode could have had."""
    OBSERVED = "observed"
    """The worst task mean among the evaluations: hypervolumes then compare only within one frontier."""


@dataclass(frozen=True, slots=True)
class Objective:
    """One objective. A measure of one's own works too: name it as in `bao.pareto.Candidate.values`."""

    name: str
    direction: Direction
    ideal: float
    """The best value there can be; normalised to 1."""
    worst: float | Worst = Worst.OBSERVED
    """The default reference value; normalised to 0."""

    def to_json(self) -> dict[str, str]:
        return {"name": self.name, "direction": str(self.direction)}


_HORIZON = ("user_effort", "turns")


def _objective(measure: Measure) -> Objective:
    if measure.direction == Direction.MAX:
        return Objective(measure.name, Direction.MAX, 1.0, 0.0)
    worst = 1.0 if measure.rate else Worst.HORIZON if measure.name in _HORIZON else Worst.OBSERVED
    return Objective(measure.name, Direction.MIN, 0.0, worst)


OBJECTIVES: dict[str, Objective] = {
    name: _objective(measure)
    for name, measure in MEASURES.items()
    if measure.direction == Direction.MIN or (measure.direction == Direction.MAX and measure.rate)
}
"""The objectives known by name: every measure that has a direction and an ideal."""

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

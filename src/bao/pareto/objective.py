"""What a frontier trades off: named objectives with a direction, an ideal and, where it has one, a natural worst value."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from bao.errors import ConfigError, suggest
from bao.measure import Direction, Measure, Own
from bao.measures.catalogue import MEASURES
from bao.measures.named import FORMS, find, needs_more, parts


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
    rate: bool = False
    """Lies in [0, 1]: its interval is `bao.measures.intervals.rate_interval`."""

    label: str = ""
    """What readers see, where no catalogue has the name."""

    def to_json(self) -> dict[str, str]:
        """With ``label`` only where there is one."""
        return {"name": self.name, "direction": str(self.direction), **({"label": self.label} if self.label else {})}


_HORIZON = ("user_effort", "turns")


def _objective(measure: Measure) -> Objective | None:
    """None where it has no direction, or no best value."""
    if measure.direction == Direction.NONE:
        return None
    least, most = measure.bounds
    ideal, other = (most, least) if measure.direction == Direction.MAX else (least, most)
    if not math.isfinite(ideal):
        return None
    worst = Worst.HORIZON if parts(measure.name).base in _HORIZON else other if math.isfinite(other) else Worst.OBSERVED
    return Objective(measure.name, measure.direction, ideal, worst, measure.rate)


OBJECTIVES: dict[str, Objective] = {
    name: objective for name, measure in MEASURES.items() if (objective := _objective(measure)) is not None
}
"""The objectives known by name: every measure that has a direction and an ideal."""

DEFAULT = ("score", "user_effort")


def resolve(objectives: Sequence[Objective | str], own: Own | None = None) -> tuple[Objective, ...]:
    """Objectives by name or as they are; `own` are the gym's own measures.

    Raises `ConfigError` on an unknown name, one of a measure without a direction or a best value, a repeated one, or fewer
    than two.
    """
    found = [each if isinstance(each, Objective) else _named(each, own or {}) for each in objectives]
    names = [objective.name for objective in found]
    if len(found) < 2 or len(set(names)) < len(names):
        raise ConfigError(f"objectives={names} must be at least two different ones, such as {list(DEFAULT)}")
    return tuple(found)


def _named(name: str, own: Own) -> Objective:
    if parts(name).base not in (*MEASURES, *own) and not needs_more(name):
        raise ConfigError(f"objective={name!r} is unknown: {suggest(name, [*OBJECTIVES, *own])}; there are {FORMS} too")
    measure = find(name, own, f"objective={name!r}")
    objective = _objective(measure)
    if objective is None:
        what = "neither way is better" if measure.direction == Direction.NONE else "nothing says what is best"
        raise ConfigError(f"objective={name!r} cannot be one, since {what}: {suggest(name, [*OBJECTIVES, *own])}")
    label = ", ".join(filter(None, (measure.label, measure.unit)))
    return objective if name in MEASURES else replace(objective, label=label)

"""What an update divides by, known before its outcomes: running means over the steps that came before.

Two numbers stand below the gradient of a step: the scale of its advantages, and the loss positions that its sum over tokens is
divided by. Taken from the step's own groups, both would depend on how a group came out (asking makes episodes long and returns
wide), and a group's gradient times a factor of its own outcome is biased, the more so the fewer groups there are. Here both
come from earlier steps. In the first step nothing is known yet: each group is scaled by the other groups of the step, and each
update divided by the positions of the other updates, which are independent of it as well. (So the constant differs a little
between the groups of the first step; from the second on it is one number for all.)
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bao.train.groups import Group

MEMORY = 0.8
"""Share of a running mean that a step leaves: half of it is from the last three steps."""


@dataclass(frozen=True, slots=True)
class Running:
    """Running means over past steps. Its fields are JSON: a checkpoint holds them, so that a resumed run goes on alike."""

    mean_squares: Mapping[str, float] = field(default_factory=dict)
    """Of the differences from the baseline, by objective: over the turns of the groups that differ within themselves in it, so
    that neither a step without any difference nor ever fewer of them make advantages explode."""
    positions: float | None = None
    """Loss positions per trajectory."""

    def scaled(self, groups: Sequence[Group]) -> list[Group]:
        """One step's `groups` with ``advantages = sum price * differences / scale`` over their terms; as they are without any.

        An objective seen in no earlier step and in no other group has the scale 1.
        """
        return [self._scaled(group, [other for other in groups if other is not group]) for group in groups]

    def _scaled(self, group: Group, others: Sequence[Group]) -> Group:
        if not group.terms:
            return group
        advantages = np.zeros(group.advantages.shape)
        for name, term in group.terms.items():
            square = self.mean_squares[name] if name in self.mean_squares else mean_square(name, others)
            advantages += term.price * term.differences / math.sqrt(1.0 if square is None else square)
        return replace(group, advantages=advantages)

    def scales(self) -> dict[str, float]:
        """By ``scale/`` and the objective, what the next step's differences are divided by; for the metrics."""
        return {f"scale/{name}": math.sqrt(square) for name, square in self.mean_squares.items()}

    def count(self, members: Sequence[Group], others: Sequence[Group]) -> float:
        """The loss positions to expect in an update on `members`, the step's other groups being `others`.

        Those of `members` themselves only where there is nothing else: in a first step that is a single update.
        """
        known = positions_per_trajectory(others or members) if self.positions is None else self.positions
        return known * sum(len(group.trajectories) for group in members)

    def after(self, groups: Sequence[Group]) -> "Running":
        """With what a step's `groups` add."""
        squares = dict(self.mean_squares)
        for name in sorted({name for group in groups for name in group.terms}):
            square = mean_square(name, groups)
            if square is not None:
                squares[name] = _moved(squares.get(name), square)
        return Running(squares, _moved(self.positions, positions_per_trajectory(groups)))


def mean_square(name: str, groups: Iterable[Group]) -> float | None:
    """Mean square difference in objective `name` over the turns of the groups that differ in it; None where none does."""
    total, turns = 0.0, 0
    for group in groups:
        if name in group.terms and group.terms[name].differences.any():
            total += float(np.square(group.terms[name].differences).sum())
            turns += sum(len(trajectory.turns) for trajectory in group.trajectories)
    return total / turns if turns else None


def positions_per_trajectory(groups: Sequence[Group]) -> float:
    """Mean number of loss positions of a trajectory of `groups`, which must not be empty."""
    return sum(group.loss_positions for group in groups) / sum(len(group.trajectories) for group in groups)


def _moved(old: float | None, new: float) -> float:
    return new if old is None else MEMORY * old + (1.0 - MEMORY) * new

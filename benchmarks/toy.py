"""A toy small enough to count: every group of trajectories that a policy can play, weighted by its probability.

The policy is a softmax in each state. Groups are shaped and credited by what trains (`bao.train.groups`), so the expected
gradient of an estimator is that of the code, exact to rounding.
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bao.action import Action, ActionKind
from bao.task import Task
from bao.train.groups import Group, make_group
from bao.train.running import MEMORY
from bao.train.settings import CreditSection
from bao.train.shaping import CostWeights, Shaping
from bao.trajectory import StopReason, Trajectory, Turn

Array = npt.NDArray[np.float64]
TASK = Task("toy-0", "toy", {})
NO_PENALTIES = Shaping(CostWeights(), is_coefficient=0.0, ot_coefficient=0.0)


class Choice(NamedTuple):
    """What can be done in a state."""

    reward: float
    then: int | None = None
    """The state that follows; None ends the episode."""
    involves_user: bool = False


@dataclass(frozen=True)
class Toy:
    """States, each with its choices; an episode starts in the first. A parameter of the policy is the logit of one choice."""

    states: tuple[tuple[Choice, ...], ...]
    weight: float
    """Price of a turn that involves the user."""

    @cached_property
    def paths(self) -> list[tuple[int, ...]]:
        """Every trajectory, as the indices of its choices among all states' choices."""

        def from_state(state: int) -> list[tuple[int, ...]]:
            first = sum(map(len, self.states[:state]))
            found: list[tuple[int, ...]] = []
            for index, choice in enumerate(self.states[state], start=first):
                found += [(index, *rest) for rest in (from_state(choice.then) if choice.then is not None else [()])]
            return found

        return from_state(0)

    @cached_property
    def trajectories(self) -> list[Trajectory]:
        choices = list(itertools.chain(*self.states))
        played = []
        for path in self.paths:
            made = [choices[index] for index in path]
            turns = tuple(Turn("", Action(ActionKind.ACTION), "", one.reward, one.involves_user, tokens=1) for one in made)
            played.append(Trajectory("toy", TASK.id, "toy", 0, "", turns, StopReason.FINISH, False, len(turns)))
        return played

    def policy(self, logits: Array) -> Array:
        """Probability of each choice in its state [choices] from logits [choices]."""
        ends = np.cumsum([len(state) for state in self.states])[:-1]
        return np.concatenate([np.exp(part) / np.exp(part).sum() for part in np.split(logits, ends)])

    def chances(self, logits: Array) -> Array:
        """Probability of each trajectory [paths]."""
        policy = self.policy(logits)
        return np.array([policy[list(path)].prod() for path in self.paths])

    def score_functions(self, logits: Array) -> Array:
        """``grad log pi`` of every turn [paths, turns, choices]; 0 after a trajectory's end."""
        policy, states = self.policy(logits), np.repeat(np.arange(len(self.states)), [len(state) for state in self.states])
        table = np.zeros((len(self.paths), max(map(len, self.paths)), len(logits)))
        for row, path in zip(table, self.paths, strict=True):
            for turn, index in enumerate(path):
                row[turn] = np.where(states == states[index], -policy, 0.0)
                row[turn, index] += 1.0
        return table

    def objective_gradient(self, logits: Array, weight: float | None = None) -> Array:
        """Gradient [choices] of E[R - wU], with the toy's own price unless `weight` is given."""
        price = self.weight if weight is None else weight
        worth = np.array([each.task_return - price * each.user_effort for each in self.trajectories])
        return np.einsum("m,mtk->k", self.chances(logits) * worth, self.score_functions(logits))


def ask_once(weight: float) -> Toy:
    """Finish for .3, or ask; then an answer that is right, which pays 1, or wrong."""
    return Toy(((Choice(0.3), Choice(0.0, 1, involves_user=True)), (Choice(1.0), Choice(0.0))), weight)


def ask_once_logits(asking: float, right: float) -> Array:
    """The policy of `ask_once` that asks and is right with these probabilities."""
    return np.array([0.0, math.log(asking / (1 - asking)), math.log(right / (1 - right)), 0.0])


def ask_often(weight: float, pays: tuple[float, ...]) -> Toy:
    """Finish for .3 or ask; after question k a right answer pays ``pays[k - 1]``, and one may ask again."""
    asked = [
        (Choice(pay), Choice(0.0), *([Choice(0.0, k + 1, involves_user=True)] if k < len(pays) else []))
        for k, pay in enumerate(pays, start=1)
    ]
    return Toy(((Choice(0.3), Choice(0.0, 1, involves_user=True)), *asked), weight)


@dataclass(frozen=True)
class Enumeration:
    """Every group of `size` trajectories of a toy, credited."""

    toy: Toy
    size: int
    credit: CreditSection

    @cached_property
    def counts(self) -> Array:
        """How often each trajectory is in each group [groups, paths]."""
        paths = range(len(self.toy.paths))
        picked = itertools.combinations_with_replacement(paths, self.size)
        return np.array([[picks.count(path) for path in paths] for picks in picked], dtype=np.float64)

    @cached_property
    def groups(self) -> list[Group]:
        return [self._group(counts.astype(int)) for counts in self.counts]

    def _group(self, counts: npt.NDArray[np.int_]) -> Group:
        members = [self.toy.trajectories[path] for path, count in enumerate(counts) for _ in range(count)]
        group = make_group(TASK, self.toy.weight, members, NO_PENALTIES, self.credit)
        assert group is not None
        return group

    def chances(self, logits: Array) -> Array:
        """Probability of each group [groups]."""
        orders = [math.factorial(self.size) / math.prod(map(math.factorial, row)) for row in self.counts.astype(int).tolist()]
        found: Array = np.array(orders) * np.prod(self.toy.chances(logits) ** self.counts, axis=1)
        return found

    def credits(self, group: int, advantages: Array) -> Array:
        """A group's advantages [trajectories, turns], by the toy's trajectories [paths, turns], over the group's size."""
        table = np.zeros((len(self.toy.paths), max(map(len, self.toy.paths))))
        owners = np.repeat(np.arange(len(self.toy.paths)), self.counts[group].astype(int))
        np.add.at(table, (owners, slice(0, advantages.shape[1])), advantages)
        return table / self.size

    @cached_property
    def terms(self) -> dict[str, Array]:
        """Credits [groups, paths, turns] by objective, unscaled; under ``""`` those of an estimator with a scale of its own."""
        names = list(self.groups[0].terms) or [""]
        return {name: np.array([self.credits(i, _of(group, name)) for i, group in enumerate(self.groups)]) for name in names}

    def gradient(self, logits: Array, scales: Mapping[str, float] | None = None) -> Array:
        """Expected gradient [choices], the objectives divided by `scales` (1 where it holds none)."""
        total = sum(table / (scales or {}).get(name, 1.0) for name, table in self.terms.items())
        return np.einsum("c,cmt,mtk->k", self.chances(logits), total, self.toy.score_functions(logits))

    @cached_property
    def _squares(self) -> dict[str, tuple[Array, Array]]:
        """By objective, the sum of squares and the number of turns of each group that differs [groups]."""
        found = {}
        for name in self.groups[0].terms:
            squares = np.array([np.square(group.terms[name].differences).sum() for group in self.groups])
            turns = np.array([sum(len(each.turns) for each in group.trajectories) for group in self.groups])
            found[name] = (squares, np.where(squares > 0, turns, 0))
        return found

    def mean_squares(self, logits: Array) -> dict[str, float]:
        """What a large step would find as `bao.train.running.mean_square`."""
        chances = self.chances(logits)
        means = {name: (chances @ squares, chances @ turns) for name, (squares, turns) in self._squares.items()}
        return {name: float(total / turns) for name, (total, turns) in means.items() if turns > 0}

    def train(self, logits: Array, learned: int, *, steps: int = 60, rate: float = 1.0, truly: bool = False) -> Array:
        """The logits after `steps` steps of `rate` times the expected gradient in logit `learned`, the others held.

        The scales run on as in training. `truly` takes the objective's gradient for the estimator's, over the same scale.
        """
        logits, running = logits.copy(), dict[str, float]()
        for _ in range(steps):
            now = self.mean_squares(logits)
            scales = {name: math.sqrt(running.get(name, square)) for name, square in now.items()}
            if truly:
                gradient = self.toy.objective_gradient(logits) / next(iter(scales.values()), 1.0)
            else:
                gradient = self.gradient(logits, scales)
            logits[learned] += rate * gradient[learned]
            running = {name: MEMORY * running.get(name, square) + (1 - MEMORY) * square for name, square in now.items()}
        return logits


def _of(group: Group, name: str) -> Array:
    return group.terms[name].price * group.terms[name].differences if name else group.advantages

"""What the policy is told of the user's patience in a group: the price of a user turn, or a budget of them."""

from typing import NamedTuple

import numpy as np

from bao.rollout.request import Request
from bao.task import Task
from bao.train.settings import GRPOSection


class Told(NamedTuple):
    """What a group is played and paid by."""

    price: float
    """What a user turn costs in its rewards, within the budget where there is one."""
    budget: int | None
    conditioned: bool
    """Whether the policy is told."""

    def request(self, task: Task, seed: int) -> Request:
        """An episode under these terms. Beside a budget no price is told."""
        return Request(task, seed, self.price if self.conditioned and self.budget is None else None, self.budget)


def draw_told(settings: GRPOSection, rng: np.random.Generator) -> list[Told]:
    """The terms of one step's groups: every effort weight and budget equally often, up to one, in random order."""
    terms = [Told(weight, None, settings.conditioned) for weight in settings.weights]
    terms += [Told(0.0, budget, settings.conditioned) for budget in settings.budgets]
    return [terms[each] for each in np.resize(rng.permutation(len(terms)), settings.groups)]

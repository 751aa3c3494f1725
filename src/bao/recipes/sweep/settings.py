"""What a sweep compares: strategies, the budget that each of them spends, seeds."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bao.errors import ConfigError, suggest
from bao.recipes.recipe import Recipe


class Strategy(StrEnum):
    """A way to several operating points."""

    CONDITIONED = "conditioned"
    """One policy that is told the price, trained over all of them."""
    PER_PRICE = "per-price"
    """One policy for each price."""
    ADAPTIVE = "adaptive"
    """One policy for each of the two ends, then for the price with the most room, from its nearest neighbour."""
    SOUP = "soup"
    """The two ends, and their weights interpolated. Spends what the ends take."""


@dataclass(frozen=True)
class Sweep:
    """A comparison of strategies.

    Every strategy but `Strategy.SOUP` spends ``steps`` steps of reinforcement for each price, whoever takes them.
    """

    recipe: Recipe
    """Its effort weights are numbers. ``model.workers`` is set, so that how many pieces run at once changes no result."""
    strategies: tuple[Strategy, ...]
    seeds: tuple[int, ...]
    steps: int
    """Steps of reinforcement for one price."""

    @property
    def prices(self) -> tuple[float, ...]:
        """The prices that are trained for, but where a search chooses; ascending."""
        return tuple(sorted(set(self.recipe.grpo.weights)))

    @property
    def trajectories(self) -> int:
        """What the training for one price plays."""
        return self.steps * self.recipe.grpo.groups * self.recipe.grpo.group_size

    def of_seed(self, seed: int) -> Recipe:
        return self.recipe.model_copy(update={"seed": seed})

    def told(self, seed: int, prices: Sequence[float], *, depth: int = 0) -> Recipe:
        """The recipe of a policy that is told `prices` alone, in training and evaluation, and trained for all of them.

        A policy that starts from one which is `depth` trainings behind the warm start draws other tasks than that one did.
        """
        recipe, one = self.recipe, len(prices) == 1
        grpo = recipe.grpo.model_copy(update={"effort_weights": tuple(prices), "steps": self.steps * len(prices)})
        evaluation = recipe.evaluation.model_copy(update={"effort_weights": None}) if one else recipe.evaluation
        return recipe.model_copy(update={"seed": seed + depth * _APART, "grpo": grpo, "evaluation": evaluation})

    def settings(self) -> dict[str, Any]:
        """What the folder of the sweep records: the recipe's tables, and its own."""
        recipe = self.recipe.model_dump(mode="json", exclude={"logging", "seed"}, exclude_none=True)
        own = {"strategies": [str(each) for each in self.strategies], "seeds": list(self.seeds), "steps": self.steps}
        return {**recipe, "sweep": own}


_APART = 1_000_003
"""Between the seeds of a policy and of one that starts from it: further than people's seeds are apart."""


def make_sweep(recipe: Recipe, strategies: Sequence[str], seeds: Sequence[int], budget: int | None) -> Sweep:
    """A sweep of `recipe`, whose effort weights have been found. `budget`: trajectories of each strategy; None: the recipe's.

    Raises `ConfigError` on an unknown strategy or none, a repeated seed, a recipe that tells no price or a single one, and a
    budget of less than a step for each price.
    """
    known = [str(each) for each in Strategy]
    for name in strategies:
        if name not in known:
            raise ConfigError(f"--strategy {name} is unknown: {suggest(name, known)}")
    chosen = tuple(each for each in Strategy if each in strategies)
    if not chosen:
        raise ConfigError(f"--strategy names none: give some of {', '.join(known)}")
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise ConfigError(f"--seeds {' '.join(map(str, seeds))} must be different numbers of at least 0")
    grpo, prices = recipe.grpo, sorted(set(recipe.grpo.weights))
    if not grpo.conditioned:
        raise ConfigError("grpo.conditioned=false: a sweep compares policies that are told the price, set it to true")
    if len(prices) < 2:
        raise ConfigError(f"grpo.effort_weights={list(grpo.weights)}: a sweep needs two prices at least")
    whole = grpo.groups * grpo.group_size
    steps = (grpo.steps if budget is None else budget // whole) // len(prices)
    if steps < 1:
        asked = f"grpo.steps={grpo.steps}" if budget is None else f"--budget {budget}"
        raise ConfigError(
            f"{asked} is less than a step for each of the {len(prices)} prices: give --budget {whole * len(prices)} or more "
            f"(a step plays grpo.groups x grpo.group_size = {whole} trajectories)"
        )
    model = recipe.model.model_copy(update={"workers": recipe.model.workers or 1})
    return Sweep(recipe.model_copy(update={"model": model}), chosen, tuple(seeds), steps)


def jobs_of(recipe: Recipe, jobs: int | None) -> int:
    """How many children run at once: as asked, else as many as the cores bear on a CPU, and one on another device.

    Raises `ConfigError` on less than one.
    """
    if jobs is not None:
        if jobs < 1:
            raise ConfigError(f"--jobs {jobs} must be at least 1")
        return jobs
    if recipe.model.device != "cpu":
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // max(1, recipe.model.workers))

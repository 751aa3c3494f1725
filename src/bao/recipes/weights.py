"""The effort weights of a recipe: found from the gym's scripted policies where it says ``"auto"``, and checked in any case."""

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from bao.errors import ConfigError
from bao.evaluation.prices import TASKS, GymPrices, find_prices
from bao.gyms.registry import gym_class
from bao.gyms.section import GymSection, make_gym, requests_at_once, scripted_policy, task_set
from bao.pareto.prices import same_interval
from bao.policies.scripted import ORACLE
from bao.progress import Progress, Silent
from bao.recipes.recipe import Recipe
from bao.recipes.teaching import in_hindsight, measured, measured_behaviours
from bao.rollout.episodes import play_all
from bao.settings import AUTO
from bao.storage.folder import CONFIG
from bao.task import Split
from bao.train.collapse import Reference
from bao.train.shaping import check_weights

TASKS_WITH_MODELS = 50
"""Tasks that prices are found on where models play in the gym, which takes time or money."""


def resolve(recipe: Recipe, progress: Progress, *folders: Path) -> Recipe:
    """The recipe with its effort weights as numbers.

    Weights that one of `folders` was begun with, on the same gym, are taken from there: the first that tells. So a run goes on
    with those that it began with, and reinforcement takes those of its warm start. Raises `ConfigError` on ``"auto"`` for a
    policy that is not told the price, and needs a single weight.
    """
    if recipe.grpo.effort_weights != AUTO:
        return recipe
    if not recipe.grpo.conditioned:
        raise ConfigError(
            "grpo.effort_weights='auto' with grpo.conditioned=false: a policy that is not told the weight needs a single one"
        )
    weights = next(filter(None, (_recorded(folder, recipe) for folder in folders)), None)
    if weights is None:
        found = auto_prices(recipe, progress)
        weights = found.suggested
        if found.largest == 0:
            progress.warn(
                f"grpo.effort_weights='auto': no scripted policy of {recipe.gym.name} earns more by involving the user than "
                "without, so there is no price to choose: the policy is trained at 0 alone"
            )
        progress.say(f"effort weights found for {recipe.gym.name}: {', '.join(f'{weight:g}' for weight in weights)}")
    return recipe.model_copy(update={"grpo": recipe.grpo.model_copy(update={"effort_weights": weights})})


def auto_prices(recipe: Recipe, progress: Progress) -> GymPrices:
    """What ``"auto"`` goes by: the gym's scripted policies, and where the warm start measures the teacher's plays, these."""
    found = prices_of(recipe, progress)
    if not in_hindsight(recipe):
        return found
    # What the teacher's plays tell is finer than any script: where each single decision changes hands.
    top = measured(recipe).values.prices[-1]
    return replace(found, measured=measured_behaviours(recipe), told=top, of="scripted policies and measured plays")


def prices_of(recipe: Recipe, progress: Progress) -> GymPrices:
    """What the gym's scripted policies say of prices, on the recipe's training tasks; played once in a process."""
    size = min(TASKS_WITH_MODELS if requests_at_once(recipe.gym) else TASKS, recipe.grpo.tasks)
    with progress.task("prices", None, quiet=True):
        return _prices((str(gym := gym_class(recipe.gym.name)), *gym.scripted_policies()), recipe.gym.model_dump_json(), size)


@lru_cache(maxsize=4)
def _prices(_: tuple[str, ...], section: str, size: int) -> GymPrices:
    gym = GymSection.model_validate_json(section)
    return find_prices(gym, task_set(gym, Split.TRAIN, size).tasks, Silent())


def check_effort_weights(recipe: Recipe, progress: Progress) -> GymPrices:
    """What the scripted policies say of prices; warns of weights of the recipe that make little sense by that.

    Those are weights that silence some tasks even for the oracle, weights at which no scripted policy acts, and several weights
    between which nothing changes hands. Raises `ConfigError` on a weight that silences the oracle on average.
    """
    weights = recipe.grpo.weights
    size = min(TASKS_WITH_MODELS if requests_at_once(recipe.gym) else TASKS, recipe.grpo.tasks)
    concurrency = min(requests_at_once(recipe.gym), default=1)
    how = (partial(make_gym, recipe.gym), partial(scripted_policy, ORACLE, ORACLE))
    episodes = play_all(*how, task_set(recipe.gym, Split.TRAIN, size).tasks, concurrency=concurrency)
    try:
        warnings = [*check_weights(weights, episodes)]
    except ConfigError as error:
        raise ConfigError(f"grpo.effort_weights={list(weights)}: {error}") from error
    found = prices_of(recipe, progress)
    if in_hindsight(recipe):
        pass  # the warm start says so, by what it has measured
    elif beyond := [weight for weight in weights if weight > 0 and weight >= found.largest]:
        warnings.append(
            f"no scripted policy earns more by involving the user at {', '.join(f'{weight:g}' for weight in beyond)} (that "
            f"pays below {found.largest:.3g}): silence may be right there"
        )
    if recipe.grpo.conditioned and len(set(weights)) > 1 and same_interval(weights, found.breakpoints):
        warnings.append(
            "no behaviour changes hands between the prices of this recipe, so a policy that does the same at all of them is "
            f'right; `bao prices --gym {recipe.gym.name}` shows where they do, and "auto" chooses such weights'
        )
    for warning in warnings:
        progress.warn(f"grpo.effort_weights: {warning}")
    return found


def reference_of(recipe: Recipe, found: GymPrices) -> dict[float, Reference]:
    """What the scripted policies reach at each of the recipe's effort weights."""
    best = {weight: found.overall.best(weight) for weight in recipe.grpo.weights}
    return {weight: Reference(reign.task_return, reign.user_effort) for weight, reign in best.items()}


def _recorded(folder: Path, recipe: Recipe) -> tuple[float, ...] | None:
    """The effort weights in the settings that `folder` was begun with, if they are of the recipe's gym."""
    try:
        values = tomllib.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return None
    if values.get("gym") != recipe.gym.model_dump(mode="json", exclude_none=True):
        return None
    found = [_weights_in(values.get(table)) for table in ("grpo", "prompts")]  # of a run or its reinforcement; of a warm start
    return next(filter(None, found), None)


def _weights_in(table: Any) -> tuple[float, ...] | None:
    weights = table.get("effort_weights") if isinstance(table, Mapping) else None
    return tuple(map(float, weights)) if isinstance(weights, list) else None

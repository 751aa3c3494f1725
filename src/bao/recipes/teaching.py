"""What a recipe's warm start is shown: a teacher's plays, what they were measured to be worth, and the demonstrations.

The plays are those of a scripted teacher, or of anybody who was evaluated on training tasks (``sft.episodes``).
"""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bao.errors import ConfigError, DataError
from bao.evaluation.prices import Behaviour
from bao.evaluation.results import load_result
from bao.gyms.section import check_scripted, make_gym, task_set
from bao.policies.prompt import system_text
from bao.progress import Progress
from bao.recipes.recipe import Recipe
from bao.task import Split
from bao.train.budgets import budget_demonstrations, budget_warnings
from bao.train.demonstrations import (
    Demonstration,
    Rejection,
    counts,
    demonstrations,
    gather,
    hindsight_demonstrations,
    skill_base,
)
from bao.train.guards import value_warnings
from bao.train.hindsight import Play, Values, measure, percents
from bao.train.settings import Selection
from bao.train.situations import situations
from bao.trajectory import Trajectory

MEASURED = "measured"
"""What the best that can be made of a teacher's choices is called."""


@dataclass(frozen=True)
class Lessons:
    """What the warm start learns from."""

    demonstrations: list[Demonstration]
    first: int
    """How many of them are learned from before the others."""
    about: str
    """What is to be told about them."""


@dataclass(frozen=True)
class Measured:
    """A teacher's plays and what they are worth."""

    by_task: tuple[tuple[Play, ...], ...]
    values: Values

    @property
    def plays(self) -> list[Play]:
        return [play for plays in self.by_task for play in plays]


def in_hindsight(recipe: Recipe) -> bool:
    """Whether the warm start tells prices and shows what is best at them; a policy that is told none needs neither."""
    return recipe.sft.selection is Selection.HINDSIGHT and recipe.grpo.conditioned


def teach(recipe: Recipe, progress: Progress) -> Lessons:
    """The demonstrations of a recipe. Warns of what is doubtful about them; raises `ConfigError` where they teach nothing."""
    if not in_hindsight(recipe):
        return _successful(recipe)
    settings, gym = recipe.sft, make_gym(recipe.gym)
    found = measured(recipe)
    rng = np.random.default_rng([recipe.seed, 3])
    how: dict[str, Any] = {"form": recipe.model.prompt, "shown": settings.shown}
    count, base = settings.demonstrations, skill_base(settings.demonstrations, settings.skill)
    limited = round(settings.budget_share * count) if settings.budgets else 0
    skill = base / (count - limited)
    made = hindsight_demonstrations(gym, found.by_task, found.values, count - limited, rng, skill=skill, **how)
    try:
        for warning in value_warnings(found.by_task, found.values, gym.kinds, recipe.grpo.weights):
            progress.warn(f"{_who(recipe)}: {warning}")
        about = f"{len(found.values.rows)} situations, prices up to {found.values.prices[-1]:.2f}"
        kept = list(made)
        if limited:
            for warning in budget_warnings(found.by_task, settings.budgets):
                progress.warn(f"{_who(recipe)}: {warning}")
            prices = (found.by_task, settings.budgets, found.values.prices)
            kept += budget_demonstrations(gym, *prices, limited, np.random.default_rng([recipe.seed, 4]), **how)
            about += f", budgets {', '.join(map(str, settings.budgets))}"
        _measured.cache_clear()  # tens of thousands of plays, which have served
        return Lessons(kept, base, about)
    except ValueError as error:
        raise ConfigError(
            f"{_who(recipe)} shows nothing to learn from: {error}; give it more turns (gym.settings.horizon) or easier tasks "
            "(gym.levels), or name another teacher"
        ) from error


def measured(recipe: Recipe) -> Measured:
    """The plays of the recipe's teacher, and their values at the prices that demonstrations are made for.

    Raises `ConfigError` on an unknown teacher, and on episodes that are not of this gym's training tasks.
    """
    return _measured(recipe.model_dump_json(include={"seed", "gym", "sft", "model"}))


@lru_cache(maxsize=1)  # asked for twice in a run: to find the prices, and to make demonstrations
def _measured(settings: str) -> Measured:
    recipe = Recipe.model_validate_json(settings)
    shown = _recorded(recipe) if recipe.sft.episodes else _scripted(recipe)
    gym, tasks = make_gym(recipe.gym), task_set(recipe.gym, Split.TRAIN, recipe.sft.tasks)
    of_id = {task.id: task for task in tasks}
    flat = [each for row in shown for each in row]
    of = [of_id[play.task_id] for play, _ in flat]
    keys = iter(situations([play for play, _ in flat], recipe.sft.situations, gym, of, seed=recipe.seed))
    by_task = tuple(tuple(Play(play, tuple(slips), tuple(next(keys))) for play, slips in row) for row in shown)
    plays = [play for row in by_task for play in row]
    return Measured(by_task, measure(plays, percents(plays, recipe.sft.top_price, recipe.sft.unseen_prices)))


def measured_behaviours(recipe: Recipe) -> tuple[Behaviour, ...]:
    """What acting best by the measured values earns and takes at each price: mean R and U, expected at the teacher's tasks."""
    found = measured(recipe)
    value, prices = found.values.start(found.plays), np.array(found.values.prices)
    effort = np.maximum(-np.gradient(value, prices), 0.0) if len(prices) > 1 else np.zeros(1)
    return tuple(
        Behaviour(f"{MEASURED} at {price:.0%}", float(v + price * u), float(u))
        for price, v, u in zip(prices, value, effort, strict=True)
    )


Shown = list[list[tuple[Trajectory, list[bool]]]]
"""By task: each play, with which of its turns were slips."""


def _scripted(recipe: Recipe) -> Shown:
    check_scripted(recipe.gym, [recipe.sft.teacher])
    gym, tasks = make_gym(recipe.gym), task_set(recipe.gym, Split.TRAIN, recipe.sft.tasks)
    teacher, rng = gym.scripted_policies()[recipe.sft.teacher], np.random.default_rng([recipe.seed, 1])
    return list(gather(gym, teacher, tasks, recipe.sft.plays, rng, system_text(gym, recipe.model.prompt)))


def _recorded(recipe: Recipe) -> Shown:
    folder = Path(str(recipe.sft.episodes))
    known = {task.id for task in task_set(recipe.gym, Split.TRAIN, recipe.sft.tasks)}
    rows: dict[str, list[tuple[Trajectory, list[bool]]]] = {}
    try:
        for episode in load_result(folder).episodes(traces=False):
            if episode.gym != recipe.gym.name or episode.task_id not in known:
                raise ConfigError(
                    f"sft.episodes={str(folder)!r} holds an episode of {episode.gym}'s task {episode.task_id!r}, which is none "
                    f"of the first {recipe.sft.tasks} training tasks of {recipe.gym.name}: evaluate the teacher with "
                    f"--split train --rollouts {recipe.sft.plays}, or raise sft.tasks"
                )
            rows.setdefault(episode.task_id, []).append((episode, [False] * len(episode.turns)))
    except DataError as error:
        raise ConfigError(f"sft.episodes: {error}") from error
    return list(rows.values())


def _successful(recipe: Recipe) -> Lessons:
    check_scripted(recipe.gym, [recipe.sft.teacher])
    gym = make_gym(recipe.gym)
    rejected: Counter[Rejection] = Counter()
    teacher, tasks = gym.scripted_policies()[recipe.sft.teacher], task_set(recipe.gym, Split.TRAIN, recipe.sft.tasks)
    rng, told = np.random.default_rng([recipe.seed, 1]), recipe.grpo.weights if recipe.grpo.conditioned else ()
    how: dict[str, Any] = {"effort_weights": told, "form": recipe.model.prompt, "rejected": rejected}
    found = demonstrations(gym, teacher, tasks, recipe.sft.demonstrations, rng, shown=recipe.sft.shown, **how)
    try:
        return Lessons(list(found), 0, f"rejected: {counts(rejected)}")
    except ValueError as error:
        raise ConfigError(
            f"sft.teacher={recipe.sft.teacher!r} shows hardly anything worth imitating (rejected: {counts(rejected)}): give "
            "it more turns (gym.settings.horizon) or easier tasks (gym.levels), or name another teacher"
        ) from error


def _who(recipe: Recipe) -> str:
    return f"sft.episodes={str(recipe.sft.episodes)!r}" if recipe.sft.episodes else f"sft.teacher={recipe.sft.teacher!r}"

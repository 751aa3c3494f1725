"""The verb that finds the prices of a gym."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bao.verbs.playing import Settings
from bao.verbs.watching import AnyPath, watching

if TYPE_CHECKING:
    from bao.evaluation.prices import GymPrices
    from bao.evaluation.results import Source
    from bao.progress import Progress


def prices(
    *evaluations: "Source",
    gym: str | None = None,
    levels: Sequence[int] | None = None,
    tasks: int | None = None,
    split: str | None = None,
    recipe: AnyPath | None = None,
    count: int = 5,
    settings: Settings = None,
    progress: "bool | Progress" = True,
) -> "GymPrices":
    """Find the prices of a user turn at which behaviours change hands: a gym's scripted ones, or those that were evaluated.

    Shown is which policy, or silence, is the best from which price on, the range in which involving the user pays, and effort
    weights spread over it. Without evaluations and recipe the gym's scripted policies play some tasks.

    Args:
        evaluations: Folders of `bao eval` or of a run, or folders of such folders: the policies in them, on what they played.
        gym: The gym to play; default: travel.
        levels: Difficulty levels, such as --levels 2 3; default: all.
        tasks: The most tasks to play, once each with each scripted policy; default: 200.
        split: The split of the gym's own tasks; default: train.
        recipe: A bundled recipe's name, a TOML file, or the folder of a run: what grpo.effort_weights = "auto" goes by there,
            the measured plays of its teacher included.
        count: How many effort weights to suggest; more where behaviours change hands more often.
        settings: Settings of the gym, such as {"gym.settings.persona": "busy"}; of the recipe, where one is named.
        progress: Whether to show the progress; or who watches it.
    """
    from dataclasses import replace

    from bao.errors import ConfigError
    from bao.evaluation.prices import TASKS, evaluated_prices, find_prices
    from bao.evaluation.results import find_results
    from bao.gyms.registry import gym_class
    from bao.gyms.section import GymSection, make_gym, task_set
    from bao.recipes.recipe import load_recipe
    from bao.recipes.weights import auto_prices
    from bao.settings import as_overrides, check_settings, override_setting
    from bao.storage.folder import CONFIG

    for option, value in (("tasks", tasks), ("count", count)):
        if value is not None and value < 1:
            raise ConfigError(f"--{option} {value} must be at least 1")
    changes = as_overrides(settings)
    idle: dict[str, object] = {"gym": gym, "levels": levels, "tasks": tasks, "split": split} if evaluations or recipe else {}
    if evaluations:
        idle |= {"recipe": recipe, "set": changes}
    for option, given in idle.items():
        if given:
            raise ConfigError(f"--{option} tells nothing to {'evaluations' if evaluations else '--recipe'}: leave it out")
    if evaluations:
        return evaluated_prices(find_results(evaluations), count=count)
    if recipe is not None:
        file = Path(recipe) / CONFIG if Path(recipe).is_dir() else recipe
        return replace(auto_prices(load_recipe(str(file), changes), watching(progress)), count=count)
    values: dict[str, object] = {"gym": {"name": gym or "travel", **({} if levels is None else {"levels": list(levels)})}}
    for each in changes:
        override_setting(values, each)
    if set(values) != {"gym"}:
        raise ConfigError(f"--set {next(name for name in values if name != 'gym')}.. is no setting of a gym: leave it out")
    section = check_settings(GymSection, values["gym"], "bao prices")  # type: ignore[arg-type]
    make_gym(section)
    split = split or "train"
    there = len(gym_class(section.name).task_set(split, levels=section.levels))
    played = task_set(section, split, min(TASKS if tasks is None else tasks, there)).tasks
    return find_prices(section, played, watching(progress), count=count)

"""The verb that finds the prices of a gym."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bao.verbs.playing import Settings
from bao.verbs.watching import watching

if TYPE_CHECKING:
    from bao.evaluation.prices import GymPrices
    from bao.progress import Progress


def prices(
    *,
    gym: str = "travel",
    levels: Sequence[int] | None = None,
    tasks: int = 200,
    split: str = "train",
    count: int = 5,
    settings: Settings = None,
    progress: "bool | Progress" = True,
) -> "GymPrices":
    """Find the prices of a user turn at which a gym's behaviours change hands, from its scripted policies.

    The scripted policies play some tasks. Shown is which of them, or silence, is the best from which price on, the range in
    which involving the user pays, and effort weights spread over it: those of grpo.effort_weights = "auto".

    Args:
        gym: The gym to play.
        levels: Difficulty levels, such as --levels 2 3; default: all.
        tasks: The most tasks to play, once each with each scripted policy.
        split: The split of the gym's own tasks.
        count: How many effort weights to suggest; more where behaviours change hands more often.
        settings: Settings of the gym, such as {"gym.settings.persona": "busy"}.
        progress: Whether to show the progress; or who watches it.
    """
    from bao.errors import ConfigError
    from bao.evaluation.prices import find_prices
    from bao.gyms.registry import gym_class
    from bao.gyms.section import GymSection, make_gym, task_set
    from bao.settings import as_overrides, check_settings, override_setting

    for option, value in (("tasks", tasks), ("count", count)):
        if value < 1:
            raise ConfigError(f"--{option} {value} must be at least 1")
    values: dict[str, object] = {"gym": {"name": gym, **({} if levels is None else {"levels": list(levels)})}}
    for each in as_overrides(settings):
        override_setting(values, each)
    if set(values) != {"gym"}:
        raise ConfigError(f"--set {next(name for name in values if name != 'gym')}.. is no setting of a gym: leave it out")
    section = check_settings(GymSection, values["gym"], "bao prices")  # type: ignore[arg-type]
    make_gym(section)
    there = len(gym_class(section.name).task_set(split, levels=section.levels))
    return find_prices(section, task_set(section, split, min(tasks, there)).tasks, watching(progress), count=count)

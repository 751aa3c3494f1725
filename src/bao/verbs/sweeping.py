"""The verb that searches a frontier in several ways."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bao.verbs.playing import Settings
from bao.verbs.watching import AnyPath, watching

if TYPE_CHECKING:
    from bao.progress import Progress
    from bao.recipes.sweep.run import SweepResult


def sweep(
    recipe: AnyPath = "quickstart",
    /,
    *,
    out: AnyPath | None = None,
    strategies: Sequence[str] = ("conditioned", "per-price", "adaptive", "soup"),
    seeds: Sequence[int] | None = None,
    budget: int | None = None,
    jobs: int | None = None,
    settings: Settings = None,
    progress: "bool | Progress" = True,
) -> "SweepResult":
    """Search the frontier in several ways, at equal numbers of trajectories, and compare what they reach.

    All start from one warm start. Compared are hypervolumes, of the staircase and of the convex hull, and the regret to the
    best scripted policy, in the mean over prices. The same command over the same folder continues where it stopped.

    Args:
        recipe: A bundled recipe's name, or a TOML file.
        out: Folder for the results; default runs/NAME-sweep.
        strategies: conditioned: one policy that is told the price. per-price: one policy for each price. adaptive: the two
            ends, then each next price where the frontier leaves most room, from the nearest policy. soup: the weights of the
            two ends interpolated.
        seeds: Seeds of the training, such as --seeds 0 1 2; default: the recipe's.
        budget: Trajectories that each strategy plays in training; default: as many as the recipe. Each price gets the same
            share, in whole steps.
        jobs: Pieces of work at once, each in its own process; default: as many as the cores bear.
        settings: Settings in place of the recipe's, such as {"grpo.steps": 20}.
        progress: Whether to show the progress; or who watches it.
    """
    from bao.recipes.recipe import load_recipe
    from bao.recipes.sweep.run import run_sweep
    from bao.recipes.sweep.settings import jobs_of, make_sweep
    from bao.recipes.weights import resolve
    from bao.settings import as_overrides

    loaded = load_recipe(str(recipe), as_overrides(settings))
    folder, watched = Path(out or f"runs/{loaded.name}-sweep"), watching(progress)
    found = make_sweep(resolve(loaded, watched, folder), strategies, seeds or (loaded.seed,), budget)
    return run_sweep(found, folder, jobs_of(found.recipe, jobs), watched)

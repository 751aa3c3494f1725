"""Arms against each other: the same recipe with some settings changed, under several seeds, at equal numbers of trajectories.

Arms whose warm start is the same share it. What an arm reaches is its frontier's hypervolume on the test tasks, and what its
two ends are like (`Reached`); arms are compared seed by seed, so that what they share cancels.
"""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError
from scipy import stats

from bao.errors import ConfigError
from bao.evaluation.overview import write_frontier
from bao.evaluation.results import EvaluationResult
from bao.pareto import Candidate, frontier
from bao.progress import Progress
from bao.recipes import stages
from bao.recipes.recipe import Recipe, check_recipe, load_recipe, read_values
from bao.recipes.run import judge_model
from bao.recipes.weights import resolve
from bao.settings import Section
from bao.storage.atomic import atomic_text
from bao.storage.folder import open_folder
from bao.trajectory import Trajectory

RESULT = "ablation.json"


class Reached(StrEnum):
    """What is compared. All but the first and the last are at the least effort weight, the generous end."""

    HYPERVOLUME = "hypervolume"
    SCORE = "score"
    SUCCESS = "success"
    EFFORT = "user_effort"
    INVOLVEMENT = "involvement_rate"
    IDLE_SEARCHES = "idle_searches"
    REPEATED_QUESTIONS = "repeated_questions"
    LEAST_EFFORT = "user_effort_at_greatest_weight"


class Ablation(Section):
    """A recipe of arms."""

    name: str
    base: str
    """The recipe that every arm starts from: a bundled one or a TOML file."""
    seeds: tuple[int, ...]
    arms: dict[str, dict[str, Any]]
    """For each arm the settings that it changes, as tables of the recipe."""

    def recipe(self, arm: str, seed: int, overrides: tuple[str, ...] = ()) -> Recipe:
        values = load_recipe(self.base, overrides).model_dump(mode="json", exclude_none=True)
        for section, changes in self.arms[arm].items():
            values[section] = {**values[section], **changes} if isinstance(changes, dict) else changes
        return check_recipe({**values, "name": f"{self.name}-{arm}", "seed": seed}, f"arm {arm}")


def is_ablation(source: str) -> bool:
    """Whether a recipe file or bundled recipe describes arms. Raises `ConfigError` where it cannot be read."""
    return "arms" in read_values(source)


def load_ablation(source: str) -> Ablation:
    """Raises `ConfigError` naming what is wrong, arms' settings included."""
    try:
        ablation = Ablation.model_validate(read_values(source))
    except ValidationError as error:
        lines = [f"{source}: {'.'.join(map(str, issue['loc']))}: {issue['msg']}" for issue in error.errors()]
        raise ConfigError("\n".join(lines)) from error
    for arm in ablation.arms:
        ablation.recipe(arm, 0)
    return ablation


def run_ablation(ablation: Ablation, out: Path, progress: Progress, overrides: tuple[str, ...] = ()) -> dict[str, Any]:
    """Run every arm under every seed into `out`, going on where an earlier run stopped; the content of its ``ablation.json``.

    Beside it lies the frontier of the arms, each point with the episodes of all seeds.
    """
    open_folder(out, {**ablation.model_dump(mode="json"), "overrides": list(overrides)})
    found: dict[str, list[dict[str, float]]] = {arm: [] for arm in ablation.arms}
    rows: list[dict[str, Any]] = []
    starts: dict[str, Path] = {}
    pooled: dict[str, dict[str, list[Trajectory]]] = {arm: {} for arm in ablation.arms}
    for seed in ablation.seeds:
        for arm in ablation.arms:
            recipe = resolve(ablation.recipe(arm, seed, overrides), progress, out / f"seed-{seed}" / arm / "bao")
            key = json.dumps([recipe.seed, recipe.model_dump(mode="json", include={"gym", "model", "sft"}), _prompts(recipe)])
            start = starts.setdefault(key, out / f"seed-{seed}" / arm / "sft")
            progress.say(f"{arm}, seed {seed}")
            warm = stages.warm_start(recipe, start, progress)
            trained = stages.reinforce(recipe, warm, out / f"seed-{seed}" / arm / "bao", progress)
            judged = judge_model(recipe, "bao", trained, out / f"seed-{seed}" / arm, progress)
            for each in judged:
                pooled[arm].setdefault(each.label.replace("bao", arm, 1), []).extend(each.episodes())
            candidates = [_candidate(each, arm, seed) for each in judged]
            result = frontier(candidates, seed=seed, resamples=recipe.evaluation.resamples).to_json()
            volume = next(iter(result["hypervolume"].values()))
            found[arm].append(_reached(volume["mean"], [each.summary for each in judged]))
            rows.append({"arm": arm, "seed": seed, "hypervolume": volume, "points": result["points"]})
    first = next(iter(ablation.arms))
    # Evaluations of an earlier version have fewer measures.
    names = [name for name in Reached if all(name in run for runs in found.values() for run in runs)]
    result = {
        "name": ablation.name,
        "seeds": list(ablation.seeds),
        "runs": rows,
        "means": {arm: {name: over_seeds([run[name] for run in runs]) for name in names} for arm, runs in found.items()},
        "differences": {
            arm: {name: over_seeds([b[name] - a[name] for a, b in zip(runs, found[first], strict=True)]) for name in names}
            for arm, runs in found.items()
            if arm != first
        },
    }
    atomic_text(out / RESULT, json.dumps(result, indent=1))
    points = [Candidate.of(rows, label=label, series=arm) for arm, parts in pooled.items() for label, rows in parts.items()]
    write_frontier(frontier(points), out)
    return result


def over_seeds(values: list[float]) -> dict[str, float]:
    """Mean over seeds with a 95 % t interval; without one (equal to the mean) for a single seed."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return {"mean": mean, "low": mean, "high": mean}
    half = float(stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return {"mean": mean, "low": mean - half, "high": mean + half}


def _reached(volume: float, summaries: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """What one run reached; `summaries` of its operating points, the least effort weight first."""
    generous, sparing = summaries[0], summaries[-1]
    counted = [name for name in (Reached.IDLE_SEARCHES, Reached.REPEATED_QUESTIONS) if generous.get(name)]
    return {
        Reached.HYPERVOLUME: volume,
        Reached.SCORE: generous["score"]["mean"],
        Reached.SUCCESS: generous["success"]["mean"],
        Reached.EFFORT: generous["user_effort"]["mean"],
        Reached.INVOLVEMENT: generous["user_involvement_rate"]["mean"],
        **{name: generous[name]["mean"] for name in counted},
        Reached.LEAST_EFFORT: sparing["user_effort"]["mean"],
    }


def _candidate(judged: EvaluationResult, arm: str, seed: int) -> Candidate:
    label = judged.label.replace("bao", f"{arm} seed {seed}", 1)
    return Candidate.of(judged.episodes(), label=label, series=f"{arm} seed {seed}")


def _prompts(recipe: Recipe) -> list[Any]:
    return [recipe.grpo.conditioned, list(recipe.grpo.weights)]

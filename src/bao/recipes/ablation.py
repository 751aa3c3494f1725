"""Arms against each other: the same recipe with some settings changed, under several seeds, at equal numbers of trajectories.

Arms are named one by one, or are all combinations of factors, each of which is left out or not. Arms whose warm start is the
same share it. What an arm reaches on the test tasks is what it is worth at the prices, its frontier's hypervolume, and what
its two ends are like (`Reached`); arms are compared seed by seed, so that what they share cancels.
"""

import itertools
import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import Field, ValidationError, model_validator

from bao.errors import ConfigError
from bao.evaluation.overview import write_frontier
from bao.evaluation.results import EvaluationResult
from bao.measures.clusters import TaskRecord
from bao.pareto import Candidate, frontier
from bao.progress import Progress
from bao.recipes import contrasts, stages
from bao.recipes.recipe import Recipe, check_recipe, has_arms, load_recipe, read_values
from bao.recipes.run import judge_model
from bao.recipes.weights import resolve
from bao.settings import Section, override_setting
from bao.storage.atomic import atomic_text
from bao.storage.folder import open_folder
from bao.trajectory import Trajectory

RESULT = "ablation.json"
PLAIN = "plain"
"""The arm without any factor."""
MOST_FACTORS = 5


class Reached(StrEnum):
    """What is compared. Unless it says otherwise, at the least effort weight, the generous end."""

    WORTH = "worth"
    """R - wU in the mean over the base's effort weights; of a policy that is told none, its one behaviour at each."""
    HYPERVOLUME = "hypervolume"
    HULL_HYPERVOLUME = "hull_hypervolume"
    """Arms of different numbers of points compare by this one."""
    SCORE = "score"
    SUCCESS = "success"
    EFFORT = "user_effort"
    INVOLVEMENT = "involvement_rate"
    IDLE_SEARCHES = "idle_searches"
    REPEATED_QUESTIONS = "repeated_questions"
    LEAST_EFFORT = "user_effort_at_greatest_weight"


Changes = dict[str, Any]
"""Settings as tables of a recipe: ``{"sft": {"thinking": False}}``."""


class Ablation(Section):
    """A recipe of arms."""

    name: str
    base: str
    """The recipe that every arm starts from: a bundled one or a TOML file."""
    seeds: tuple[int, ...] = Field(min_length=1)
    settings: Changes = Field(default_factory=dict)
    """What every arm changes."""
    arms: dict[str, Changes] = Field(default_factory=dict)
    """For each arm the settings that it changes. The first is the one that the others are compared with."""
    factors: dict[str, Changes] = Field(default_factory=dict)
    """In place of arms: for each factor the settings that leave it out. Every combination is an arm, the first has all."""
    margins: dict[Reached, float] = Field(default_factory=dict)
    """For a measure the difference that would not matter; the comparison then says whether any larger one is ruled out."""

    @model_validator(mode="after")
    def _has_arms(self) -> Self:
        if bool(self.arms) == bool(self.factors):
            raise ValueError("name the arms ([arms.NAME] tables) or the factors ([factors.NAME] tables), one of the two")
        if len(self.factors) > MOST_FACTORS:
            raise ValueError(
                f"{len(self.factors)} factors make {2 ** len(self.factors)} arms: name at most {MOST_FACTORS}, or the arms"
            )
        return self

    @property
    def levels(self) -> dict[str, dict[str, bool]]:
        """For each arm of a comparison by factors, which are on."""
        combinations = itertools.product((True, False), repeat=len(self.factors))
        return {
            "+".join(itertools.compress(self.factors, on)) or PLAIN: dict(zip(self.factors, on, strict=True))
            for on in (combinations if self.factors else ())
        }

    @property
    def changes(self) -> dict[str, Changes]:
        """For each arm the settings that it changes."""
        off = {arm: [self.factors[name] for name, kept in on.items() if not kept] for arm, on in self.levels.items()}
        return {**self.arms, **{arm: _merged(parts) for arm, parts in off.items()}}

    def recipe(self, arm: str, seed: int, overrides: tuple[str, ...] = ()) -> Recipe:
        """What an arm runs: the base, changed by `settings`, by `overrides` and by the arm, later ones winning."""
        values = _merged([self._common(overrides), self.changes[arm]])
        return check_recipe({**values, "name": f"{self.name}-{arm}", "seed": seed}, f"arm {arm}")

    def prices(self, overrides: tuple[str, ...], progress: Progress, out: Path) -> tuple[float, ...]:
        """The effort weights that every arm is judged at: those before any arm changed its own."""
        return resolve(check_recipe(self._common(overrides), self.name), progress, out).grpo.weights

    def _common(self, overrides: tuple[str, ...]) -> Changes:
        values = _merged([load_recipe(self.base).model_dump(mode="json", exclude_none=True), self.settings])
        for override in overrides:
            override_setting(values, override)
        return values


def _merged(parts: Sequence[Changes]) -> Changes:
    """Later ones win, setting by setting, at any depth."""
    found: Changes = {}
    for part in parts:
        for name, value in part.items():
            before = found.get(name)
            found[name] = _merged([before, value]) if isinstance(before, dict) and isinstance(value, dict) else value
    return found


def is_ablation(source: str) -> bool:
    """Whether a recipe file or bundled recipe describes arms. Raises `ConfigError` where it cannot be read."""
    return has_arms(read_values(source))


def load_ablation(source: str) -> Ablation:
    """Raises `ConfigError` naming what is wrong, arms' settings included."""
    try:
        ablation = Ablation.model_validate(read_values(source))
    except ValidationError as error:
        lines = [f"{source}: {'.'.join(map(str, issue['loc']))}: {issue['msg']}" for issue in error.errors()]
        raise ConfigError("\n".join(lines)) from error
    for arm in ablation.changes:
        ablation.recipe(arm, 0)
    return ablation


def run_ablation(ablation: Ablation, out: Path, progress: Progress, overrides: tuple[str, ...] = ()) -> dict[str, Any]:
    """Run every arm under every seed into `out`, going on where an earlier run stopped; the content of its ``ablation.json``.

    Beside it lies the frontier of the arms, each point with the episodes of all seeds.
    """
    open_folder(out, {**ablation.model_dump(mode="json"), "overrides": list(overrides)})
    arms, prices = list(ablation.changes), ablation.prices(overrides, progress, out)
    found: dict[str, list[dict[str, float]]] = {arm: [] for arm in arms}
    rows: list[dict[str, Any]] = []
    starts: dict[str, Path] = {}
    records: dict[str, TaskRecord] = {}
    pooled: dict[str, dict[str, list[Trajectory]]] = {arm: {} for arm in arms}
    for seed in ablation.seeds:
        for arm in arms:
            recipe = resolve(ablation.recipe(arm, seed, overrides), progress, out / f"seed-{seed}" / arm / "bao")
            key = json.dumps([recipe.seed, recipe.model_dump(mode="json", include={"gym", "model", "sft"}), _prompts(recipe)])
            start = starts.setdefault(key, out / f"seed-{seed}" / arm / "sft")
            progress.say(f"{arm}, seed {seed}")
            warm = stages.warm_start(recipe, start, progress)
            trained = stages.reinforce(recipe, warm, out / f"seed-{seed}" / arm / "bao", progress)
            judged = judge_model(recipe, "bao", trained, out / f"seed-{seed}" / arm, progress)
            for each in judged:
                records |= each.records
                pooled[arm].setdefault(each.label.replace("bao", arm, 1), []).extend(each.episodes())
            candidates = [_candidate(each, arm, seed) for each in judged]
            result = frontier(candidates, seed=seed, resamples=recipe.evaluation.resamples).to_json()
            volume = next(iter(result["hypervolume"].values()))
            hull = next(iter(result["hull_hypervolume"].values()))
            volumes: dict[str, Any] = {Reached.HYPERVOLUME: volume, Reached.HULL_HYPERVOLUME: hull}
            reached = {**_worth(candidates, prices), **{name: value["mean"] for name, value in volumes.items()}}
            found[arm].append({**reached, **_reached([each.summary for each in judged])})
            rows.append({"arm": arm, "seed": seed, **volumes, "points": result["points"]})
    # Evaluations of an earlier version have fewer measures.
    names = [name for name in Reached if all(name in run for runs in found.values() for run in runs)]
    margins = {str(name): margin for name, margin in ablation.margins.items()}
    result = {
        "name": ablation.name,
        "seeds": list(ablation.seeds),
        "prices": list(prices),
        "runs": rows,
        "by_seed": found,
        "means": contrasts.means(found, names),
        "differences": contrasts.differences(found, names, margins),
        "effects": contrasts.effects(found, ablation.levels, names, margins) if ablation.factors else {},
        "margins": margins,
    }
    atomic_text(out / RESULT, json.dumps(result, indent=1))
    points = [
        Candidate.of(rows, label=label, series=arm, records=records)
        for arm, parts in pooled.items()
        for label, rows in parts.items()
    ]
    write_frontier(frontier(points), out)
    return result


def _worth(judged: Sequence[Candidate], prices: Sequence[float]) -> dict[str, float]:
    """`Reached.WORTH` at `prices`, where the policy was judged at each of them or is told none."""
    by_price = {each.effort_weight: each for each in judged}
    rows = [by_price.get(price, by_price.get(None)) for price in prices]
    means = [np.nanmean(row.worth(price)) for row, price in zip(rows, prices, strict=True) if row]
    return {Reached.WORTH: float(np.mean(means))} if len(means) == len(prices) else {}


def _reached(summaries: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """What one run reached beside its hypervolumes; `summaries` of its operating points, the least effort weight first."""
    generous, sparing = summaries[0], summaries[-1]
    counted = [name for name in (Reached.IDLE_SEARCHES, Reached.REPEATED_QUESTIONS) if generous.get(name)]
    return {
        Reached.SCORE: generous["score"]["mean"],
        Reached.SUCCESS: generous["success"]["mean"],
        Reached.EFFORT: generous["user_effort"]["mean"],
        Reached.INVOLVEMENT: generous["user_involvement_rate"]["mean"],
        **{name: generous[name]["mean"] for name in counted},
        Reached.LEAST_EFFORT: sparing["user_effort"]["mean"],
    }


def _candidate(judged: EvaluationResult, arm: str, seed: int) -> Candidate:
    label = judged.label.replace("bao", f"{arm} seed {seed}", 1)
    return Candidate.of(judged.episodes(), label=label, series=f"{arm} seed {seed}", records=judged.records)


def _prompts(recipe: Recipe) -> list[Any]:
    return [recipe.grpo.conditioned, list(recipe.grpo.weights)]

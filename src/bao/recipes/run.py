"""A whole recipe: warm start, reinforcement, evaluation beside the scripted policies, frontier, report."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bao.evaluation.evaluate import evaluate
from bao.evaluation.overview import draw_frontier, make_report, worth_by_user, write_frontier, write_worth
from bao.evaluation.results import EvaluationResult
from bao.evaluation.settings import EvaluationJob
from bao.gyms.registry import gym_class
from bao.gyms.section import check_scripted, task_set
from bao.pareto import Frontier
from bao.pareto.worth import Worth
from bao.policies.scripted import RATIONAL, TEACHER
from bao.progress import Progress
from bao.recipes import stages
from bao.recipes.recipe import Recipe
from bao.recipes.verdict import Verdict, judge, judge_training, write_verdict
from bao.recipes.weights import check_effort_weights, reference_of, resolve
from bao.storage.folder import open_folder


@dataclass(frozen=True)
class RecipeResult:
    """What a run of a recipe leaves."""

    evaluations: tuple[EvaluationResult, ...]
    frontier: Frontier
    report: Path
    worth: Worth
    """Which policy to take at each price, and what each lacks of the best script and of others, as in ``worth.json``."""
    verdicts: tuple[Verdict, ...] = ()
    """How the run failed, as in ``verdict.json``; empty where nothing was found wanting."""


def run_recipe(recipe: Recipe, out: Path, progress: Progress) -> RecipeResult:
    """Run `recipe` into `out`, going on where an earlier run of it stopped.

    Folders: ``sft`` and ``bao`` (models, metrics), ``eval/LABEL`` (episodes, summaries), then ``worth.json``,
    ``verdict.json``, the frontier and the report.
    """
    from bao.train.tracking.metrics_log import read_metrics

    recipe = resolve(recipe, progress, out)
    settings = recipe.model_dump(mode="json", exclude={"logging"}, exclude_none=True)
    open_folder(out, settings)
    scripts = scripts_of(recipe)
    check_scripted(recipe.gym, [*scripts] if recipe.sft.episodes else [recipe.sft.teacher, *scripts])
    progress.say(f"{recipe.name}: {_estimate(recipe, out)}; results go to {out}")
    prices = check_effort_weights(recipe, progress)
    progress.say(f"involving the user pays up to an effort weight of {prices.largest:.2f}, by the scripted policies")
    start = stages.warm_start(recipe, out / "sft", progress)
    trained = stages.reinforce(recipe, start, out / "bao", progress)
    fixed = judge_scripted(recipe, [name for name in scripts if name != RATIONAL], out, progress)
    judged = {
        "sft": judge_model(recipe, "sft", start, out, progress),
        "bao": judge_model(recipe, "bao", trained, out, progress),
    }
    if RATIONAL in scripts:
        judged[RATIONAL] = judge_rational(recipe, out, progress)
    results = [*fixed, *(each for found in judged.values() for each in found)]
    progress.say(f"{len(results)} evaluations, now the frontier and the report")
    how: dict[str, Any] = {"seed": recipe.seed, "resamples": recipe.evaluation.resamples}
    labels = {name: [each.label for each in found] for name, found in judged.items()}
    points = {name: dict(zip(told_prices(recipe), found, strict=True)) for name, found in labels.items()}
    (worth,) = worth_by_user(results, points=points, **how)
    write_worth([worth], out)
    verdicts = [*judge(worth, "bao", "sft"), *judge_training(out / "bao", "bao", reference_of(recipe, prices))]
    write_verdict(verdicts, out)
    # What can be had without learning: a fixed policy at either end.
    ends = ("ask_all", "never_ask")
    unions = (ends,) if set(ends) <= set(scripts) else ()
    found = draw_frontier(results, unions=unions, **how)
    write_frontier(found, out)
    curves = {name: read_metrics(out / name / "metrics.jsonl") for name in ("bao", "sft")}
    notes = [str(each) for each in verdicts]
    report = make_report(recipe.name, results, found, out, settings=settings, curves=curves, notes=notes, worths=[worth])
    for each in verdicts:
        progress.warn(str(each))
    return RecipeResult(tuple(results), found, report, worth, tuple(verdicts))


def _estimate(recipe: Recipe, out: Path) -> str:
    from bao.models.local import is_saved
    from bao.recipes.estimate import minutes

    if is_saved(out / "bao" / stages.MODEL):
        return "training is done already"
    if recipe.model.path is not None:
        return "how long it takes shows once training has begun, since model.path is a model of your own"
    expected = max(1, round(minutes(recipe)))
    return f"about {expected} minute{'s' if expected > 1 else ''} on this machine"


def scripts_of(recipe: Recipe) -> list[str]:
    """The scripted policies that are evaluated: those named, or all but teachers."""
    named = recipe.evaluation.scripted
    known = gym_class(recipe.gym.name).scripted_policies()
    return [*named] if named is not None else [name for name in known if not name.startswith(TEACHER)]


def judge_scripted(recipe: Recipe, names: Sequence[str], out: Path, progress: Progress) -> list[EvaluationResult]:
    """Evaluate these scripted policies, once each whatever the prices."""
    job, found = _job(recipe), []
    with progress.task("scripted policies", None):
        for name in names:
            found += evaluate(f"scripted:{name}", job, {None: out / "eval" / name}, progress)
    return found


def judge_rational(recipe: Recipe, out: Path, progress: Progress) -> list[EvaluationResult]:
    """``rational`` at the prices that the trained policies are judged at."""
    folders: dict[float | None, Path] = {price: out / "eval" / f"{RATIONAL}-w{price:g}" for price in told_prices(recipe)}
    with progress.task(f"scripted policy {RATIONAL}", None):
        return evaluate(f"scripted:{RATIONAL}", _job(recipe), folders, progress)


def told_prices(recipe: Recipe) -> list[float]:
    """The prices that policies are judged at, ascending; the single one of a policy that is not told it."""
    weights = (recipe.grpo.conditioned and recipe.evaluation.effort_weights) or recipe.grpo.weights
    return sorted(set(weights))


def point_folders(recipe: Recipe, series: str, out: Path) -> dict[float | None, Path]:
    """The folder of each evaluation of `judge_model`, by effort weight; None where the policy is told none."""
    told: list[float | None] = [*told_prices(recipe)] if recipe.grpo.conditioned else [None]
    return {weight: out / "eval" / (series if weight is None else f"{series}-w{weight:g}") for weight in told}


def judge_model(recipe: Recipe, series: str, path: Path, out: Path, progress: Progress) -> list[EvaluationResult]:
    """Evaluate the model in `path` as `series`, at every effort weight where the recipe conditions it on one."""
    folders = point_folders(recipe, series, out)
    # Its episodes share one batch, over model.workers.
    return evaluate(f"local:{path}", _job(recipe, series, workers=1, ray=None), folders, progress)


def _job(recipe: Recipe, series: str | None = None, **changes: int | None) -> EvaluationJob:
    settings = recipe.evaluation.model_copy(update=changes)
    tasks = task_set(recipe.gym, settings.split, settings.tasks)
    return EvaluationJob(recipe.gym, tasks, settings, recipe.seed, series, recipe.model, rows=recipe.grpo.rows)

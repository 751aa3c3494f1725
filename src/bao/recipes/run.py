"""A whole recipe: warm start, reinforcement, evaluation beside the scripted policies, frontier, report."""

from dataclasses import dataclass
from pathlib import Path

from bao.evaluation.evaluate import evaluate
from bao.evaluation.overview import draw_frontier, make_report, write_frontier
from bao.evaluation.results import EvaluationResult
from bao.evaluation.settings import EvaluationJob
from bao.gyms.section import check_scripted, task_set
from bao.pareto import Frontier
from bao.progress import Progress
from bao.recipes import stages
from bao.recipes.recipe import Recipe
from bao.recipes.weights import check_effort_weights, resolve
from bao.storage.folder import open_folder


@dataclass(frozen=True)
class RecipeResult:
    """What a run of a recipe leaves."""

    evaluations: tuple[EvaluationResult, ...]
    frontier: Frontier
    report: Path


def run_recipe(recipe: Recipe, out: Path, progress: Progress) -> RecipeResult:
    """Run `recipe` into `out`, going on where an earlier run of it stopped.

    Folders: ``sft`` and ``bao`` (models, metrics), ``eval/LABEL`` (episodes, summaries), then the frontier and the report.
    """
    from bao.train.tracking.metrics_log import read_metrics

    recipe = resolve(recipe, progress, out)
    settings = recipe.model_dump(mode="json", exclude={"logging"}, exclude_none=True)
    open_folder(out, settings)
    check_scripted(recipe.gym, [recipe.sft.teacher, *recipe.evaluation.scripted])
    progress.say(f"{recipe.name}: {_estimate(recipe, out)}; results go to {out}")
    prices = check_effort_weights(recipe, progress)
    progress.say(f"involving the user pays up to an effort weight of {prices.largest:.2f}, by the scripted policies")
    start = stages.warm_start(recipe, out / "sft", progress)
    trained = stages.reinforce(recipe, start, out / "bao", progress)
    results = _judge_scripted(recipe, out, progress)
    for series, path in (("sft", start), ("bao", trained)):
        results += judge_model(recipe, series, path, out, progress)
    progress.say(f"{len(results)} evaluations, now the frontier and the report")
    # What can be had without learning: a fixed policy at either end.
    ends = ("ask_all", "never_ask")
    unions = (ends,) if set(ends) <= set(recipe.evaluation.scripted) else ()
    found = draw_frontier(results, unions=unions, seed=recipe.seed, resamples=recipe.evaluation.resamples)
    write_frontier(found, out)
    curves = {name: read_metrics(out / name / "metrics.jsonl") for name in ("bao", "sft")}
    report = make_report(recipe.name, results, found, out, settings=settings, curves=curves)
    return RecipeResult(tuple(results), found, report)


def _estimate(recipe: Recipe, out: Path) -> str:
    from bao.models.local import is_saved
    from bao.recipes.estimate import minutes

    if is_saved(out / "bao" / stages.MODEL):
        return "training is done already"
    if recipe.model.path is not None:
        return "how long it takes shows once training has begun, since model.path is a model of your own"
    expected = max(1, round(minutes(recipe)))
    return f"about {expected} minute{'s' if expected > 1 else ''} on this machine"


def _judge_scripted(recipe: Recipe, out: Path, progress: Progress) -> list[EvaluationResult]:
    job, found = _job(recipe), []
    with progress.task("scripted policies", None):
        for name in recipe.evaluation.scripted:
            found += evaluate(f"scripted:{name}", job, {None: out / "eval" / name}, progress)
    return found


def judge_model(recipe: Recipe, series: str, path: Path, out: Path, progress: Progress) -> list[EvaluationResult]:
    """Evaluate the model in `path` as `series`, at every effort weight where the recipe conditions it on one."""
    weights = recipe.evaluation.effort_weights or recipe.grpo.weights
    told: list[float | None] = [*sorted(set(weights))] if recipe.grpo.conditioned else [None]
    folders = {weight: out / "eval" / (series if weight is None else f"{series}-w{weight:g}") for weight in told}
    # Its episodes share one batch, over model.workers.
    return evaluate(f"local:{path}", _job(recipe, series, workers=1, ray=None), folders, progress)


def _job(recipe: Recipe, series: str | None = None, **changes: int | None) -> EvaluationJob:
    settings = recipe.evaluation.model_copy(update=changes)
    tasks = task_set(recipe.gym, settings.split, settings.tasks)
    return EvaluationJob(recipe.gym, tasks, settings, recipe.seed, series, recipe.model, rows=recipe.grpo.rows)

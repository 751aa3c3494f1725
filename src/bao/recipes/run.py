"""A whole recipe: warm start, reinforcement, evaluation beside the scripted policies, frontier, report."""

from pathlib import Path

from bao.evaluation.evaluate import evaluate, evaluate_weights
from bao.evaluation.results import EvaluationResult
from bao.gyms.section import check_scripted, task_set
from bao.measures.catalogue import interval_text
from bao.progress import Progress
from bao.recipes import stages
from bao.recipes.recipe import Recipe
from bao.report.tables import table
from bao.report.terminal import results_console
from bao.storage.folder import open_folder


def run_recipe(recipe: Recipe, out: Path, progress: Progress) -> Path:
    """Run `recipe` into `out`, going on where an earlier run of it stopped; the path of the report.

    Folders: ``sft`` and ``bao`` (models, metrics), ``eval/LABEL`` (episodes, summaries), then the frontier and the report.
    """
    from bao.train.tracking.metrics_log import read_metrics

    settings = recipe.model_dump(mode="json", exclude={"logging"}, exclude_none=True)
    open_folder(out, settings)
    check_scripted(recipe.gym, [recipe.sft.teacher, *recipe.evaluation.scripted])
    largest = stages.check_effort_weights(recipe, progress)
    progress.say(f"{recipe.name}: {_estimate(recipe, out)}; results go to {out}")
    progress.say(f"acting pays up to an effort weight of {largest:.2f}")
    start = stages.warm_start(recipe, out / "sft", progress)
    trained = stages.reinforce(recipe, start, out / "bao", progress)
    judged = judge(recipe, start, trained, out, progress)
    progress.say(f"{len(judged)} evaluations, now the frontier and the report")
    # What can be had without learning: a fixed policy at either end.
    ends = ("ask_all", "never_ask")
    unions = (ends,) if set(ends) <= set(recipe.evaluation.scripted) else ()
    result = stages.draw_frontier(judged, out, unions=unions, seed=recipe.seed, resamples=recipe.evaluation.resamples)
    path = stages.make_report(
        recipe.name,
        judged,
        result,
        out,
        settings=settings,
        curves={name: read_metrics(out / name / "metrics.jsonl") for name in ("bao", "sft")},
    )
    console = results_console()
    console.print(table([each.summary() for each in judged]))
    for series, value in result["hypervolume"].items():
        console.print(f"hypervolume of {series}: {interval_text(value)}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"report: {path}", highlight=False, markup=False, soft_wrap=True)
    return path


def _estimate(recipe: Recipe, out: Path) -> str:
    from bao.models.local import is_saved
    from bao.recipes.estimate import minutes

    if is_saved(out / "bao" / stages.MODEL):
        return "training is done already"
    if recipe.model.path is not None:
        return "how long it takes shows once training has begun, since model.path is a model of your own"
    expected = max(1, round(minutes(recipe)))
    return f"about {expected} minute{'s' if expected > 1 else ''} on this machine"


def judge(recipe: Recipe, start: Path, trained: Path, out: Path, progress: Progress) -> list[EvaluationResult]:
    """Evaluate the scripted policies, the warm start and the trained policy, each of the latter at every effort weight."""
    settings = recipe.evaluation
    tasks = task_set(recipe.gym, settings.split, settings.tasks)
    judged = []
    with progress.task("scripted policies", None):
        for name in settings.scripted:
            folder = out / "eval" / name
            judged.append(evaluate(f"scripted:{name}", recipe.gym, tasks, settings, folder, progress, seed=recipe.seed))
    for series, path in (("sft", start), ("bao", trained)):
        judged += judge_model(recipe, series, path, out, progress)
    return judged


def judge_model(recipe: Recipe, series: str, path: Path, out: Path, progress: Progress) -> list[EvaluationResult]:
    """Evaluate the model in `path` as `series`, at every effort weight where the recipe conditions it on one."""
    # Its episodes share one batch, over model.workers.
    settings = recipe.evaluation.model_copy(update={"workers": 1, "ray": None})
    tasks = task_set(recipe.gym, settings.split, settings.tasks)
    weights = settings.effort_weights or recipe.grpo.effort_weights
    told: list[float | None] = [*sorted(set(weights))] if recipe.grpo.conditioned else [None]
    folders = {weight: out / "eval" / (series if weight is None else f"{series}-w{weight:g}") for weight in told}
    return evaluate_weights(
        f"local:{path}",
        recipe.gym,
        tasks,
        settings,
        folders,
        progress,
        series=series,
        seed=recipe.seed,
        model=recipe.model,
        rows=recipe.grpo.rows,
    )

"""A whole recipe: warm start, reinforcement, evaluation beside the scripted policies, frontier, report."""

from pathlib import Path

from bao import stages
from bao.config import Recipe
from bao.folder import logger, open_folder
from bao.measures.table import table
from bao.progress import Progress
from bao.stages import Judged


def run_recipe(recipe: Recipe, out: Path, progress: Progress) -> Path:
    """Run `recipe` into `out`, going on where an earlier run of it stopped; the path of the report.

    Folders: ``sft`` and ``bao`` (models, metrics), ``eval/LABEL`` (episodes, summaries), then the frontier and the report.
    """
    from bao.train.estimate import minutes
    from bao.train.metrics_log import read_metrics

    settings = recipe.model_dump(mode="json", exclude_none=True)
    open_folder(out, settings)
    stages.scripted(recipe.gym, recipe.evaluation.scripted)
    largest = stages.check_effort_weights(recipe)
    console = progress.console
    console.print(
        f"{recipe.name}: about {minutes(recipe):.0f} minutes on this machine; acting pays up to an effort weight of {largest:.2f}",
        highlight=False,
    )
    start = stages.warm_start(recipe, out / "sft", progress)
    trained = stages.reinforce(recipe, start, out / "bao", progress)
    judged = judge(recipe, start, trained, out, progress)
    logger.info("evaluated %d policies", len(judged))
    result = stages.draw_frontier(judged, out, seed=recipe.seed, resamples=recipe.evaluation.resamples)
    path = stages.make_report(
        recipe.name, judged, result, out, settings=settings,
        curves={name: read_metrics(out / name / "metrics.jsonl") for name in ("bao", "sft")},
    )  # fmt: skip
    console.print(table([each.summary() for each in judged]))
    volumes = ", ".join(
        f"{series} {value['mean']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"
        for series, value in result["hypervolume"].items()
    )
    console.print(f"hypervolume: {volumes}", highlight=False)
    console.print(f"report: {path}", highlight=False)
    return path


def judge(recipe: Recipe, start: Path, trained: Path, out: Path, progress: Progress) -> list[Judged]:
    """Evaluate the scripted policies, the warm start and the trained policy, each of the latter at every effort weight."""
    settings = recipe.evaluation
    tasks = stages.task_set(recipe.gym, settings.split, settings.tasks)
    judged = []
    with progress.task("scripted policies", None):
        for name in settings.scripted:
            folder = out / "eval" / name
            judged.append(stages.evaluate(f"scripted:{name}", recipe.gym, tasks, settings, folder, progress, seed=recipe.seed))
    weights = settings.effort_weights or recipe.grpo.effort_weights
    told = sorted(set(weights)) if recipe.grpo.conditioned else [None]
    for series, model in (("sft", start), ("bao", trained)):
        for weight in told:
            folder = out / "eval" / (series if weight is None else f"{series}-w{weight:g}")
            judged.append(
                stages.evaluate(
                    f"local:{model}", recipe.gym, tasks, settings, folder, progress, effort_weight=weight, series=series,
                    seed=recipe.seed, device=recipe.model.device, rows=recipe.grpo.rows,
                )
            )  # fmt: skip
    return judged

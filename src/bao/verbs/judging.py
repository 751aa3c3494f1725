"""The verbs that judge what was played: load, compare, frontier, report."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from bao.verbs.watching import AnyPath, watching

if TYPE_CHECKING:
    from bao.evaluation.comparison import ComparisonResult
    from bao.evaluation.results import EvaluationResult, Source
    from bao.pareto import Frontier
    from bao.progress import Progress


def load(folder: AnyPath, /) -> "EvaluationResult":
    """The evaluation that `folder` holds. Raises `bao.DataError` where it holds none, or several."""
    from bao.evaluation.results import load_result

    return load_result(folder)


def compare(
    *evaluations: "Source",
    measures: Sequence[str] | None = None,
    prices: AnyPath | None = None,
    users: Sequence[str] | None = None,
    judges: Sequence[str] | None = None,
    out: AnyPath | None = None,
    tasks: AnyPath | None = None,
    api_key_env: str | None = None,
    concurrency: int | None = None,
    embedding: str | None = None,
    workers: int = 1,
    device: str = "cpu",
    seed: int = 0,
    progress: "bool | Progress" = True,
) -> "ComparisonResult":
    """Compare evaluations measure by measure, paired by task: differences, intervals, p-values, tasks still missing.

    More than two give all pairs, with p-values adjusted (Holm). With --users or --judges the same policies are played again
    under each of these. The result shows how much of each score survives there, and whether the ranking does.

    Args:
        evaluations: Two or more folders of `bao eval`, or folders of such folders; with --users or --judges, one is enough.
        measures: A measure by name (docs/measures.md), or all; may be repeated. Default: the usual ones.
        prices: A TOML file of prices per million tokens, for money.
        users: Other users to play under: a persona (docs/personas.md), a model that plays the user as MODEL@BASE_URL, one of
            the gym's users (`bao gyms`), or a TOML file of settings of the gym: user, persona, and the tables llm and judge.
        judges: Other models that judge, as MODEL@BASE_URL.
        out: Folder for what is played under other users and judges; the same command continues where it stopped.
        tasks: The file that the tasks were read from, if they are not the gym's own.
        api_key_env: The environment variable that holds the key of all endpoints; default: no key is sent.
        concurrency: The most episodes at once under other users and judges, as for `bao eval`.
        embedding: A sentence-transformers model, by name or folder, for embedding_diversity.
        workers: Processes that share these episodes.
        device: Where a local model runs.
        seed: Seed of the random sign flips and of the bootstrap.
        progress: Whether to show the progress; or who watches it.
    """
    from bao.errors import ConfigError
    from bao.evaluation.comparison import Again, compare_evaluations
    from bao.evaluation.transfer import Execution, other_judge, other_user
    from bao.measures.cost import read_prices
    from bao.measures.diversity import sentence_encoder

    others = [other_user(text, api_key_env) for text in users or ()] + [other_judge(text, api_key_env) for text in judges or ()]
    for option, value in {"out": out, "tasks": tasks, "api-key-env": api_key_env, "concurrency": concurrency}.items():
        if value is not None and not others:
            raise ConfigError(f"--{option} {value} is for playing again: give --users or --judges too, or leave it out")
    priced = None if prices is None else read_prices(Path(prices))
    encode = None if embedding is None else sentence_encoder(embedding)
    folder, file = (None if path is None else Path(path) for path in (out, tasks))
    again = Again(others, folder, Execution(file, api_key_env, concurrency, workers, device))
    return compare_evaluations(evaluations, measures, watching(progress), again, prices=priced, encode=encode, seed=seed)


def frontier(
    evaluations: "Source | Sequence[Source]",
    /,
    *,
    out: AnyPath | None = None,
    objectives: Sequence[str] = ("score", "user_effort"),
    bounds: Sequence[str] | None = None,
    seed: int = 0,
) -> "Frontier":
    """Draw the Pareto frontier over evaluated policies: frontier.json, frontier.png, frontier.svg, worth.json.

    Args:
        evaluations: Folders of `bao eval`, or folders of such folders.
        out: Folder for the result; default: nothing is written.
        objectives: A measure; repeat it for two or more. Each has its own direction.
        bounds: Policies that are drawn as bounds and never called best; none: no policy. Default: the scripted ones that know
            the task, such as the oracle.
        seed: Seed of the bootstrap.
    """
    from bao.evaluation.overview import draw_frontier, worth_by_user, write_frontier, write_worth
    from bao.evaluation.results import find_results, source_names
    from bao.storage.folder import open_folder

    results = find_results(_several(evaluations))
    chosen = None if bounds is None else list(bounds)
    if out is not None:
        names = source_names(_several(evaluations))
        open_folder(Path(out), {"evaluations": names, "objectives": list(objectives), "bounds": chosen, "seed": seed})
    found = draw_frontier(results, objectives, bounds=chosen, seed=seed)
    if out is not None:
        write_frontier(found, Path(out))
        write_worth(worth_by_user(results, bounds=chosen, seed=seed), Path(out))
    return found


def report(
    evaluations: "Source | Sequence[Source]",
    /,
    *,
    out: AnyPath,
    title: str = "Evaluation",
    reference: str | None = None,
    bounds: Sequence[str] | None = None,
    curves: Sequence[AnyPath] | None = None,
    transcript_mb: float | None = None,
) -> Path:
    """Write one self-contained HTML page: frontier, curves, measures, and every episode to filter, sort and read.

    Args:
        evaluations: Folders of `bao eval`, or folders of such folders.
        out: Folder for the result.
        title: The page's title.
        reference: The policy that others are compared with at first; default: the one that is most surely non-dominated.
        bounds: Policies that are drawn as bounds, as for `bao frontier`.
        curves: A metrics.jsonl to draw as learning curves; may be repeated.
        transcript_mb: The most megabytes of transcripts in the page; default 12. The gallery's come first, then a seeded sample
            of tasks. The page names the command that prints any other.
    """
    from bao.errors import ConfigError
    from bao.evaluation.overview import draw_frontier, make_report, worth_by_user, write_frontier, write_worth
    from bao.evaluation.results import find_results, source_names
    from bao.storage.folder import open_folder
    from bao.train.tracking.metrics_log import read_metrics

    files = [Path(file) for file in curves or ()]
    for file in files:
        if not file.is_file():
            raise ConfigError(f"--curves {file} does not exist: give a metrics.jsonl that `bao sft`, `train` or `run` wrote")
    results = find_results(_several(evaluations))
    folder, chosen = Path(out), None if bounds is None else list(bounds)
    open_folder(
        folder, {"evaluations": source_names(_several(evaluations)), "title": title, "reference": reference, "bounds": chosen}
    )
    found = draw_frontier(results, bounds=chosen)
    write_frontier(found, folder)
    worths = worth_by_user(results, bounds=chosen)
    write_worth(worths, folder)
    drawn = {file.parent.name: read_metrics(file) for file in files}
    return make_report(
        title, results, found, folder, curves=drawn, transcript_mb=transcript_mb, reference=reference, worths=worths
    )


def _several(evaluations: "Source | Sequence[Source]") -> "Sequence[Source]":
    return [evaluations] if isinstance(evaluations, str | PathLike) or not isinstance(evaluations, Sequence) else evaluations

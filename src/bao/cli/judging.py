"""The commands that judge evaluations already there: measure them again, compare them, see what transfers."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App
from rich.table import Table
from rich.text import Text

from bao.cli.options import JSON, Several
from bao.errors import ConfigError
from bao.evaluation.results import EvaluationResult, find_results, find_runs, remeasure
from bao.evaluation.transfer import other_judge, other_user, play_again
from bao.measures.catalogue import interval_text
from bao.measures.comparison import Comparison, Difference, compare
from bao.measures.cost import read_prices
from bao.measures.diversity import sentence_encoder
from bao.measures.metrics import measure_tasks
from bao.measures.transfer import Ratio, Scores, Transfer, transfer
from bao.report.tables import table
from bao.report.terminal import TerminalProgress, results_console


def add_to(app: App) -> None:
    """Make these commands commands of `app`."""
    app.command(measure)
    app.command(compare_runs, name="compare")
    app.command(transfer_runs, name="transfer")


def measure(evaluations: list[Path], /, *, prices: Path | None = None, embedding: str | None = None) -> None:
    """Measure stored evaluations again, with money or embeddings; rewrites their summary.json.

    For example:
        bao measure runs/gpt --prices prices.toml
        bao measure runs/quickstart/eval --embedding sentence-transformers/all-MiniLM-L6-v2

    Parameters
    ----------
    evaluations
        Folders of `bao eval`, or folders of such folders.
    prices
        A TOML file of prices per million tokens: [prices."MODEL"] with input and output.
    embedding
        A sentence-transformers model, by name or folder, for embedding_diversity.
    """
    found = find_results(evaluations)
    priced = None if prices is None else read_prices(prices)
    encode = None if embedding is None else sentence_encoder(embedding)
    summaries = [remeasure(judged, prices=priced, encode=encode) for judged in found]
    results_console().print(table(summaries))
    without = [judged for judged, summary in zip(found, summaries, strict=True) if summary["money"] is None]
    if priced is not None and without:
        TerminalProgress().warn(
            f"no money for {', '.join(judged.label for judged in without)}: it takes token counts and a price for "
            f"{', '.join(dict.fromkeys(judged.model() for judged in without))} (the table names {', '.join(priced)})"
        )


def compare_runs(
    evaluations: list[Path],
    /,
    *,
    measure: list[str] | None = None,
    prices: Path | None = None,
    users: Annotated[list[str] | None, Several] = None,
    judges: Annotated[list[str] | None, Several] = None,
    out: Path | None = None,
    tasks: Path | None = None,
    api_key_env: str | None = None,
    concurrency: int | None = None,
    embedding: str | None = None,
    workers: int = 1,
    device: str = "cpu",
    seed: int = 0,
    as_json: JSON = False,
) -> None:
    """Compare evaluations measure by measure, paired by task: differences, intervals, p-values, tasks still missing.

    More than two give all pairs, with p-values adjusted (Holm). With --users or --judges the same policies are played again
    under each of these. The result shows how much of each score survives there, and whether the ranking does.

    For example:
        bao compare runs/before runs/after
        bao compare runs/a runs/b runs/c --measure score --measure user_effort --json
        bao compare runs/a runs/b --users busy qwen3@http://gpu:8000/v1 --out runs/guard
        bao compare runs/a runs/b --judges qwen3@http://gpu:8000/v1 --out runs/guard

    Parameters
    ----------
    evaluations
        Two or more folders of `bao eval`, or folders of such folders; with --users or --judges, one is enough.
    measure
        A measure by name (docs/measures.md), or all; may be repeated. Default: the usual ones.
    prices
        A TOML file of prices per million tokens, for money.
    users
        Other users to play under: a persona (docs/personas.md), a model that plays the user as MODEL@BASE_URL, one of the
        gym's users (`bao gyms`), or a TOML file of settings of the gym: user, persona, and the tables llm and judge.
    judges
        Other models that judge, as MODEL@BASE_URL.
    out
        Folder for what is played under other users and judges; the same command continues where it stopped.
    tasks
        The file that the tasks were read from, if they are not the gym's own.
    api_key_env
        The environment variable that holds the key of all endpoints; default: no key is sent.
    concurrency
        The most episodes at once under other users and judges, as for `bao eval`.
    workers
        Processes that share these episodes.
    device
        Where a local model runs.
    embedding
        A sentence-transformers model, by name or folder, for embedding_diversity.
    seed
        Seed of the random sign flips and of the bootstrap.
    """
    others = [other_user(text, api_key_env) for text in users or ()] + [other_judge(text, api_key_env) for text in judges or ()]
    if not others:
        of_replays = {"out": out, "tasks": tasks, "api-key-env": api_key_env, "concurrency": concurrency}
        for name, value in of_replays.items():
            if value is not None:
                raise ConfigError(f"--{name} {value} is for playing again: give --users or --judges too, or leave it out")
    runs = find_runs(evaluations)
    if len(runs) < 2 and not others:
        raise ConfigError(f"bao compare needs two evaluations, and {evaluations[0]} holds one: name another folder too")
    priced = None if prices is None else read_prices(prices)
    encode = None if embedding is None else sentence_encoder(embedding)
    found = [] if len(runs) < 2 else compare(runs, measure, prices=priced, encode=encode, seed=seed)
    progress = TerminalProgress()
    transfers = []
    if others:
        if out is None:
            raise ConfigError("--users and --judges play the policies again: name a folder for that by --out")
        judged = find_results(evaluations)
        again = play_again(
            judged,
            others,
            out,
            progress,
            tasks=tasks,
            api_key_env=api_key_env,
            concurrency=concurrency,
            workers=workers,
            device=device,
        )
        base = _scores(judged)
        transfers = [transfer(base, _scores(each), ("the evaluations", label), seed=seed) for label, each in again.items()]
    if as_json:
        told = {"comparisons": [pair.to_json() for pair in found]}
        print(json.dumps(told | ({"transfers": [each.to_json() for each in transfers]} if others else {}), indent=1))
        return
    console = results_console()
    for pair in found:
        for warning in pair.warnings:
            progress.warn(warning)
        console.print(_comparison(pair, several=len(found) > 1))
    if transfers:
        console.print(_transfers(transfers))
        print(f"results: {out}")


def transfer_runs(trained: Path, /, *others: Path, seed: int = 0, as_json: JSON = False) -> None:
    """Show how much of the score survives another user or judge, and whether the ranking does.

    Each folder holds evaluations of the same policies under one user.

    For example:
        bao transfer runs/scripted runs/llm
        bao transfer runs/judge-trained-with runs/judge-a runs/judge-b --json

    Parameters
    ----------
    trained
        The evaluations under the user that the policies were trained with.
    others
        The evaluations under other users, a folder each.
    seed
        Seed of the bootstrap.
    """
    if not others:
        raise ConfigError(f"bao transfer needs the evaluations under another user too: name their folder after {trained}")
    base = _scores(find_results([trained]))
    found = [transfer(base, _scores(find_results([other])), (str(trained), str(other)), seed=seed) for other in others]
    if as_json:
        print(json.dumps({"transfers": [each.to_json() for each in found]}, indent=1))
        return
    results_console().print(_transfers(found))


def _scores(evaluations: Sequence[EvaluationResult]) -> Scores:
    found = {}
    for judged in evaluations:
        measured = measure_tasks(judged.episodes())
        # The gym is part of a task's name, so that equal ids of two gyms are not taken for one task.
        tasks = [f"{measured.gym}/{task}" for task in measured.task_ids]
        found[judged.label] = dict(zip(tasks, measured.values["score"].tolist(), strict=True))
    return found


def _comparison(pair: Comparison, several: bool) -> Table:
    paired = f"{pair.tasks} tasks, {pair.by_seed} of them paired by seed"
    view = Table(title=Text(f"B = {pair.b}\nA = {pair.a}\n{paired}"), title_justify="left", caption_justify="left")
    view.add_column("Measure")
    titles = ["A", "B", "B - A, 95 %", "p (Holm)" if several else "p", "Tasks", "Better", "More tasks to settle it"]
    for title in titles:
        view.add_column(title, justify="left" if title == "Better" else "right", overflow="fold")
    for row in pair.differences:
        view.add_row(row.measure, *_row(row))
    return view


def _row(row: Difference) -> Sequence[Text]:
    more = "-" if row.more_tasks is None else "settled" if row.adjusted_p < 0.05 else f"{row.more_tasks:,}"
    return [
        Text(cell)
        for cell in (
            _number(row.a),
            _number(row.b),
            interval_text(row.difference.to_json(), "+.3g"),
            f"{row.adjusted_p:.4f}",
            str(row.tasks),
            row.better or "not told apart",
            more,
        )
    ]


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}" if 0 < abs(value) < 0.01 else f"{value:.3f}"


def _transfers(found: Sequence[Transfer]) -> Table:
    """All from the same user."""
    view = Table(title=Text(f"Scores of {found[0].trained}, and under others"), title_justify="left")
    for title in ("Under", "Policy", "Score before", "Score there", "Reward translation rate, 95 %", "Tasks"):
        view.add_column(title, justify="left" if title in ("Under", "Policy") else "right", overflow="fold")
    for each in found:
        for number, (policy, rate) in enumerate(each.rates.items()):
            before, after = each.scores[policy]
            cells = ("" if number else each.other, policy, f"{before:.3f}", f"{after:.3f}", _ratio(rate), str(each.tasks))
            view.add_row(*map(Text, cells))
        agreement = each.agreement
        shown = (
            "needs two policies that do not tie"
            if agreement is None
            else f"{agreement.mean:.2f} ({agreement.low:.2f} to {agreement.high:.2f} on resampled tasks)"
        )
        view.add_row("", Text("rank agreement (Kendall's tau-b)", style="dim"), "", "", Text(shown, style="dim"), "")
        view.add_section()
    return view


def _ratio(rate: Ratio) -> str:
    return interval_text({"mean": rate.value, "low": rate.low, "high": rate.high}, ".2f")


__all__ = ["add_to"]

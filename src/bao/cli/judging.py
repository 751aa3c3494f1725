"""The commands that judge evaluations already there: measure them again, compare them, see what transfers."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.table import Table
from rich.text import Text

from bao import evaluation
from bao.errors import ConfigError
from bao.measures.compare import Comparison, Difference, compare
from bao.measures.cost import read_prices
from bao.measures.diversity import sentence_encoder
from bao.measures.metrics import measure_tasks
from bao.measures.table import table
from bao.measures.transfer import Ratio, Scores, Transfer, transfer
from bao.progress import Progress, results_console

JSON = Annotated[bool, Parameter(name="--json", help="Print JSON.", show_default=False)]


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
    found = evaluation.find_judged(evaluations)
    priced = None if prices is None else read_prices(prices)
    encode = None if embedding is None else sentence_encoder(embedding)
    summaries = [evaluation.remeasure(judged, prices=priced, encode=encode) for judged in found]
    results_console().print(table(summaries))
    without = [judged for judged, summary in zip(found, summaries, strict=True) if summary["money"] is None]
    if priced is not None and without:
        Progress().warn(
            f"no money for {', '.join(judged.label for judged in without)}: it takes token counts and a price for "
            f"{', '.join(dict.fromkeys(judged.model() for judged in without))} (the table names {', '.join(priced)})"
        )


def compare_runs(
    evaluations: list[Path], /, *, measure: list[str] | None = None, prices: Path | None = None,
    embedding: str | None = None, seed: int = 0, as_json: JSON = False,
) -> None:  # fmt: skip
    """Compare evaluations measure by measure, paired by task: differences, intervals, p-values, tasks still missing.

    More than two give all pairs, their p-values adjusted (Holm).

    For example:
        bao compare runs/before runs/after
        bao compare runs/a runs/b runs/c --measure score --measure user_effort --json

    Parameters
    ----------
    evaluations
        Two or more folders of `bao eval`, or folders of such folders.
    measure
        A measure by name (docs/measures.md), or all; may be repeated. The usual ones where not given.
    prices
        A TOML file of prices per million tokens, for money.
    embedding
        A sentence-transformers model, by name or folder, for embedding_diversity.
    seed
        Seed of the random sign flips.
    """
    runs = evaluation.find_runs(evaluations)
    if len(runs) < 2:
        raise ConfigError(f"bao compare needs two evaluations, and {evaluations[0]} holds one: name another folder too")
    priced = None if prices is None else read_prices(prices)
    encode = None if embedding is None else sentence_encoder(embedding)
    found = compare(runs, measure, prices=priced, encode=encode, seed=seed)
    if as_json:
        print(json.dumps({"comparisons": [pair.to_json() for pair in found]}, indent=1))
        return
    console, progress = results_console(), Progress()
    for pair in found:
        for warning in pair.warnings:
            progress.warn(warning)
        console.print(_comparison(pair, several=len(found) > 1))


def transfer_runs(trained: Path, /, *others: Path, seed: int = 0, as_json: JSON = False) -> None:
    """See how much of the score survives another user or judge, and whether the ranking does.

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
    base = _scores(trained)
    found = [transfer(base, _scores(other), (str(trained), str(other)), seed=seed) for other in others]
    if as_json:
        print(json.dumps({"transfers": [each.to_json() for each in found]}, indent=1))
        return
    console = results_console()
    for each in found:
        console.print(_transfer(each))
        console.print(_agreement(each), highlight=False)


def _scores(folder: Path) -> Scores:
    found = {}
    for judged in evaluation.find_judged([folder]):
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
    interval = row.difference
    more = "-" if row.more_tasks is None else "settled" if row.adjusted_p < 0.05 else f"{row.more_tasks:,}"
    return [
        Text(cell)
        for cell in (
            _number(row.a), _number(row.b), f"{interval.mean:+.3g} [{interval.low:+.3g}, {interval.high:+.3g}]",
            f"{row.adjusted_p:.4f}", str(row.tasks), row.better or "not told apart", more,
        )
    ]  # fmt: skip


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}" if 0 < abs(value) < 0.01 else f"{value:.3f}"


def _transfer(found: Transfer) -> Table:
    view = Table(title=Text(f"{found.trained} -> {found.other}, {found.tasks} tasks"), title_justify="left")
    view.add_column("Policy", overflow="fold")
    view.add_column("Reward translation rate, 95 %", justify="right")
    for policy, rate in found.rates.items():
        view.add_row(Text(policy), _ratio(rate))
    return view


def _agreement(found: Transfer) -> str:
    agreement = found.agreement
    if agreement is None:
        return "rank agreement: needs two policies that do not tie"
    return f"rank agreement (Kendall's tau-b): {agreement.mean:.2f} [{agreement.low:.2f}, {agreement.high:.2f}]"


def _ratio(rate: Ratio) -> str:
    def shown(value: float | None) -> str:
        return "-" if value is None else f"{value:.2f}"

    return f"{shown(rate.value)} [{shown(rate.low)}, {shown(rate.high)}]"


__all__ = ["add_to"]

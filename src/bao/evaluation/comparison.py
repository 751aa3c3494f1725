"""Evaluations side by side, and what is left of their scores under other users and judges."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bao.errors import ConfigError
from bao.evaluation.results import EvaluationResult, Source, find_each, find_results, source_names
from bao.evaluation.rules import best_rules
from bao.evaluation.transfer import Counterpart, Execution, play_again
from bao.measures.clusters import TaskRecord, same_task
from bao.measures.comparison import Comparison, compare
from bao.measures.cost import Prices
from bao.measures.diversity import Encode
from bao.measures.frame import data_frame
from bao.measures.metrics import measure_tasks
from bao.measures.transfer import Scores, Transfer, transfer
from bao.progress import Progress

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ComparisonResult:
    """Every pair of the evaluations, the later against the earlier."""

    comparisons: tuple[Comparison, ...]
    transfers: tuple[Transfer, ...] = ()
    """The same policies under each other user or judge."""

    def to_json(self) -> dict[str, Any]:
        found = {"comparisons": [pair.to_json() for pair in self.comparisons]}
        return {**found, "transfers": [each.to_json() for each in self.transfers]} if self.transfers else found

    def to_pandas(self) -> "pd.DataFrame":
        """A row for each measure of each pair: B less A with its 95 % interval and p-value."""
        rows = []
        for pair in self.comparisons:
            for each in pair.differences:
                row = each.to_json()
                interval = row.pop("difference")
                means = {"mean_a": row.pop("a"), "mean_b": row.pop("b"), "difference": interval["mean"]}
                rows.append({"a": pair.a, "b": pair.b, **row, **means, "low": interval["low"], "high": interval["high"]})
        return data_frame(rows)


class Again(NamedTuple):
    """Under which users and judges evaluations are played again, into which folder, and how."""

    others: Sequence[Counterpart]
    out: Path | None
    execution: Execution


def compare_evaluations(
    sources: Sequence[Source],
    measures: Sequence[str] | None,
    progress: Progress,
    again: Again,
    *,
    prices: Prices | None = None,
    encode: Encode | None = None,
    seed: int = 0,
) -> ComparisonResult:
    """Compare evaluations as `bao.measures.comparison.compare` does, and play them `again`.

    Raises `ConfigError` on fewer than two where there is no other user or judge, and on others without a folder.
    """
    others, out, execution = again
    each_one = find_each(sources)
    rules = best_rules(each_one, measures or ())
    sides = [each.side(rules.get(each.label)) for each in each_one]
    if len(sides) < 2 and not others:
        named = ", ".join(source_names(sources)) or "nothing"
        raise ConfigError(f"a comparison needs two evaluations, and {named} holds {len(sides)}: name another folder too")
    pairs = [] if len(sides) < 2 else compare(sides, measures, prices=prices, encode=encode, seed=seed)
    transfers: list[Transfer] = []
    if others:
        if out is None:
            raise ConfigError("--users and --judges play the policies again: name a folder for that by --out")
        results = find_results(sources)
        for label, each in play_again(results, others, out, execution, progress).items():
            transfers.append(transferred(results, each, ("the evaluations", label), seed=seed))
    return ComparisonResult(tuple(pairs), tuple(transfers))


def transferred(
    trained: Sequence[EvaluationResult], other: Sequence[EvaluationResult], names: tuple[str, str], *, seed: int = 0
) -> Transfer:
    """`bao.measures.transfer.transfer` of evaluations; tasks of equal ids and other contents are not taken for one task."""
    one, two = _records(trained), _records(other)
    twofold = {task for task in one if not same_task(task, one, two)}
    return transfer(_scores(trained, twofold), _scores(other, twofold), names, records={**two, **one}, seed=seed)


def _records(results: Sequence[EvaluationResult]) -> dict[str, TaskRecord]:
    return {f"{each.summary['gym']}/{task}": record for each in results for task, record in each.records.items()}


def _scores(results: Sequence[EvaluationResult], without: Collection[str]) -> Scores:
    """Mean score by policy and task. The gym is part of a task's name: equal ids of two gyms are not taken for one task."""
    found = {}
    for each in results:
        measured = measure_tasks(each.episodes())
        tasks = [f"{measured.gym}/{task}" for task in measured.task_ids]
        scores = zip(tasks, measured.values["score"].tolist(), strict=True)
        found[each.label] = {task: score for task, score in scores if task not in without}
    return found

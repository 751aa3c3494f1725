"""Evaluated policies drawn together: the frontier with its figures, and the report."""

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bao.errors import ConfigError, suggest
from bao.evaluation.results import EvaluationResult
from bao.evaluation.rules import best_rules
from bao.evaluation.users import candidates_by_user
from bao.measures.named import parts
from bao.pareto import Candidate, Frontier, frontier
from bao.pareto.objective import DEFAULT
from bao.pareto.worth import Points, Worth, told_prices, worth
from bao.storage.atomic import atomic_text

FRONTIER, REPORT, WORTH = "frontier.json", "report.html", "worth.json"
NO_BOUNDS = "none"


def draw_frontier(
    results: Sequence[EvaluationResult],
    objectives: Sequence[str] = DEFAULT,
    *,
    bounds: Sequence[str] | None = None,
    unions: Sequence[tuple[str, ...]] = (),
    seed: int = 0,
    resamples: int = 1000,
) -> Frontier:
    """The frontier of evaluated policies; `unions` as for `bao.pareto.frontier`, `bounds` as for `chosen_bounds`.

    Where the objectives name users, a policy is one point (`bao.evaluation.users`).
    """
    among = chosen_bounds(results, bounds)
    if any(parts(name).user for name in objectives):
        candidates = candidates_by_user(results, objectives, among)
        return frontier(candidates, objectives, unions=unions, seed=seed, resamples=resamples)
    rules = best_rules(results, objectives)
    candidates = [each.candidate(objectives, bound=each.label in among, rules=rules.get(each.label)) for each in results]
    return frontier(candidates, objectives, unions=unions, seed=seed, resamples=resamples)


def chosen_bounds(results: Sequence[EvaluationResult], named: Sequence[str] | None) -> frozenset[str]:
    """The labels of those that are drawn as bounds: those that know the task; where policies are `named` (by label or name),
    these instead, and none for `NO_BOUNDS`. Raises `ConfigError` on a name that is none of theirs.
    """
    if named is None:
        return frozenset(each.label for each in results if each.is_bound)
    if list(named) == [NO_BOUNDS]:
        return frozenset()
    known = {name for each in results for name in (each.label, each.series)}
    for name in named:
        if name not in known:
            raise ConfigError(f"--bounds {name} is none of these policies: {suggest(name, [*known, NO_BOUNDS])}")
    return frozenset(each.label for each in results if {each.label, each.series} & set(named))


def worth_by_user(
    results: Sequence[EvaluationResult],
    *,
    points: Points | None = None,
    bounds: Sequence[str] | None = None,
    seed: int = 0,
    resamples: int = 1000,
) -> tuple[Worth, ...]:
    """What policies are worth at each price (`bao.pareto.worth`), for each kind of user that they were played with.

    Prices are those that any of them was told, or those of `points`. A kind of user whose policies share no task, or know the
    tasks, is left out; with `points`, which are those of one kind of user, that raises `DataError`.
    """
    among = chosen_bounds(results, bounds)
    candidates = {each.label: each.candidate(DEFAULT, bound=each.label in among) for each in results}
    prices = told_prices(list(candidates.values())) if points is None else sorted({0.0}.union(*points.values()))
    rules = {each.label for each in results if each.is_rule}
    kinds: dict[str | None, list[Candidate]] = {}
    for each in results:
        kinds.setdefault(each.setting.get("user"), []).append(candidates[each.label])
    found = []
    for user, own in kinds.items():
        played = [set(each.task_ids) for each in own if not each.bound]
        if points is not None or (played and set.intersection(*played)):
            found.append(worth(own, prices, rules, points=points, user=user, seed=seed, resamples=resamples))
    return tuple(found)


def write_worth(found: Sequence[Worth], out: Path) -> None:
    """Leave ``worth.json`` in `out`."""
    atomic_text(out / WORTH, json.dumps({"version": 2, "users": [each.to_json() for each in found]}, indent=1))


def write_frontier(found: Frontier, out: Path) -> None:
    """Leave a frontier in `out` as ``frontier.json``, ``frontier.png`` and ``frontier.svg``."""
    from bao.reporting.figure import write_frontier_figures  # the plotting library takes long to import

    content = found.to_json()
    atomic_text(out / FRONTIER, json.dumps(content, indent=1))
    write_frontier_figures(out, content)


def make_report(
    title: str,
    results: Sequence[EvaluationResult],
    found: Frontier,
    out: Path,
    *,
    curves: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    settings: Mapping[str, Any] | None = None,
    transcript_mb: float | None = None,
    notes: Sequence[str] = (),
    reference: str | None = None,
    worths: Sequence[Worth] = (),
) -> Path:
    """``report.html`` in `out`, with at most `transcript_mb` of transcripts (`bao.reporting.page.TRANSCRIPT_MB`).

    `notes` stand at its top; `reference` is the policy that others are compared with at first; `worths` make the answer that it
    begins with, and its table of regrets. Raises `ConfigError` where the reference is none of the policies.
    """
    from bao.reporting.page import TRANSCRIPT_MB, ReportData, write_report

    labels = [each.label for each in results]
    if reference is not None and reference not in labels:
        raise ConfigError(f"--reference {reference} is none of these policies: {suggest(reference, labels)}")
    path = out / REPORT
    write_report(
        path,
        ReportData(
            title=title,
            frontier=found.to_json(),
            summaries=[(each.label, each.series, each.summary) for each in results],
            curves=curves or {},
            episodes={each.label: each.episodes(traces=False) for each in results},
            settings=settings or {each.label: each.settings for each in results if each.settings},
            records={each.label: each.records for each in results},
            folders={each.label: shlex.quote(_from_here(each.folder)) for each in results},
            notes=[*notes, *found.warnings],
            bounds=[each.label for each in found.bounds],
            reference=reference,
            worth=[each.to_json() for each in worths],
            transcript_mb=TRANSCRIPT_MB if transcript_mb is None else transcript_mb,
        ),
    )
    return path


def _from_here(folder: Path) -> str:
    """A folder's path from where the program runs; its bare name where it lies elsewhere, as the page may travel."""
    full = folder.resolve()
    return str(full.relative_to(Path.cwd()) if full.is_relative_to(Path.cwd()) else full.name)

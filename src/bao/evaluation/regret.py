"""Evaluations as a table of regret (`bao.pareto.regret`): trained policies and ``rational`` at their prices, scripts at all."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bao.evaluation.results import EvaluationResult
from bao.measures.metrics import measure_tasks
from bao.pareto.prices import PriceRange, price_range
from bao.pareto.regret import Played, RegretTable, regrets
from bao.storage.atomic import atomic_text

REGRET = "regret.json"


def played(result: EvaluationResult) -> Played:
    """Its return and effort by task."""
    measured = measure_tasks(result.episodes(traces=False), only=("score", "user_effort"))
    return Played(measured.task_ids, measured.values["score"], measured.values["user_effort"], result.records)


def regret_table(
    fixed: Sequence[EvaluationResult],
    told: Mapping[str, Mapping[float, EvaluationResult]],
    *,
    seed: int = 0,
    resamples: int = 1000,
) -> tuple[RegretTable, PriceRange]:
    """The regret of `told` policies, each with its evaluation at each price, and where the `fixed` ones change hands.

    Those that know the tasks are not counted among the fixed ones.
    """
    scripts = {each.series: played(each) for each in fixed if not each.is_bound}
    policies = {name: {price: played(each) for price, each in found.items()} for name, found in told.items()}
    points = {name: (float(each.task_return.mean()), float(each.user_effort.mean())) for name, each in scripts.items()}
    return regrets(scripts, policies, seed=seed, resamples=resamples), price_range(points)


def write_regret(table: RegretTable, changes: PriceRange, out: Path) -> dict[str, Any]:
    """Leave ``regret.json`` in `out`; its content."""
    content = {**table.to_json(), "breakpoints": list(changes.breakpoints), "largest": changes.largest}
    atomic_text(out / REGRET, json.dumps(content, indent=1))
    return content

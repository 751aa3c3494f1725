"""Summaries side by side, for the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from bao.measures.catalogue import MEASURES, Measure
from bao.measures.comparison import HEADLINE
from bao.measures.summary import measured_in

_ELSEWHERE = ("unparsable", "idle_searches", "repeated_questions", "repeated", "zero_information")
"""What a terminal has no width for: `bao compare` and the report show it."""
_COLUMNS = tuple(name for name in HEADLINE if name not in _ELSEWHERE)


def table(summaries: Sequence[Mapping[str, Any]]) -> Table:
    """One row per summary (as `bao.measures.summarize` gives them), each mean with its 95 % interval."""
    gyms = ", ".join(dict.fromkeys(str(summary["gym"]) for summary in summaries))
    measured = [measured_in(summary) for summary in summaries]
    columns = [MEASURES[name] for name in _COLUMNS if any(name in values for values in measured)]
    view = Table(title=f"{gyms}: means with 95 % intervals over tasks" if gyms else None, title_justify="left")
    view.add_column("Policy", overflow="fold")
    budgets = any("budget" in summary for summary in summaries)
    for name in (
        "w",
        *(["Budget"] if budgets else []),
        "Tasks",
        "Episodes",
        *(_heading(measure) for measure in columns),
        "Faults",
    ):
        view.add_column(name, justify="right")
    for summary, values in zip(summaries, measured, strict=True):
        weight = summary.get("effort_weight")
        cells = [measure.text(values[measure.name], "\n") if measure.name in values else "" for measure in columns]
        counts = [str(summary["tasks"]), str(summary["episodes"]), *cells, str(sum(summary["faults"].values()))]
        told = ["" if weight is None else f"{weight:g}", *([str(summary.get("budget", ""))] if budgets else [])]
        view.add_row(Text(str(summary["policy"])), *told, *counts)
    return view


def _heading(measure: Measure) -> str:
    label = measure.short(2)
    return label[0].upper() + label[1:]

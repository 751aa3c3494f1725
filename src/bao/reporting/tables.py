"""Summaries side by side, for the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from bao.measures.catalogue import MEASURES, Measure
from bao.measures.comparison import HEADLINE
from bao.measures.summary import measured_in

_ELSEWHERE = ("unparsable", "questions", "verbosity", "idle_searches", "repeated_questions", "repeated", "zero_information")
"""What a terminal has no width for: `bao compare` and the report show it."""
_COLUMNS = tuple(name for name in HEADLINE if name not in _ELSEWHERE)


def table(summaries: Sequence[Mapping[str, Any]]) -> Table:
    """One row per summary (as `bao.measures.summarize` gives them), each mean with its 95 % interval.

    ``Faults`` counts the episodes that are left out, ``Errors`` those that the agent's own code broke, which count as failures.
    """
    gyms = ", ".join(dict.fromkeys(str(summary["gym"]) for summary in summaries))
    measured = [measured_in(summary) for summary in summaries]
    columns = [MEASURES[name] for name in _COLUMNS if any(name in values for values in measured)]
    view = Table(title=f"{gyms}: means with 95 % intervals over tasks" if gyms else None, title_justify="left")
    view.add_column("Policy", overflow="fold")
    budgets = any("budget" in summary for summary in summaries)
    broken = any(summary.get("policy_errors") for summary in summaries)
    # What was left out, and what the agent itself broke, stand next to the first measure, which is to be read with them.
    left_out = ("Faults", *(["Errors"] if broken else []))
    headings = [_heading(measure) for measure in columns]
    told_columns = ("w", *(["Budget"] if budgets else []), "Tasks", "Episodes")
    for name in (*told_columns, *headings[:1], *left_out, *headings[1:]):
        view.add_column(name, justify="right")
    for summary, values in zip(summaries, measured, strict=True):
        weight = summary.get("effort_weight")
        cells = [measure.text(values[measure.name], "\n") if measure.name in values else "" for measure in columns]
        excluded = [str(sum(summary["faults"].values())), *([str(summary.get("policy_errors", 0))] if broken else [])]
        counts = [str(summary["tasks"]), str(summary["episodes"]), *cells[:1], *excluded, *cells[1:]]
        told = ["" if weight is None else f"{weight:g}", *([str(summary.get("budget", ""))] if budgets else [])]
        view.add_row(Text(str(summary["policy"])), *told, *counts)
    return view


def _heading(measure: Measure) -> str:
    label = measure.short(2)
    return label[0].upper() + label[1:]

"""Summaries side by side, for the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from bao.measure import Measure, merged
from bao.measures.catalogue import MEASURES
from bao.measures.clusters import caveat, count_text
from bao.measures.comparison import headline
from bao.measures.named import find
from bao.measures.summary import measured_in, own_of
from bao.reporting.sheet import Column, Sheet, print_lines, print_sheet

_ELSEWHERE = ("unparsable", "questions", "verbosity", "idle_searches", "repeated_questions", "repeated", "zero_information")
"""What a terminal has no width for: `bao compare` and the report show it."""
_PART_MOST = 16
"""Characters of what tells the rows of one policy apart, before it goes on in the next line."""


def summaries_sheet(summaries: Sequence[Mapping[str, Any]], *, wide: bool = False, measures: Sequence[str] = ()) -> Sheet:
    """One row per summary (as `bao.measures.summarize` gives them), each mean with its 95 % interval.

    With `wide` every measure with a figure has a column; where `measures` are named, these are the columns. A summary of one
    level of its tasks (``level``), or of one user among several (``under``), says so in every table. ``Faults`` counts the
    episodes that are left out, ``Errors`` those that the agent's own code broke, which count as failures.
    """
    names = Column("Policy", [str(summary["policy"]) for summary in summaries], words=True)
    weights = ["" if (weight := summary.get("effort_weight")) is None else f"{weight:g}" for summary in summaries]
    told = [Column("w", weights)]
    if any("budget" in summary for summary in summaries):
        told.append(Column("Budget", [str(summary.get("budget", "")) for summary in summaries]))
    return Sheet([names, *_parts(summaries), *told], _columns(summaries, wide, measures), _title(summaries))


def notes(summaries: Sequence[Mapping[str, Any]]) -> list[str]:
    """What has to be known of the intervals, once each."""
    told = (
        caveat(summary["tasks"], summary.get("clusters") or summary["tasks"], summary.get("clusters") is not None)
        for summary in summaries
    )
    return list(dict.fromkeys(each for each in told if each))


def print_tables(
    console: Console, summaries: Sequence[Mapping[str, Any]], *, wide: bool = False, measures: Sequence[str] = ()
) -> None:
    """The tables and notes on `console`; where they are `wide`, as wide as they need to be."""
    print_sheet(console, summaries_sheet(summaries, wide=wide, measures=measures), wide=wide)
    print_lines(console, [f"note: {note}" for note in notes(summaries)])


def _columns(summaries: Sequence[Mapping[str, Any]], wide: bool, measures: Sequence[str]) -> list[Column]:
    own = merged(own_of(summary) for summary in summaries)
    measured = [measured_in(summary) for summary in summaries]
    known = [name for name in (*MEASURES, *own) if any(name in values for values in measured)]
    shown = headline(known, [{name: value["mean"] for name, value in values.items()} for values in measured])
    chosen = list(measures) or (known if wide else [name for name in shown if name not in _ELSEWHERE])
    found = []
    for measure in (find(name, own) for name in chosen):
        cells = [measure.text(values[measure.name], "\n") if measure.name in values else "" for values in measured]
        found.append(Column(_heading(measure), cells))
    # What was left out, and what the agent itself broke, stand next to the first measure, which is to be read with them.
    left_out = [Column("Faults", [str(sum(summary["faults"].values())) for summary in summaries])]
    if any(summary.get("policy_errors") for summary in summaries):
        left_out.append(Column("Errors", [str(summary.get("policy_errors", 0)) for summary in summaries]))
    found[1:1] = left_out
    found.append(Column("Tasks\n(clusters)", [_counted(summary) for summary in summaries]))
    found.append(Column("Episodes", [str(summary["episodes"]) for summary in summaries]))
    return found


def _parts(summaries: Sequence[Mapping[str, Any]]) -> list[Column]:
    """What tells the rows of one policy apart."""
    keys = {"Level": "level", "User": "under"}
    return [
        Column(heading, [str(summary.get(key, "")) for summary in summaries], words=True, most=_PART_MOST)
        for heading, key in keys.items()
        if any(key in summary for summary in summaries)
    ]


def _counted(summary: Mapping[str, Any]) -> str:
    clusters = summary.get("clusters")
    return f"{summary['tasks']} ({'?' if clusters is None else clusters})"


def _title(summaries: Sequence[Mapping[str, Any]]) -> str:
    gyms = ", ".join(dict.fromkeys(str(summary["gym"]) for summary in summaries))
    counts = dict.fromkeys(count_text(summary["tasks"], summary.get("clusters")) for summary in summaries)
    return f"{gyms}: means with 95 % intervals, {'; '.join(counts)}" if gyms else ""


def _heading(measure: Measure) -> str:
    label = measure.short(2)
    return label[0].upper() + label[1:]

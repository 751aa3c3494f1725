"""Summaries side by side, for the terminal: every number whole, in as many tables as the width takes."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bao.measure import Measure, merged
from bao.measures.catalogue import MEASURES
from bao.measures.clusters import caveat, count_text
from bao.measures.comparison import headline
from bao.measures.named import find
from bao.measures.summary import measured_in, own_of

_ELSEWHERE = ("unparsable", "questions", "verbosity", "idle_searches", "repeated_questions", "repeated", "zero_information")
"""What a terminal has no width for: `bao compare` and the report show it."""
_NAME_MOST = 28
"""Characters of a policy's name in a narrow table, before it goes on in the next line."""
_PART_MOST = 16
"""Likewise of what tells the rows of one policy apart."""

Columns = list[tuple[str, list[str]]]
"""Headings, each with a cell for every summary."""


def tables(
    summaries: Sequence[Mapping[str, Any]], width: int, *, wide: bool = False, measures: Sequence[str] = ()
) -> list[Table]:
    """One row per summary (as `bao.measures.summarize` gives them), each mean with its 95 % interval.

    Columns that `width` does not take go on in a further table with the same rows; with `wide` all stand in one, and every
    measure with a figure has a column. Where `measures` are named, these are the columns. A summary of one level of its tasks
    (``level``), or of one user among several (``under``), says so in every table. ``Faults`` counts the episodes that are left
    out, ``Errors`` those that the agent's own code broke, which count as failures.
    """
    parts, columns = _parts(summaries), _columns(summaries, wide, measures)
    names = [str(summary["policy"]) for summary in summaries]
    own = max((min(len(name), _NAME_MOST) for name in names), default=0)
    groups: list[Columns] = [[]]
    most = room = width - _taken(max(own, len("Policy"))) - sum(_taken(min(_longest(each), _PART_MOST)) for each in parts)
    for heading, cells in columns:
        needed = _taken(_longest((heading, cells)))
        if not wide and needed > room and groups[-1]:
            groups.append([])
            room = most
        groups[-1].append((heading, cells))
        room -= needed
    return [_table(names, parts, group, _title(summaries) if place == 0 else None) for place, group in enumerate(groups)]


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
    width = console.width
    for view in tables(summaries, width, wide=wide, measures=measures):
        if wide:
            console.width = 10_000
        console.print(view, crop=not wide)
        console.width = width
    for note in notes(summaries):
        console.print(f"note: {note}", highlight=False, markup=False, soft_wrap=True)


def _taken(characters: int) -> int:
    """With the border and the padding."""
    return characters + 3


def _columns(summaries: Sequence[Mapping[str, Any]], wide: bool, measures: Sequence[str]) -> Columns:
    own = merged(own_of(summary) for summary in summaries)
    measured = [measured_in(summary) for summary in summaries]
    known = [name for name in (*MEASURES, *own) if any(name in values for values in measured)]
    shown = headline(known, [{name: value["mean"] for name, value in values.items()} for values in measured])
    chosen = list(measures) or (known if wide else [name for name in shown if name not in _ELSEWHERE])
    weights = ["" if (weight := summary.get("effort_weight")) is None else f"{weight:g}" for summary in summaries]
    found: Columns = [("w", weights)]
    if any("budget" in summary for summary in summaries):
        found.append(("Budget", [str(summary.get("budget", "")) for summary in summaries]))
    first = len(found)
    for measure in (find(name, own) for name in chosen):
        cells = [measure.text(values[measure.name], "\n") if measure.name in values else "" for values in measured]
        found.append((_heading(measure), cells))
    # What was left out, and what the agent itself broke, stand next to the first measure, which is to be read with them.
    left_out: Columns = [("Faults", [str(sum(summary["faults"].values())) for summary in summaries])]
    if any(summary.get("policy_errors") for summary in summaries):
        left_out.append(("Errors", [str(summary.get("policy_errors", 0)) for summary in summaries]))
    found[first + 1 : first + 1] = left_out
    found.append(("Tasks\n(clusters)", [_counted(summary) for summary in summaries]))
    found.append(("Episodes", [str(summary["episodes"]) for summary in summaries]))
    return found


def _parts(summaries: Sequence[Mapping[str, Any]]) -> Columns:
    """What tells the rows of one policy apart."""
    keys = {"Level": "level", "User": "under"}
    return [
        (heading, [str(summary.get(key, "")) for summary in summaries])
        for heading, key in keys.items()
        if any(key in summary for summary in summaries)
    ]


def _longest(column: tuple[str, list[str]]) -> int:
    """Characters of its longest line."""
    heading, cells = column
    return max(len(line) for text in (heading, *cells) for line in text.split("\n") or [""])


def _counted(summary: Mapping[str, Any]) -> str:
    clusters = summary.get("clusters")
    return f"{summary['tasks']} ({'?' if clusters is None else clusters})"


def _title(summaries: Sequence[Mapping[str, Any]]) -> str | None:
    gyms = ", ".join(dict.fromkeys(str(summary["gym"]) for summary in summaries))
    counts = dict.fromkeys(count_text(summary["tasks"], summary.get("clusters")) for summary in summaries)
    return f"{gyms}: means with 95 % intervals, {'; '.join(counts)}" if gyms else None


def _table(names: Sequence[str], parts: Columns, columns: Columns, title: str | None) -> Table:
    view = Table(title=title, title_justify="left")
    view.add_column("Policy", overflow="fold")
    for heading, _ in parts:
        view.add_column(heading, overflow="fold", max_width=_PART_MOST)
    for heading, _ in columns:
        view.add_column(heading, justify="right", no_wrap=True)
    for row, name in enumerate(names):
        view.add_row(Text(name), *(Text(cells[row]) for _, cells in parts), *(cells[row] for _, cells in columns))
    return view


def _heading(measure: Measure) -> str:
    label = measure.short(2)
    return label[0].upper() + label[1:]

"""Summaries side by side, for the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

_COLUMNS = (
    ("score", "Score", 2),
    ("success", "Success", 2),
    ("pass_at_u", "Pass@U-1", 2),
    ("user_effort", "User effort", 2),
    ("user_involvement_rate", "UR", 2),
    ("satisfaction", "Satisfaction (estimate)", 2),
    ("turns", "Turns", 1),
    ("tokens", "Tokens", 0),
    ("money", "Money", None),
    ("embedding_diversity", "Embedding diversity", 3),
)


def table(summaries: Sequence[Mapping[str, Any]]) -> Table:
    """One row per summary (as `bao.measures.summarize` gives them), each mean with its 95 % interval."""
    gyms = ", ".join(dict.fromkeys(str(summary["gym"]) for summary in summaries))
    columns = [column for column in _COLUMNS if any(summary.get(column[0]) is not None for summary in summaries)]
    view = Table(title=f"{gyms}: means with 95 % intervals over tasks" if gyms else None, title_justify="left")
    view.add_column("Policy", overflow="fold")
    for name in ("w", "Tasks", "Episodes", *(title for _, title, _ in columns), "Faults"):
        view.add_column(name, justify="right")
    for summary in summaries:
        weight = summary.get("effort_weight")
        values = {**summary, "pass_at_u": summary["pass_at_u"]["1"]}
        cells = ["" if values.get(key) is None else _cell(values[key], digits) for key, _, digits in columns]
        view.add_row(
            Text(str(summary["policy"])),
            "" if weight is None else f"{weight:g}",
            str(summary["tasks"]),
            str(summary["episodes"]),
            *cells,
            str(sum(summary["faults"].values())),
        )
    return view


def _cell(value: Mapping[str, float], digits: int | None) -> str:
    mean, low, high = (
        f"{value[name]:.3g}" if digits is None else f"{value[name]:.{digits}f}" for name in ("mean", "low", "high")
    )
    return f"{mean}\n[{low}, {high}]"

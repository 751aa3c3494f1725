"""Judgements as tables for the terminal: comparisons, transfers, the arms of an ablation."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from bao.measures.catalogue import MEASURES, interval_text
from bao.measures.clusters import count_text
from bao.measures.comparison import Comparison, Difference
from bao.measures.transfer import Ratio, Transfer
from bao.pareto.regret import ENVELOPE

SHOWN = ("worth", "score", "user_effort")
"""The measures of arms that fit a narrow terminal."""


def ablation_table(result: Mapping[str, Any]) -> Table:
    """The arms of an ``ablation.json`` side by side: means, differences from the first, effects of factors."""
    first, all_names = next(iter(result["means"])), list(next(iter(result["means"].values())))
    names = [name for name in SHOWN if name in all_names]
    caption = "With the half-width of the 95 % interval over seeds. worth is R - wU in the mean over the prices."
    if len(result["seeds"]) > 1:
        caption += " *: differs (p < .05, Holm over the rows). =: any difference is within the margin (two one-sided tests)."
    view = Table(title=f"{len(result['seeds'])} seeds", caption=Text(f"{caption} ablation.json has the other measures."))
    view.caption_justify = view.title_justify = "left"
    view.add_column("Arm", overflow="fold", min_width=20)
    for name in names:
        view.add_column(MEASURES[name].symbol or name if name in MEASURES else name, no_wrap=True)
    parts = [("", "means"), (f"{first} less", "differences"), ("effect of", "effects")]
    for place, (title, part) in enumerate(parts):
        view.add_section()
        if place and result[part]:
            view.add_row(Text(title, style="italic"))
        for label, values in result[part].items():
            view.add_row(label, *(_half_width_text(values[name], "+.3f" if place else ".3f") for name in names))
    return view


def _half_width_text(found: Mapping[str, float], digits: str) -> str:
    marks = "*" * (found.get("p_holm", 1.0) < 0.05) + "=" * (found.get("equivalent", 0.0) > 0)
    return f"{found['mean']:{digits}} ±{found['high'] - found['mean']:.3f} {marks}".rstrip()


def sweep_table(result: Mapping[str, Any]) -> Table:
    """The strategies of a ``sweep.json`` side by side."""
    title = (
        f"{result['name']}: strategies at equal numbers of trajectories, 95 % intervals {result['intervals']}; "
        "regret to the best script or silence, in the mean over prices"
    )
    view = Table(title=Text(title), title_justify="left")
    for name in ("Strategy", "Policies", "Trajectories", "Points", "Hypervolume", "Of its convex hull", "Regret"):
        view.add_column(name, justify="left" if name == "Strategy" else "right", overflow="fold")
    for name, figures in result["means"].items():
        spent = result["spent"][name]
        counts = (f"{spent[each]:,}" for each in ("policies", "trajectories", "points"))
        view.add_row(name, *counts, *(interval_text(value) for value in figures.values()))
    view.add_section()
    for name, figures in result["differences"].items():
        view.add_row(f"{result['first']} less {name}", "", "", "", *(interval_text(each, "+.3f") for each in figures.values()))
    return view


def comparison_table(pair: Comparison, several: bool) -> Table:
    paired = f"{pair.tasks} tasks in {pair.clusters} clusters, {pair.by_seed} tasks paired by seed"
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
    figures = (_number(row.a), _number(row.b), interval_text(row.difference.to_json(), "+.3g"), f"{row.adjusted_p:.4f}")
    return [Text(cell) for cell in (*figures, str(row.tasks), row.better or "not told apart", more)]


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}" if 0 < abs(value) < 0.01 else f"{value:.3f}"


def transfers_table(found: Sequence[Transfer]) -> Table:
    """All from the same user."""
    view = Table(title=Text(f"Scores of {found[0].trained}, and under others"), title_justify="left")
    for title in ("Under", "Policy", "Score before", "Score there", "Reward translation rate, 95 %", "Tasks"):
        view.add_column(title, justify="left" if title in ("Under", "Policy") else "right", overflow="fold")
    for each in found:
        for number, (policy, rate) in enumerate(each.rates.items()):
            before, after = each.scores[policy]
            cells = ("" if number else each.other, policy, f"{before:.3f}", f"{after:.3f}", _ratio(rate), str(each.tasks))
            view.add_row(*map(Text, cells))
        shown, agreed = "needs two policies that do not tie", each.agreement
        if agreed is not None:
            shown = f"{agreed.mean:.2f} ({agreed.low:.2f} to {agreed.high:.2f} on resampled tasks)"
        view.add_row("", Text("rank agreement (Kendall's tau-b)", style="dim"), "", "", Text(shown, style="dim"), "")
        view.add_section()
    return view


def _ratio(rate: Ratio) -> str:
    return interval_text({"mean": rate.value, "low": rate.low, "high": rate.high}, ".2f")


def regret_view(found: Mapping[str, Any], policy: str = "bao") -> Table:
    """The content of a ``regret.json``: what each policy is worth at each price, and the regrets of `policy`."""
    worth = {("best script" if name == ENVELOPE else name): each for name, each in found["worth"].items()}
    lacks = {("best script" if name == ENVELOPE else name): each for name, each in found["regret"][policy].items()}
    titles = (
        "Price w",
        "Best script is",
        *(f"R - wU of {name}" for name in worth),
        *(f"{name} less {policy}" for name in lacks),
    )
    view = Table(
        title=f"Worth and regret by price, {count_text(found['tasks'], found.get('clusters'))}, 95 % intervals paired by task",
        title_justify="left",
    )
    for title in titles:
        view.add_column(title, justify="left" if title == "Best script is" else "right", overflow="fold")
    for place, price in enumerate([*found["prices"], None]):
        picked = [(each["mean"] if price is None else each["at"][place]) for each in (*worth.values(), *lacks.values())]
        shown = [f"{value['mean']:.3f}" for value in picked[: len(worth)]]
        shown += [interval_text(value, "+.3f") for value in picked[len(worth) :]]
        view.add_row("mean" if price is None else f"{price:g}", "" if price is None else found["best"][place], *shown)
    return view
